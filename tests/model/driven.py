"""What drives the gateway and the model side by side, one step at a time, and compares them."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis.stateful import RuleBasedStateMachine, invariant

from core import clock
from models.account import Account
from models.database import transaction
from models.event import Event
from models.inbound_item import InboundItem
from models.instance import Instance
from models.integration import Integration
from models.slot import Slot
from models.usage import Usage
from tests.factories import loaded
from tests.journey import a_journey, step
from tests.model.plain import (
    ANSWERS,
    DAY,
    LEASE,
    MINUTE,
    Answer,
    Message,
    Model,
    Person,
    Ticket,
)
from workers import sending, upkeep
from workers.stage import Seats

if TYPE_CHECKING:
    from dramatiq.broker import Broker

    from app.sandbox import Sandbox

ZONE = "Asia/Riyadh"
EVENING = 1_796_054_400_000  # 30 November 2026, 16:00 UTC: a day and a month end in five hours
PAUSABLE = {"account": Account, "instance": Instance, "integration": Integration}
EXPECTED_ERRORS = ("is paused", "its worker went away")


class Errors(logging.Handler):
    """Remembers what the gateway logged as an error, which is never part of a plan."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())

    def surprises(self) -> list[str]:
        return [
            words
            for words in self.words
            if not any(expected in words for expected in EXPECTED_ERRORS)
        ]


class Driven(RuleBasedStateMachine):
    """The gateway's hands and the model beside them: every step is taken on both."""

    def __init__(self, sandbox: Sandbox, broker: Broker) -> None:
        super().__init__()
        self.broker = broker
        self.errors = Errors()
        self.stack = ExitStack()
        clock.freeze(EVENING - DAY)
        Seats.per_account = 3
        _forget_earlier_examples()
        sandbox.phones.forget_received()
        self.journey = self.stack.enter_context(a_journey(sandbox, timezone=ZONE))
        clock.freeze(EVENING)
        self.model = Model(ZoneInfo(ZONE), [Person() for _ in range(3)])
        self.answer = ANSWERS["takes it"]
        self.held: list[tuple[Event, sending.Ticket, Ticket]] = []
        self.asked: list[tuple[Event, sending.Ticket, Ticket, Any, Answer]] = []
        self.accepted: dict[str, tuple[Message, dict[str, Any], int]] = {}
        self.said = 0
        logging.getLogger().addHandler(self.errors)

    def unfinished(self) -> list[Message]:
        return [each for each in self.model.messages if each.unfinished]

    def pick(self, found: list[Message], which: int) -> Message:
        return found[which % len(found)]

    def go(self, message: Message, stride: str) -> None:
        """One step, or all until it ends, waits or (`to the door`) is about to be sent."""
        before = None
        while message.unfinished and (at := (self.at(message), message.part)) != before:
            if stride == "to the door" and at[0] == "ready":
                return
            before = at
            self.step(message)
            if stride == "a step":
                return

    def step(self, message: Message) -> None:
        now, at, answer = clock.now_ms(), self.at(message), self.prepare()
        step(message.event_id)
        if self.was_asked():
            ticket = self.model.settle(message, now)
            self.model.ask(ticket, answer, now)
            self.model.conclude(ticket, answer, now)
        else:
            self.went_without_asking(message, at)

    def went_without_asking(self, message: Message, at: str) -> None:
        now, row = clock.now_ms(), loaded(message.event_id)
        ends, must = self.model.ends(message, at, now), self.model.must_end(message, at, now)
        if message.state == "open" and row.finished:
            assert (row.state, _code(row)) in ends, (row.state, _code(row), at, ends)
            self.model.end(message, row.state, _code(row), now)
        assert not (message.state == "open" and must), (at, ends)
        if message.is_call and at == "received" and row.state == "valid":
            self.model.claim(message)

    def at(self, message: Message) -> str:
        state: str = Event.select(Event.state).where(Event.id == message.event_id).scalar()
        return state

    def prepare(self) -> Answer:
        """Let WhatsApp answer its next request as it was told, and never report by itself."""
        self.journey.faults({**self.answer.fault, "silent": True})
        return self.answer

    def was_asked(self) -> bool:
        asked = not self.journey.sandbox.faults.standing()
        if asked:
            self.answer = ANSWERS["takes it"]
        return asked

    def sweep(self) -> None:
        """Find what is due again; what it puts into the queue is lost, for that is a wake-up."""
        upkeep.sweep()
        self.broker.flush_all()
        now = clock.now_ms()
        for message in self.model.messages:
            lapsed = message.ticket is not None and now >= message.ticket.settled + LEASE
            if message.state == "sending" and lapsed and self.at(message) != "sending":
                self.model.doubt(message, now)

    def confirmation_was_accepted(self, person: Person) -> None:
        event = Event.select().order_by(Event.seq.desc()).first()
        assert event.event_type == "opt_out_confirmation", event.event_type
        assert all(each.event_id != event.id for each in self.model.messages), "no confirmation"
        texts = (event.content["text"],)
        until = clock.now_ms() + 15 * MINUTE
        self.model.messages.append(Message(event.id, person, texts, until, kind="confirmation"))

    def message(self, event_id: str, who: int, texts: tuple[str, ...]) -> Message:
        until = clock.now_ms() + self.model.validity
        message = Message(event_id, self.model.people[who], texts, until)
        self.model.messages.append(message)
        return message

    def let_go(self) -> None:
        """End every pause, and raise the limits beyond reach."""
        for what in sorted(self.model.paused):
            self.journey.site.resume(PAUSABLE[what])
        self.model.paused.clear()
        self.set_limits(100, 2_000)

    def set_limits(self, daily: int, monthly: int) -> None:
        self.journey.site.set_account(daily_limit=daily, monthly_limit=monthly)
        self.model.daily, self.model.monthly = daily, monthly

    def can_be_revived(self) -> list[Message]:
        return [each for each in self.model.messages if each.state in {"refused", "uncertain"}]

    def of(self, event_id: str) -> Message:
        return next(each for each in self.model.messages if each.event_id == event_id)

    # What holds after each of them.

    @invariant()
    def the_gateway_does_what_the_model_says(self) -> None:
        model = self.model
        expected = {each.event_id: (each.state, each.code, each.part) for each in model.messages}
        rows = self._rows()
        assert rows == expected, [(rows.get(each), expected[each]) for each in expected]
        taken = [(each["biz_opaque_callback_data"], each["text"]) for each in self.journey.taken()]
        assert taken == model.taken, (len(taken), len(model.taken))
        rows = Usage.select().where(Usage.account_id == self.journey.site.account_id)
        counted = {row.period: row.used for row in rows}
        counted = {period: counted.get(period, 0) for period in model.counted}
        assert counted == model.counted, (counted, model.counted)
        assert not self.errors.surprises(), self.errors.surprises()

    def _rows(self) -> dict[str, tuple[str, str | None, int]]:
        columns = (Event.state, Event.error, Event.reason, Event.part, Event.finished_at_ms)
        shown = {}
        for row in Event.select(Event.id, *columns).where(self._ours()):
            state = row.state if row.finished or row.state == "sending" else "open"
            shown[row.id] = (state, _code(row), row.part)
        return shown

    def _ours(self) -> Any:
        return Event.account_id == self.journey.site.account_id

    # The end.

    def teardown(self) -> None:
        """When nothing holds it back any more, every message ends as it should."""
        try:
            if sys.exc_info()[0] is None:
                self._drain()
        finally:
            logging.getLogger().removeHandler(self.errors)
            self.broker.flush_all()
            self.stack.close()

    def _drain(self) -> None:
        self.let_go()
        self.answer = ANSWERS["takes it"]
        free = [each for each in self.unfinished() if self._nothing_holds(each)]
        for _ in range(200):
            if not self.unfinished():
                break
            self._let_the_sweep_find_what_is_due()
        assert self.unfinished() == []
        assert all(each.state == "sent" for each in free), [each.code for each in free]
        self.the_gateway_does_what_the_model_says()

    def _nothing_holds(self, message: Message) -> bool:
        now = clock.now_ms()
        soon = now + 5 * MINUTE
        tried = sum(len(tickets) for tickets in message.tickets.values())
        return (
            not message.is_call
            and message.valid_until > soon
            and message.person.window_is_open(soon)
            and self.model.verdict(message, now) is None
            and max(self.model.closed_at_most, message.person.closed_until) <= now
            and tried < 3
            and not any(each.state == "sending" for each in self.model.messages)
        )

    def _let_the_sweep_find_what_is_due(self) -> None:
        """Only what the sweep wakes is worked on: nothing else would find it after a crash."""
        unfinished = Event.finished_at_ms.is_null()
        rows = list(Event.select(Event.id, Event.due_at_ms).where(self._ours(), unfinished))
        clock.freeze(max(clock.now_ms(), min(row.due_at_ms for row in rows)))
        due = {row.id for row in rows if row.due_at_ms <= clock.now_ms()}
        self.sweep()
        for message in self.unfinished():
            if message.event_id in due and loaded(message.event_id).seated:
                self.go(message, "as far as it can")


def _code(row: Event) -> str | None:
    return row.reason if row.state == "recorded" else row.error


@transaction
def _forget_earlier_examples() -> None:
    for model in (Event, InboundItem, Slot):
        model.delete().execute()
