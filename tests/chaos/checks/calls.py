"""A person gets one message of a kind for their calls to an integration, in 15 minutes."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from core.words import CALL_EVENTS
from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.event import Event

COOLDOWN_MS = 15 * 60 * 1000


class Calls(Check):
    """Compares what WhatsApp took, by the gateway's own clock when each request began."""

    def end(self) -> None:
        """Judge each person's messages of a kind."""
        gone: dict[tuple[str | None, str, str | None], list[tuple[int, Event]]] = defaultdict(list)
        for event in self.story.events.values():
            first = event.attempts.get(0)
            if event.event_type in CALL_EVENTS and event.id in self.story.receipts_of and first:
                whose = event.integration_id, event.event_type, event.address
                gone[whose].append((first[0].started_at_ms, event))
        for messages in gone.values():
            messages.sort(key=lambda each: each[1].sendings)
            for (before_ms, _), (at_ms, event) in pairwise(messages):
                if at_ms - before_ms < COOLDOWN_MS and not event.revived:
                    words = f"a message like it began {at_ms - before_ms} ms before"
                    self.blame("cooled_down_too_little", words, event)
