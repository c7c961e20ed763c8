"""An agent hears of every reply that did not go, and of none too often."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from core.words import REPLIES
from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.event import Event
    from tests.chaos.checks.message import Line
    from tests.chaos.checks.story import Story

LINES_AT_MOST = 5  # to a conversation within ten minutes of the gateway's clock
NEAR_MS = 20 * 60 * 1000  # the same by a clock that does not jump
OF_ONE_EVENT = 2  # that it did not go, and that it did after all
_LINES = frozenset({"reply.not_sent", "message.automatic_sent"})


class Notices(Check):
    """Compares refused replies of connected integrations with the news that were stored of them.

    Whether 3CX got these, `into_3cx` judges.
    """

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self._connected: set[str] = set()
        self._of: Counter[str] = Counter()
        self._lines: dict[str, list[int]] = defaultdict(list)

    def on_connected(self, line: Line) -> None:
        """An integration has a 3CX behind it."""
        self._connected.add(line["integration_id"])

    def on_news(self, line: Line) -> None:
        """News of an event was stored."""
        if line["news"] in _LINES:
            self._of[line["source_id"]] += 1
            self._lines[line["conversation_key"]].append(line["at_ms"])

    def end(self) -> None:
        """Judge every event."""
        for event in self.story.events.values():
            if self._of[event.id] > OF_ONE_EVENT * (1 + event.revived):
                words = f"agents were told of it {self._of[event.id]} times"
                self.blame("told_too_often", words, event)
            if self.story.quiet is not None and self._is_owed(event) and not self._of[event.id]:
                self.blame("refusal_untold", "it was refused, and no agent was told", event)

    def _is_owed(self, event: Event) -> bool:
        return (
            event.integration_id in self._connected
            and event.event_type in REPLIES
            and event.state == "refused"
            and not event.before
            and event.address is not None  # without one there is no chat to put it into
            and not self._had_enough(event)
        )

    def _had_enough(self, event: Event) -> bool:
        near = [
            at_ms
            for at_ms in self._lines[event.conversation or ""]
            if abs(at_ms - event.at_ms) < NEAR_MS
        ]
        return len(near) >= LINES_AT_MOST
