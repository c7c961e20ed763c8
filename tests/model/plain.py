"""The gateway's promises about messages in plain words: what may go now, what may not, and why.

Written from docs/journey.md and docs/webhook.md, and from nothing of the gateway's code.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
HOLD, LEASE, STANDSTILL = 30 * SECOND, 25 * SECOND, 10 * SECOND
EARLY = 20  # a step may come so much before its time
REPEATS_KNOWN = 7 * DAY
COOLDOWN = 15 * MINUTE
OPEN_DAYS = ("mon", "wed", "fri")  # all day long
LATE = frozenset({"sending_throttled", "gateway_send_failed"})
RANKS = ("accepted", "sent", "delivered", "read")
WENT = frozenset(RANKS[1:])


@dataclass(frozen=True)
class Answer:
    """What WhatsApp makes of one request, and what the gateway is to make of that."""

    fault: dict[str, Any] = field(default_factory=dict)
    taken: bool = False
    doubt: bool = False
    ends: str | None = None
    gives_up_after: int | None = None
    pauses: bool = False
    wait: int = 0
    closes_instance: bool = False
    closes_pair: bool = False


ANSWERS = {
    "takes it": Answer(taken=True),
    "takes it, and the answer is lost": Answer({"reset": "after"}, taken=True, doubt=True),
    "takes it, and answers nonsense": Answer(
        {"garbage": True, "accept": True}, taken=True, doubt=True
    ),
    "hangs up": Answer({"reset": "before"}, doubt=True),
    "cannot deliver": Answer({"error": 131026}, ends="gateway_send_failed"),
    "says the business is blocked": Answer({"error": 130403}, ends="recipient_suppressed"),
    "says the window is closed": Answer({"error": 131047}, ends="conversation_window_closed"),
    "wants a person": Answer({"error": 190}, pauses=True),
    "fails for now": Answer({"error": 131016}),
    "fails for 5 s": Answer({"error": 131016, "retry_after": 5}, wait=5 * SECOND),
    "fails for reasons nobody knows": Answer({"error": 999_999}, gives_up_after=3),
    "asks for 7 s": Answer(
        {"error": 130429, "retry_after": 7}, wait=7 * SECOND, closes_instance=True
    ),
    "asks for 20 minutes": Answer(
        {"error": 130429, "retry_after": 1200}, wait=20 * MINUTE, closes_instance=True
    ),
    "has had too many for one person": Answer({"error": 131056}, closes_pair=True),
}
LAPSED = Answer()  # the worker stood still for too long, and did not ask


@dataclass(eq=False)
class Person:
    """Somebody on WhatsApp."""

    wrote: int | None = None
    opted_out: bool = False
    blocked: bool = False
    closed_until: int = 0
    last_word: int = 0

    def says(self, text: str, sent: int, now: int) -> bool:
        """They wrote; from the future counts as now. True for a new wish to stop.

        START counts when it was said after the last word that counted; STOP whenever it comes.
        """
        self.wrote = max(self.wrote or 0, min(sent, now))
        if text not in {"STOP", "START"} or (text == "START" and sent < self.last_word):
            return False
        self.last_word = sent
        stopped, self.opted_out = self.opted_out, text == "STOP"
        return self.opted_out and not stopped

    def window_is_open(self, now: int) -> bool:
        return self.wrote is not None and now < self.wrote + DAY


@dataclass(eq=False)
class Ticket:
    """The right to ask WhatsApp once, for one part."""

    message: Message
    part: int
    settled: int
    days: tuple[str, str]


@dataclass(eq=False)
class Message:
    """An accepted event: `open`, `sending`, `uncertain`, or as it ended."""

    event_id: str
    person: Person
    texts: tuple[str, ...]
    valid_until: int
    kind: str = "reply"  # `confirmation`, or a call's type: `missed_call`, `after_hours`
    forbidden: bool = False
    state: str = "open"
    code: str | None = None
    part: int = 0
    since: int = 0
    not_before: int = 0
    ticket: Ticket | None = None
    tickets: dict[int, list[Ticket]] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)
    failures: Counter[tuple[int, int | None]] = field(default_factory=Counter)
    went_at: int | None = None
    may_go_twice: bool = False

    @property
    def is_call(self) -> bool:
        return self.kind in {"missed_call", "after_hours"}

    @property
    def unfinished(self) -> bool:
        return self.state in {"open", "sending"}

    def end(self, state: str, code: str | None = None) -> None:
        self.state, self.code, self.ticket = state, code, None

    def hear(self, part: int, status: str) -> None:
        """What WhatsApp tells of a part only goes forward; a failure ends it before it arrives."""
        known = self.told.get(part, "accepted")
        if status == "failed":
            if known in {"accepted", "sent"}:
                self.told[part] = status
        elif known != "failed" and RANKS.index(status) > RANKS.index(known):
            self.told[part] = status


@dataclass
class Model:
    """One account with one number and one 3CX connection."""

    zone: ZoneInfo
    people: list[Person]
    daily: int = 100
    monthly: int = 2_000
    validity: int = 15 * MINUTE
    paused: set[str] = field(default_factory=set)
    counted: Counter[str] = field(default_factory=Counter)
    messages: list[Message] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    closed_until: int = 0
    closed_at_most: int = 0
    cooldowns: dict[tuple[Person, str], tuple[Message, int]] = field(default_factory=dict)

    # What is asked.

    def verdict(self, message: Message, now: int) -> str | None:
        """The code that a message is refused with now, `wait`, or None when it may go."""
        person = message.person
        confirms = message.kind == "confirmation"
        pauses = self.paused - {"integration"} if confirms else self.paused
        if person.blocked or (person.opted_out and not confirms):
            return "recipient_suppressed"
        if not person.window_is_open(now):
            return "conversation_window_closed"
        if message.forbidden:
            return "policy_violation"
        if pauses:
            return "wait"
        return self._limit(now)

    def _limit(self, now: int) -> str | None:
        in_flight = sum(message.state == "sending" for message in self.messages)
        day, month = self.days(now)
        for used, limit in ((self.counted[day], self.daily), (self.counted[month], self.monthly)):
            if used >= limit:
                return "wait" if used - in_flight < limit else "daily_message_limit_exceeded"
        return None

    def objections(self, message: Message, now: int) -> list[str]:
        """All that speaks against asking WhatsApp to take the message's next part now."""
        earlier = self.messages[: self.messages.index(message)]
        waits_for = [each for each in earlier if each.person is message.person]
        found = {
            f"it is {message.state}": message.state != "open",
            f"verdict: {self.verdict(message, now)}": self.verdict(message, now) is not None,
            "its validity is over": now >= message.valid_until,
            "one of its kind went within 15 minutes": self._one_went_lately(message, now),
            "an earlier one is unfinished": any(each.unfinished for each in waits_for),
            "an earlier one is uncertain": any(
                each.state == "uncertain" and now < each.since + HOLD for each in waits_for
            ),
            "WhatsApp asked the number to wait": now < self.closed_until,
            "WhatsApp asked to wait with this person": now < message.person.closed_until,
            "WhatsApp asked to wait with this message": now < message.not_before - EARLY,
        }
        return [words for words, speaks_against in found.items() if speaks_against]

    def _one_went_lately(self, message: Message, now: int) -> bool:
        return message.is_call and any(
            each is not message
            and (each.person, each.kind) == (message.person, message.kind)
            and each.went_at is not None
            and now < each.went_at + COOLDOWN
            and not each.may_go_twice
            for each in self.messages
        )

    def kind_of_call(self, now: int) -> str:
        """What a missed call is that comes now."""
        local = datetime.fromtimestamp(now / 1000, UTC).astimezone(self.zone)
        return "missed_call" if f"{local:%a}".lower() in OPEN_DAYS else "after_hours"

    def ends(self, message: Message, at: str, now: int) -> set[tuple[str, str | None]]:
        """How a step from this state may end an open message without asking WhatsApp."""
        verdict = self.verdict(message, now)
        if at == "received":
            held_by, until = self.cooldowns.get((message.person, message.kind), (message, 0))
            is_held = held_by is not message and now < until
            return {("recorded", "cooldown")} if is_held else set()
        if now >= message.valid_until:
            return {("refused", code) for code in LATE}
        if at in {"valid", "ready"} and verdict not in {None, "wait"}:
            return {("refused", verdict)}
        slot = max(self.closed_at_most, message.person.closed_until, now + SECOND)
        if at == "allowed" and slot >= message.valid_until:
            return {("refused", "sending_throttled")}
        return set()

    def must_end(self, message: Message, at: str, now: int) -> bool:
        """Whether a step from this state has to end it, with one of `ends`."""
        is_late = at != "received" and now >= message.valid_until
        return bool(self.ends(message, at, now)) and (at in {"received", "valid"} or is_late)

    def days(self, now: int) -> tuple[str, str]:
        """The local day and the local month."""
        local = datetime.fromtimestamp(now / 1000, UTC).astimezone(self.zone)
        return f"{local:%Y-%m-%d}", f"{local:%Y-%m}"

    def moment(self, message: Message, what: str, now: int) -> int:
        """The next time at which something changes by itself for a message; now if there is none.

        `window`, `validity`, `hold` (of an uncertain one before it), `closing`, `cooldown` (of its
        kind), or `midnight`.
        """
        if what == "midnight":
            return self.midnight(now)
        person = message.person
        others = (each for each in self.messages if each.person is person)
        return {
            "window": (person.wrote or now) + DAY,
            "validity": message.valid_until,
            "hold": max(each.since for each in others) + HOLD,
            "closing": max(self.closed_until, person.closed_until, message.not_before),
            "cooldown": self.cooldowns.get((person, message.kind), (message, now))[1],
        }[what]

    def midnight(self, now: int) -> int:
        """When the next local day begins."""
        local = datetime.fromtimestamp(now / 1000, UTC).astimezone(self.zone)
        tomorrow = datetime.combine(local.date() + timedelta(days=1), datetime.min.time())
        return int(tomorrow.replace(tzinfo=self.zone).timestamp() * 1000)

    # What happens.

    def claim(self, message: Message) -> None:
        """A call's message is to go: no other of its kind may until 15 minutes after it could."""
        self.cooldowns[message.person, message.kind] = (message, message.valid_until + COOLDOWN)

    def end(self, message: Message, state: str, code: str | None, now: int) -> None:
        """It is over; its cooldown begins, or is given back when nothing of it went out."""
        message.end(state, code)
        key = (message.person, message.kind)
        if self.cooldowns.get(key, (None, 0))[0] is message:
            if state == "sent" or message.part:
                self.cooldowns[key] = (message, now + COOLDOWN)
            else:
                del self.cooldowns[key]

    def settle(self, message: Message, now: int) -> Ticket:
        """A worker takes the right to ask; the message counts from here on."""
        objections = self.objections(message, now)
        assert not objections, f"WhatsApp was asked, though {objections}"
        ticket = Ticket(message, message.part, now, self.days(now))
        message.state, message.ticket = "sending", ticket
        message.tickets.setdefault(message.part, []).append(ticket)
        message.told.pop(message.part, None)
        self.counted.update(ticket.days)
        return ticket

    def ask(self, ticket: Ticket, answer: Answer, now: int) -> None:
        """WhatsApp is asked."""
        if answer.taken:
            message = ticket.message
            message.went_at = now
            self.taken.append((f"{message.event_id}:{ticket.part}", message.texts[ticket.part]))

    def conclude(self, ticket: Ticket, answer: Answer, now: int) -> None:
        """The worker writes down what came of it, unless the message has gone on without it."""
        message = ticket.message
        if message.ticket is not ticket:
            return
        if answer.doubt:
            if message.state == "sending":
                self.doubt(message, now)
        elif answer.taken:
            self._go_on(message, now)
        else:
            self._failed(message, answer, now)

    def _failed(self, message: Message, answer: Answer, now: int) -> None:
        self._give_back(message)
        kind = (message.part, answer.fault.get("error"))
        message.failures[kind] += 1
        tries = message.failures[kind]
        if answer.ends == "recipient_suppressed":
            message.person.blocked = True
        if answer.ends == "conversation_window_closed":
            message.person.wrote = None
        if answer.ends:
            self.end(message, "refused", answer.ends, now)
            return
        if answer.gives_up_after is not None and tries >= answer.gives_up_after:
            self.end(message, "refused", "gateway_send_failed", now)
            return
        message.state, message.ticket, message.not_before = "open", None, now + answer.wait
        if answer.pauses:
            self.paused.add("instance")
            message.not_before = 0
        if answer.closes_instance:
            self.closed_until = max(self.closed_until, now + answer.wait)
            self.closed_at_most = max(self.closed_at_most, now + max(answer.wait, MINUTE))
        if answer.closes_pair:
            message.person.closed_until = now + SECOND * 4 ** min(tries - 1, 9)

    def doubt(self, message: Message, now: int) -> None:
        """Nobody can tell whether the part went, unless WhatsApp has told already."""
        message.state, message.since = "uncertain", now
        self._settle_doubt(message, now)

    def hear(self, message: Message, part: int, status: str, error: int, now: int) -> None:
        """A status comes from WhatsApp."""
        message.hear(part, status)
        if status == "failed" and error == 131047:
            message.person.wrote = None
        if status == "failed" and error == 130403:
            message.person.blocked = True
        if message.state == "uncertain" and message.part == part:
            self._settle_doubt(message, now)

    def revive(self, message: Message, now: int) -> None:
        """A person lets a message begin anew."""
        message.may_go_twice |= message.state == "uncertain"  # as that person has said
        message.state, message.code, message.ticket = "open", None, None
        confirms = message.kind == "confirmation"
        message.valid_until = now + (15 * MINUTE if confirms else self.validity)
        message.not_before = 0

    def _settle_doubt(self, message: Message, now: int) -> None:
        told = message.told.get(message.part)
        if told in WENT:
            self._go_on(message, now)
        elif told == "failed":
            self._give_back(message)
            if message.part == 0:
                message.went_at = None
            self.end(message, "refused", "gateway_send_failed", now)

    def _go_on(self, message: Message, now: int) -> None:
        if message.part + 1 == len(message.texts):
            self.end(message, "sent", None, now)
        else:
            message.state, message.ticket, message.part = "open", None, message.part + 1
            message.not_before = 0

    def _give_back(self, message: Message) -> None:
        self.counted.subtract(message.tickets[message.part][-1].days)
