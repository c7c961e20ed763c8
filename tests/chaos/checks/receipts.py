"""WhatsApp took each message once, after the gateway had written down that it would send it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tests.chaos.checks.check import Check
from tests.chaos.checks.settling import REQUEST_MS

if TYPE_CHECKING:
    from tests.chaos.checks.event import Attempt
    from tests.chaos.checks.message import Message, Receipt

SAME_CLOCK_MS = 1_000  # the database's and the emulator's run on one machine
SLOW_NETWORK_MS = 5_000  # what bytes may need to the emulator, and it to read the clock


class Receipts(Check):
    """Compares what WhatsApp took with the attempts and the posts; only whole histories show it.

    A message that WhatsApp took and refused all the same, with a code of Meta's, does not count as
    one: repeating it is what Meta asked for.
    """

    def end(self) -> None:
        """Judge every receipt, then every message of a caller."""
        gone: dict[str, list[Receipt]] = defaultdict(list)
        by_part: dict[tuple[str, int], list[Receipt]] = defaultdict(list)
        for receipt in self.story.receipts:
            attempt = self._attempt_of(receipt)
            event = self.story.events.get(receipt.event_id)
            if event is None or event.before:
                continue
            if attempt is None or not attempt.was_refused_by_meta:
                gone[receipt.event_id].append(receipt)
                by_part[receipt.event_id, receipt.part].append(receipt)
        for (event_id, part), receipts in by_part.items():
            event = self.story.events[event_id]
            if len(receipts) > 1 + event.revived:
                self.blame("sent_twice", f"WhatsApp took part {part} {len(receipts)} times", event)
        for message in self.story.messages:
            self._judge(message, [each for each in message.event_ids if gone.get(each)])

    def _attempt_of(self, receipt: Receipt) -> Attempt | None:
        """The attempt that a receipt belongs to; None when it is blamed, or older than all."""
        event = self.story.events.get(receipt.event_id)
        if event is None:
            words = f"WhatsApp took {receipt.event_id or 'a message'}, and no event has that id"
            self.blame("sent_but_unaccounted", words)
            return None
        if event.before:
            return None
        attempts = event.attempts.get(receipt.part, ())
        first = next(iter(attempts), None)
        if first is None or first.at_ms > receipt.at_ms + SAME_CLOCK_MS or not event.sendings:
            words = f"WhatsApp took part {receipt.part}, and no attempt had begun"
            self.blame("sent_but_unaccounted", words, event)
            return None
        attempt = [first, *(each for each in attempts if each.at_ms <= receipt.at_ms)][-1]
        # The receipt's time on the gateway's own clock, as it stood when the attempt began.
        at_ms = attempt.started_at_ms + receipt.at_ms - attempt.at_ms
        late_ms = at_ms - attempt.expires_at_ms
        if late_ms > REQUEST_MS + SLOW_NETWORK_MS and not _began_too_late(attempt):
            words = f"WhatsApp took part {receipt.part} {late_ms} ms too late"
            self.blame("sent_when_expired", words, event)
        return attempt

    def _judge(self, message: Message, gone: list[str]) -> None:
        allowed = 1 if message.posts[0]["key"] is not None else len(message.posts)
        if len(gone) <= allowed:
            return
        event = self.story.events[max(gone, key=lambda each: self.story.events[each].seq)]
        others = ", ".join(sorted(each for each in gone if each != event.id))
        kind = "repeat_became_two" if message.is_repeated else "sent_twice"
        self.blame(kind, f"the same message went out as {others}", event)


def _began_too_late(attempt: Attempt) -> bool:
    return attempt.started_at_ms > attempt.expires_at_ms + REQUEST_MS
