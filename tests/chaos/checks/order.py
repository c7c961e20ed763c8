"""A conversation's messages go out one at a time, in the order of their acceptance."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.event import Event
    from tests.chaos.checks.message import Line, Receipt
    from tests.chaos.checks.story import Story


class Order(Check):
    """A precedes B when the answer to A left before B was asked for, both by the callers' clock.

    Receipts are compared by their place in WhatsApp's journal. Left out are events that a person
    began anew, and one that rested uncertain when the other was let go: that wait has an end.
    """

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self._sending: dict[str, dict[str, Event]] = defaultdict(dict)
        self._together: list[tuple[Event, Event]] = []

    def on_state(self, line: Line) -> None:
        """Note when two of a conversation are in flight."""
        event = self.story.events.get(line["event_id"])
        if event is None or event.conversation is None:
            return
        in_flight = self._sending[event.conversation]
        in_flight.pop(event.id, None)
        if line["new"] == "sending":
            self._together += [
                (other, event) for other in in_flight.values() if other.seq < event.seq
            ]
            in_flight[event.id] = event

    def end(self) -> None:
        """Judge each conversation."""
        for first, second in self._together:
            if self._precedes(first, second) and not first.revived + second.revived:
                self.blame("two_in_flight", f"{first.id} was still in flight", second)
        for thread in self.story.conversations.values():
            gone = [each for each in thread if each.id in self.story.receipts_of]
            self._judge([each for each in gone if not each.revived])

    def _precedes(self, first: Event, second: Event) -> bool:
        messages = self.story.message_of
        if first.id not in messages or second.id not in messages:
            return False
        return messages[first.id].kept_at_ms < messages[second.id].at_ms

    def _judge(self, events: list[Event]) -> None:
        receipts = self.story.receipts_of
        for event in events:
            self._judge_parts(event, receipts[event.id])
        events = sorted(events, key=lambda each: receipts[each.id][0].place)
        begins = [receipts[each.id][0].place for each in events]
        asked_ms = [self._asked_ms(each) for each in events]
        latest: list[float] = []  # when the last of those that went out so far was asked for
        for at_ms in asked_ms:
            latest.append(max(at_ms, latest[-1] if latest else at_ms))
        for event in events:
            overtaken_by = bisect_left(begins, receipts[event.id][-1].place)
            if overtaken_by and latest[overtaken_by - 1] > self._kept_ms(event):
                self._overtaken(event, events[:overtaken_by])

    def _overtaken(self, event: Event, others: list[Event]) -> None:
        for other in others:
            excused = any(event.rested_at(n) for n in other.sendings)
            if other is not event and self._precedes(event, other) and not excused:
                self.blame("out_of_order", f"{other.id} went out before it", event)
                return

    def _judge_parts(self, event: Event, receipts: list[Receipt]) -> None:
        firsts = list(dict.fromkeys(each.part for each in receipts))
        if any(later < earlier for earlier, later in pairwise(firsts)):
            self.blame("out_of_order", f"its parts went out as {firsts}", event)

    def _asked_ms(self, event: Event) -> float:
        message = self.story.message_of.get(event.id)
        return message.at_ms if message else float("-inf")

    def _kept_ms(self, event: Event) -> float:
        message = self.story.message_of.get(event.id)
        return message.kept_at_ms if message else float("inf")
