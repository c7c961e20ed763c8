"""The gateway, driven at random, with the model beside it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dramatiq
from dramatiq.middleware import SkipMessage
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from app.sandbox import envelope
from app.sandbox.chat import Status
from core import clock
from core.errors import ErrorCode, Refused
from models import provisioning
from tests.factories import loaded, phone
from tests.journey import STEPS
from tests.model.driven import PAUSABLE, Driven
from tests.model.plain import (
    ANSWERS,
    DAY,
    HOLD,
    LAPSED,
    LEASE,
    MINUTE,
    OPEN_DAYS,
    REPEATS_KNOWN,
    SECOND,
    STANDSTILL,
)
from workers import conclusion, sending

if TYPE_CHECKING:
    from core.words import State
    from tests.model.plain import Message

FIRST, SECOND_PART = "long " * 819 + " ", "and the rest"
FORBIDDEN = "See https://bit.ly/3abc"
ORDINARY = "Your technician arrives at ten."
TEXTS: dict[str, tuple[str, ...]] = {
    ORDINARY: (ORDINARY,),
    "The part has come in.": ("The part has come in.",),
    FIRST + SECOND_PART: (FIRST, SECOND_PART),
    FORBIDDEN: (FORBIDDEN,),
}
CALL_TEXTS = {"missed_call": (ORDINARY,), "after_hours": (FIRST, SECOND_PART)}
CALLS: dict[str, Any] = {
    "call_events": True,
    "business_hours": {day: [["00:00", "24:00"]] for day in OPEN_DAYS},
    "call_templates": {
        kind: {"enabled": True, "text": "".join(texts)} for kind, texts in CALL_TEXTS.items()
    },
}
STRIDES = ("a step", "to the door", "as far as it can")
CHANGES = ("STOP", "account", "instance", "limits", "window")
MOMENTS = ("window", "validity", "hold", "closing", "cooldown", "midnight")

some = st.integers(0, 50)


class GatewayAndModel(Driven):
    """Rules are what customers, agents, operators, WhatsApp, workers and time do."""

    # Customers.

    @initialize(silent=st.integers(0, 5))
    def most_have_written(self, silent: int) -> None:
        for who in {0, 1, 2} - {silent}:
            self.a_customer_writes(who, "Hello", 0)

    @rule(
        who=st.integers(0, 2),
        text=st.sampled_from(["Hello", "START", "STOP"]),
        ago=st.sampled_from([0, 0, 0, 10 * MINUTE, DAY - SECOND, DAY + SECOND, -10 * MINUTE]),
    )
    def a_customer_writes(self, who: int, text: str, ago: int) -> None:
        now, person = clock.now_ms(), self.model.people[who]
        self.said += 1
        sent = (now - ago) // SECOND
        self.journey.customer_says(text, phone(who), id=f"wamid.{self.said}", timestamp=str(sent))
        if person.says(text, sent * SECOND, now):
            self.confirmation_was_accepted(person)

    # Agents.

    @rule(
        who=st.integers(0, 2),
        text=st.sampled_from(list(TEXTS)),
        keyed=st.booleans(),
        validity_s=st.sampled_from([900, 60, 2 * 86_400]),
        then=st.sampled_from(["received", *STRIDES]),
        after_the_window_ms=st.sampled_from([*[None] * 6, -1, 0]),
    )
    def an_agent_replies(  # noqa: PLR0917
        self,
        who: int,
        text: str,
        keyed: bool,  # noqa: FBT001
        validity_s: int,
        then: str,
        after_the_window_ms: int | None,
    ) -> None:
        now, wrote = clock.now_ms(), self.model.people[who].wrote
        if after_the_window_ms is not None and wrote is not None:
            clock.freeze(max(now, wrote + DAY + after_the_window_ms))
        self.journey.site.set_integration(validity_s=validity_s)
        self.model.validity = validity_s * SECOND
        key = f"key-{len(self.accepted)}" if keyed else None
        payload = {"to": phone(who), "message_text": text}
        kept = self.journey.site.accept(key=key, **payload)
        assert not kept.duplicate
        message = self.message(kept.event_id, who, TEXTS[text])
        message.forbidden = text == FORBIDDEN
        if key is not None:
            self.accepted[key] = (message, payload, clock.now_ms())
        if then != "received":
            self.go(message, then)

    @precondition(lambda self: self.accepted)
    @rule(which=some, changed=st.booleans())
    def an_agent_repeats(self, which: int, changed: bool) -> None:  # noqa: FBT001
        key = list(self.accepted)[which % len(self.accepted)]
        message, payload, at_ms = self.accepted[key]
        if clock.now_ms() >= at_ms + REPEATS_KNOWN:
            return
        if changed:
            with suppress(Refused):
                self.journey.site.accept(key=key, **payload | {"message_text": "Another"})
                raise AssertionError(ErrorCode.IDEMPOTENCY_CONFLICT)
            return
        kept = self.journey.site.accept(key=key, **payload)
        assert (kept.event_id, kept.duplicate) == (message.event_id, True)

    # Phone systems.

    @rule(
        who=st.integers(0, 2),
        then=st.sampled_from(["received", *STRIDES]),
        after_midnight_ms=st.sampled_from([None, None, None, -1, 0]),
    )
    def a_call_is_missed(self, who: int, then: str, after_midnight_ms: int | None) -> None:
        if after_midnight_ms is not None:
            clock.freeze(self.model.midnight(clock.now_ms()) + after_midnight_ms)
        self.journey.site.set_integration(**CALLS)
        kept = self.journey.site.accept(
            event_type="missed_call", to=None, message_text=None, caller=phone(who)
        )
        kind = self.model.kind_of_call(clock.now_ms())
        message = self.message(kept.event_id, who, CALL_TEXTS[kind])
        message.kind = kind
        if then != "received":
            self.go(message, then)

    @rule(
        who=st.integers(0, 2),
        how=st.sampled_from(sorted(ANSWERS)),
        part=st.integers(0, 1),
        off_ms=st.sampled_from([None, -1, 0]),
    )
    def a_call_follows_another(self, who: int, how: str, part: int, off_ms: int | None) -> None:
        """At once, or when the cooldown of the first one is about to be over."""
        now = clock.now_ms()
        if part and self.model.kind_of_call(now) != "after_hours":
            clock.freeze(self.model.midnight(now))
        first = self._call_that_may_go(who, "to the door")
        if part and first.unfinished:
            self.answer = ANSWERS["takes it"]
            self.go(first, "a step")
            clock.turn(SECOND)
        self.answer = ANSWERS[how]
        if first.unfinished:
            self.go(first, "as far as it can")
        follows = self._call_that_may_go(who, "received")
        now = clock.now_ms()
        if off_ms is not None:
            clock.freeze(max(now, self.model.moment(follows, "cooldown", now) + off_ms))
        self.go(follows, "as far as it can")

    def _call_that_may_go(self, who: int, then: str) -> Message:
        self.let_go()
        self.a_customer_writes(who, "START", 0)
        self.a_call_is_missed(who, then, None)
        return self.model.messages[-1]

    # Operators.

    @rule(what=st.sampled_from(sorted(PAUSABLE)))
    def an_operator_pauses_or_resumes(self, what: str) -> None:
        if what in self.model.paused:
            self.journey.site.resume(PAUSABLE[what])
        else:
            self.journey.site.pause(PAUSABLE[what])
        self.model.paused ^= {what}

    @rule(daily=st.sampled_from([0, 1, 2, 3, 100]), monthly=st.sampled_from([1, 3, 5, 2_000]))
    def the_limits_change(self, daily: int, monthly: int) -> None:
        self.set_limits(daily, monthly)

    @precondition(lambda self: self.can_be_revived())
    @rule(which=some, at_once=st.booleans())
    def a_person_begins_one_anew(self, which: int, at_once: bool) -> None:  # noqa: FBT001
        message = self.pick(self.can_be_revived(), which)
        provisioning.requeue([message.event_id], even_if_uncertain=True, due_at_once=at_once)
        self.model.revive(message, clock.now_ms())

    # WhatsApp.

    @rule(how=st.sampled_from(sorted(ANSWERS)))
    def whatsapp_will_answer_so(self, how: str) -> None:
        self.answer = ANSWERS[how]

    @precondition(lambda self: self.model.taken)
    @rule(
        which=some,
        status=st.sampled_from(["sent", "delivered", "read", "failed"]),
        error=st.sampled_from([131026, 131047, 130403]),
    )
    def whatsapp_tells(self, which: int, status: str, error: int) -> None:
        taken = self.journey.taken()
        entry = taken[which % len(taken)]
        shown = self.journey.sandbox.phones.find(entry["message_id"])
        assert shown is not None
        shown.fails = error
        event_id, _, part = entry["biz_opaque_callback_data"].rpartition(":")
        if self.journey.told(envelope.status(self.journey.number, shown, Status(status))):
            self.model.hear(self.of(event_id), int(part), status, error, clock.now_ms())

    # Workers.

    @precondition(lambda self: self.unfinished())
    @rule(
        which=some,
        stride=st.sampled_from(STRIDES),
        at=st.sampled_from(["now", "now", "now", *MOMENTS]),
        off_ms=st.sampled_from([-1, 0]),
    )
    def a_worker_comes(self, which: int, stride: str, at: str, off_ms: int) -> None:
        message = self.pick(self.unfinished(), which)
        now = clock.now_ms()
        if at != "now":
            clock.freeze(max(now, self.model.moment(message, at, now) + off_ms))
        self.go(message, stride)

    @rule(
        who=st.integers(0, 2),
        change=st.sampled_from(CHANGES),
        call=st.booleans(),
    )
    def something_changes_when_one_is_about_to_go(
        self,
        who: int,
        change: str,
        call: bool,  # noqa: FBT001
    ) -> None:
        may_go = self._call_that_may_go if call else self._reply_that_may_go
        message = may_go(who, "to the door")
        if change == "STOP":
            self.a_customer_writes(who, "STOP", 0)
        elif change == "limits":
            self.the_limits_change(0, 2_000)
        elif change == "window":
            now = clock.now_ms()
            clock.freeze(max(now, self.model.moment(message, "window", now)))
        else:
            self.an_operator_pauses_or_resumes(change)
        if message.unfinished:
            self.go(message, "as far as it can")

    @rule(
        who=st.integers(0, 2),
        next_to=st.integers(0, 2),
        how=st.sampled_from(sorted(ANSWERS)),
        off_ms=st.sampled_from([None, -1, 0]),
    )
    def a_reply_follows_another(self, who: int, next_to: int, how: str, off_ms: int | None) -> None:
        """At once, or when what the first one met is about to be over."""
        first = self._reply_that_may_go(who, "to the door")
        follows = self._reply_that_may_go(next_to, "to the door")
        self.answer = ANSWERS[how]
        self.go(first, "as far as it can")
        now = clock.now_ms()
        moment = self.model.moment(follows, "closing", now)
        if first.state == "uncertain" and who == next_to:
            moment = first.since + HOLD
        clock.freeze(now + 50 if off_ms is None else max(now, moment + off_ms))
        if follows.unfinished:
            self.go(follows, "as far as it can")

    def _reply_that_may_go(self, who: int, then: str) -> Message:
        self.let_go()
        self.a_customer_writes(who, "START", 0)
        self.an_agent_replies(who, ORDINARY, False, 2 * 86_400, then, None)
        return self.model.messages[-1]

    @precondition(lambda self: self.unfinished())
    @rule(backwards=st.booleans())
    def workers_take_everything(self, backwards: bool) -> None:  # noqa: FBT001
        for message in self.unfinished()[:: -1 if backwards else 1]:
            self.go(message, "as far as it can")

    @precondition(lambda self: self.model.messages)
    @rule(which=some, state=st.sampled_from(list(STEPS)))
    def a_worker_gets_an_old_message(self, which: int, state: State) -> None:
        message = self.pick(self.model.messages, which)
        if loaded(message.event_id).state != state:
            with suppress(SkipMessage, dramatiq.Retry):
                STEPS[state](message.event_id)

    @rule(who=st.integers(0, 2), call=st.booleans())
    def a_slow_worker_begins_to_send(self, who: int, call: bool) -> None:  # noqa: FBT001
        may_go = self._call_that_may_go if call else self._reply_that_may_go
        message = may_go(who, "to the door")
        if self.at(message) != "ready" or clock.now_ms() >= message.valid_until:
            return
        event = loaded(message.event_id)
        ticket = sending.settle(event)
        if ticket is None:
            self.went_without_asking(message, "ready")
        else:
            self.held.append((event, ticket, self.model.settle(message, clock.now_ms())))

    @precondition(lambda self: self.held)
    @rule(which=some, stands_ms=st.sampled_from([0, 0, STANDSTILL, STANDSTILL + 1, LEASE]))
    def a_slow_worker_asks_whatsapp(self, which: int, stands_ms: int) -> None:
        event, ticket, plain = self.held.pop(which % len(self.held))
        clock.freeze(max(clock.now_ms(), plain.settled + stands_ms))
        answer, stood = self.prepare(), clock.now_ms() - plain.settled
        outcome = sending.transmit(ticket)
        assert self.was_asked() == (stood <= STANDSTILL)
        if stood <= STANDSTILL:
            self.model.ask(plain, answer, clock.now_ms())
        else:
            answer = LAPSED
        self.asked.append((event, ticket, plain, outcome, answer))

    @precondition(lambda self: self.asked)
    @rule(which=some)
    def a_slow_worker_writes_down_what_came_of_it(self, which: int) -> None:
        event, ticket, plain, outcome, answer = self.asked.pop(which % len(self.asked))
        conclusion.conclude(event, ticket, outcome)
        self.model.conclude(plain, answer, clock.now_ms())

    @rule()
    def the_sweep_comes(self) -> None:
        self.sweep()

    # Time.

    @rule(by_ms=st.sampled_from([1, 13, 50, SECOND, 6 * SECOND, 31 * SECOND, 5 * MINUTE, DAY]))
    def time_goes_by(self, by_ms: int) -> None:
        clock.turn(by_ms)
