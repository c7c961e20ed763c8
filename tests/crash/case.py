"""One life of a gateway that dies at a point: who uses it, what they saw, and the verdict."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from app.sandbox import Number
from core import clock
from tests import clerk
from tests.chaos import checker, history
from tests.crash import errands
from tests.factories import Site
from tests.pbx import SECRET, encoded
from tests.trunk import DID, Trunk
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.crash.doomed import Doomed
    from tests.wire import Answer

    Story = Callable[["Case"], Iterator[None]]

CUSTOMERS = tuple(f"+96650000000{number}" for number in range(1, 8))
GOES_ON_S = 30
HELD_BACK_S = 30  # by an earlier event that rests uncertain
_NUMBER_ID = "106540352242922"
_PASSES_S = 25.0


@dataclass(frozen=True)
class Expected:
    """What an event says, and the states in which it may end."""

    text: str
    ends: frozenset[str]


class Case:
    """A story told to a gateway, its death, and what has become of everything after it."""

    def __init__(self, gateway: Doomed) -> None:
        self.gateway = gateway
        self._caller = history.Record(gateway.folder / "caller.jsonl")
        self.expected: dict[str, Expected] = {}
        self.items = {"done"}
        self.trunk: Trunk | None = None
        self.lines: list[str] = []  # that the 3CX is to get, in order
        self.notices = 0  # lines beside these, in words of the gateway's own
        self.ends_of_lines = {"delivered"}
        self.confirmations = 0
        instance = {"phone_number_id": _NUMBER_ID, "base_url": gateway.whatsapp.base_url}
        made = gateway.do(clerk.site, list(CUSTOMERS), {}, instance, {"default_region": "SA"})
        secret = made.pop("secret")
        self.site = Site(**made, phone_number_id=_NUMBER_ID)
        self._proof = [(SECRET, secret), ("Content-Type", "application/json")]
        url = f"http://127.0.0.1:{gateway.address[1]}/webhooks/whatsapp/{self.site.instance_id}"
        number = Number(_NUMBER_ID, "+966110000000", "test-key", "test-key", url)
        gateway.whatsapp.register(number)
        for each in CUSTOMERS:
            gateway.whatsapp.phones.opened_window(each.lstrip("+"), _NUMBER_ID, clock.now_ms())

    def run(self, story: Story, armed: Mapping[str, str], *, dies: bool) -> None:
        """Tell the story, while processes are armed; bring back what died; settle everything."""
        with closing(self._caller):
            try:
                self._tell(story, armed, dies=dies)
                self._settle()
            finally:
                if self.trunk is not None:
                    self.trunk.close()

    def _tell(self, story: Story, armed: Mapping[str, str], *, dies: bool) -> None:
        telling = story(self)
        next(telling)
        self.gateway.start(armed)
        for _ in telling:
            raise AssertionError("a story has two halves")
        if dies:
            if not self.gateway.revived_at_ms:
                self.gateway.wait_until(lambda: self.gateway.is_dead, _PASSES_S)
            self.gateway.revive()
        assert dies == bool(self.gateway.revived_at_ms)

    def say(self, text: str, *ends: str, to: str = CUSTOMERS[0], **changes: Any) -> str:
        """Post a reply until it is answered, always with the same key; the event's id.

        Args:
            text: unique in the story.
            ends: the states in which the event may end.
            to: the customer.
            changes: other fields of the payload; None takes one out.
        """
        payload = {"event_type": "outbound_message", "to": to, "message_text": text}
        payload |= {"message_purpose": "support", **changes}
        payload = {name: value for name, value in payload.items() if value is not None}
        while (answer := self._post(payload, text[:40].replace(" ", "-"))) is None:
            self.gateway.wait_until(lambda: self.gateway.is_dead)
            self.gateway.revive()
        event_id: str = answer.json()["event_id"]
        self.expected[event_id] = Expected(text, frozenset(ends))
        return event_id

    def place(self, text: str, *ends: str, to: str, state: str = "received", **row: Any) -> None:
        """An event that was accepted before all this, and came to this state, with such a row."""
        begun = clock.now_ms()
        event_id = self.gateway.do(errands.keep, self.site, to, text, state, row)
        self._was_accepted(begun, event_id, text, to, ends)

    def spool(self, text: str, *ends: str, to: str = CUSTOMERS[0]) -> None:
        """A webhook that was accepted before all this, while the database was away."""
        begun, folder = clock.now_ms(), str(self.gateway.folder / "spool")
        event_id = self.gateway.do(errands.spool, self.site, to, text, folder)
        self._was_accepted(begun, event_id, text, to, ends)

    def _was_accepted(
        self, begun: int, event_id: str, text: str, to: str, ends: tuple[str, ...]
    ) -> None:
        payload = {"event_type": "outbound_message", "to": to, "message_text": text}
        self._note(begun, 202, {"event_id": event_id}, None, payload)
        self.expected[event_id] = Expected(text, frozenset(ends))

    def _post(self, payload: dict[str, Any], key: str) -> Answer | None:
        path = f"/integrations/3cx/webhook/{self.site.integration_id}"
        begun, answer = clock.now_ms(), None
        headers = [*self._proof, ("Idempotency-Key", key)]
        with suppress(OSError, HTTPException):
            answer = ask(self.gateway.address, "POST", path, headers, encoded(payload))
        self._note(
            begun, answer.status if answer else 0, answer.json() if answer else {}, key, payload
        )
        assert answer is None or answer.status == 202, answer
        return answer

    def _note(
        self, begun: int, status: int, said: dict[str, Any], key: str | None, posted: dict[str, Any]
    ) -> None:
        ids = {"integration_id": self.site.integration_id, "instance_id": self.site.instance_id}
        self._caller.posted(begun, status, said, posted, key=key, **ids)

    def connect_3cx(self) -> Trunk:
        """Put a 3CX behind the gateway, to which all that customers write is told."""
        self.trunk = Trunk()
        connected = self.gateway.do(errands.connect, self.site, self.trunk.url, DID)
        self.trunk.destination_id = connected
        return self.trunk

    def line(self, text: str, **columns: Any) -> None:
        """A line for 3CX that was kept before all this, is in no queue, and came this far."""
        assert self.trunk is not None
        ids = (self.trunk.destination_id, self.site.instance_id)
        self.gateway.do(errands.keep_forward, *ids, text, CUSTOMERS[0], columns)
        self.lines.append(text)

    def writes(self, text: str, *, repeated: bool = False) -> None:
        """The first customer writes what an agent is to read, and Meta may tell of it twice."""
        self.lines.append(text)
        node = {"type": "text", "text": {"body": text}, "id": f"wamid.{text}"}
        for _ in range(1 + repeated):
            self.customer_writes(dict(node))

    def customer_writes(self, node: dict[str, Any], *, opt_out: bool = False) -> None:
        """The first customer writes; Meta tells us until we have taken it."""
        node = {"id": f"wamid.{len(self.items)}.{clock.now_ms()}"} | node
        taken = False
        while not taken:
            begun = clock.now_ms()
            _, reply = self.gateway.whatsapp.write(_NUMBER_ID, CUSTOMERS[0].lstrip("+"), node)
            taken = reply.taken
            self._caller.wrote(
                begun,
                reply.status,
                instance_id=self.site.instance_id,
                customer=CUSTOMERS[0],
                message_id=node["id"],
                opt_out=opt_out,
            )
            if not taken:
                self.gateway.wait_until(lambda: self.gateway.is_dead)
                self.gateway.revive()

    def until(self, ready: Callable[[], object]) -> None:
        """Wait for something, through the gateway's death and after it."""

        def is_so() -> bool:
            if self.gateway.is_dead:
                self.gateway.revive()
            with suppress(OSError, HTTPException):  # it may die while it is being asked
                return bool(ready())
            return False

        self.gateway.wait_until(is_so, GOES_ON_S + 10)

    def status(self, event_id: str) -> dict[str, Any]:
        """What the gateway says of an event."""
        path = f"/integrations/3cx/webhook/{self.site.integration_id}/events/{event_id}"
        said: dict[str, Any] = ask(self.gateway.address, "GET", path, self._proof).json()
        return said

    def received(self) -> list[str]:
        """The texts that WhatsApp took, in order."""
        return [entry["text"] for entry in self.gateway.whatsapp.phones.received()]

    def _came(self, event_id: str) -> str:
        whole = self.expected[event_id].text
        return "".join(text for text in self.received() if text in whole)

    def _has_ended(self, event_id: str) -> bool:
        # In the spool, its state is not known yet.
        expected, state = self.expected[event_id], self.status(event_id).get("state")
        if event_id in self.gateway.left_in_hand and self._came(event_id) != expected.text:
            return state in expected.ends | {"uncertain"}  # nobody can tell what became of a part
        return state in expected.ends

    def _settle(self) -> None:
        waiting = list(self.expected)

        def have_ended() -> bool:
            while waiting and self._has_ended(waiting[0]):
                waiting.pop(0)
            return not waiting

        def are_done() -> bool:
            told = self.trunk.destination_id if self.trunk else ""
            self._kept = self.gateway.do(errands.kept, told)
            unfinished = [each for each in self._kept["events"] if each["finished_at_ms"] is None]
            confirmed = [each for each in self._kept["events"] if each["integration_id"] is None]
            ended = len(confirmed) == self.confirmations and not unfinished
            ended &= all(each["finished_at_ms"] is not None for each in self._kept["forwards"])
            ended &= len(self._kept["forwards"]) == len(self.lines) + self.notices
            return ended and "received" not in self._kept["items"] and not self._kept["old_keys"]

        self.gateway.wait_until(have_ended, GOES_ON_S + HELD_BACK_S + 10)
        self.gateway.wait_until(are_done, GOES_ON_S)
        self._judge()

    def _judge(self) -> None:
        self._ask_the_checker()
        events = {each["id"]: each for each in self._kept["events"]}
        assert len(events) == len(self.expected) + self.confirmations, "an event more or less"
        for event_id, expected in self.expected.items():
            state, came = events[event_id]["state"], self._came(event_id)
            assert came == expected.text or (state != "sent" and expected.text.startswith(came))
            assert not came or state not in ("refused", "recorded")
        assert set(self._kept["items"]) <= self.items, self._kept["items"]
        self._judge_the_pauses([*events.values(), *self._kept["forwards"]])
        self._judge_the_lines()

    def _judge_the_lines(self) -> None:
        states = {each["id"]: each["state"] for each in self._kept["forwards"]}
        assert len(states) == len(self.lines) + self.notices, "a line more or less"
        assert set(states.values()) <= self.ends_of_lines, states
        taken = self.trunk.taken if self.trunk else []
        text_of = {each.id: each.text for each in reversed(taken)}  # by its first coming
        told = {forward_id for forward_id, state in states.items() if state == "delivered"}
        assert told <= text_of.keys() <= states.keys(), "told, and never heard; or from nowhere"
        first_of_each = list(dict.fromkeys(each.text for each in taken))
        assert len(first_of_each) == len(text_of), "a line under two ids"
        told_lines = [each for each in first_of_each if each in self.lines]
        assert told_lines == [each for each in self.lines if each in first_of_each]

    def _judge_the_pauses(self, events: Iterable[dict[str, Any]]) -> None:
        revived_at_ms = self.gateway.revived_at_ms or clock.now_ms()
        for event in events:
            held_back = self.gateway.left_in_hand - {event["id"]}
            within_s = GOES_ON_S + (HELD_BACK_S if held_back else 0)
            stood_still_s = (event["finished_at_ms"] - revived_at_ms) / 1000
            assert stood_still_s < within_s, f"it went on after {stood_still_s} s"

    def _ask_the_checker(self) -> None:
        whole = self.gateway.folder / "history.jsonl"
        self._caller.write("quiet")
        history.collect(
            self.gateway.folder / "caller.jsonl", self.gateway.journal, self.gateway.settings, whole
        )
        report = checker.check(whole)
        assert report.ok, report.violations
