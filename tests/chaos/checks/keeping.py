"""What was acknowledged is kept and comes to an end; what was not is kept whole or not at all."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.event import Event
    from tests.chaos.checks.message import Line

SAME_CLOCK_MS = 1_000  # callers and the database run on one machine
HOLD_MS = 45_000  # how long an uncertain event holds its conversation, and the look after it
TIMED = frozenset({"slot", "provider"})


class Keeping(Check):
    """Compares the answers that callers got with the rows, and the rows with their ends.

    Nobody can know what became of a commit whose answer was lost: an answer of 500 or more counts
    as none. A repeat with the same key finds the row, if there is one.

    Callers and rows are compared by clocks that do not jump. An event that is due by the true clock
    and not yet by the gateway's, which lags, waits in good order.
    """

    def end(self) -> None:
        """Judge every answer, then every row, then what has not ended."""
        heard = {post["event_id"]: post for post in reversed(self.story.posts)}
        heard.pop(None, None)
        for event_id, post in heard.items():
            if 200 <= post["status"] < 300 and event_id not in self.story.events:
                words = f"{event_id} was acknowledged, and no row has it"
                self.blame("acknowledged_and_lost", words)
        self._judge_unheard({*heard})
        if self.story.quiet is not None:
            for event in self.story.events.values():
                self._judge_end(event, heard=event.id in heard)

    def _judge_unheard(self, heard: set[str]) -> None:
        """See that each row of which nobody heard has a post that got no answer."""
        unheard = [
            event
            for event in sorted(self.story.events.values(), key=lambda each: each.seq)
            if event.integration_id and not event.before and event.id not in heard
            if not self._is_another_of_one_message(event)
        ]
        in_vain: dict[str, list[Line]] = defaultdict(list)
        for post in sorted(self.story.posts, key=lambda each: each["at_ms"]):
            if post["status"] == 0 or post["status"] >= 500:
                in_vain[post["integration_id"]].append(post)
        # Those whose text WhatsApp received come first: their post is known.
        unheard.sort(key=lambda each: each.id not in self.story.message_of)
        for event in unheard:
            post = self._post_of(event, in_vain[event.integration_id or ""])
            if post is None:
                self.blame("kept_but_half", "a row that no unanswered post asked for", event)
            else:
                in_vain[event.integration_id or ""].remove(post)

    def _is_another_of_one_message(self, event: Event) -> bool:
        message = self.story.message_of.get(event.id)
        return message is not None and len(message.event_ids) > 1  # for `receipts` to judge

    def _post_of(self, event: Event, in_vain: list[Line]) -> Line | None:
        message = self.story.message_of.get(event.id)
        for post in in_vain:
            in_time = post["at_ms"] <= event.accepted_at_ms + SAME_CLOCK_MS
            if in_time and (message is None or any(post is each for each in message.posts)):
                return post
        return None

    def _judge_end(self, event: Event, *, heard: bool) -> None:
        promised = heard or event.is_confirmation
        kind = "acknowledged_and_lost" if promised else "kept_but_half"
        if event.ended:
            taken = {each.part for each in self.story.receipts_of.get(event.id, ())}
            lacks = sorted(set(range(event.part + 1)) - taken)
            if event.state == "sent" and lacks and not event.before:
                self.blame(kind, f"ended as sent, and WhatsApp never took its parts {lacks}", event)
        elif not self.story.is_paused(event) and not self._is_behind_another(event):
            self._judge_waiting(event, kind)

    def _is_behind_another(self, event: Event) -> bool:
        assert self.story.quiet is not None
        held_since = self.story.quiet["at_ms"] - HOLD_MS
        return any(
            not other.ended or (other.state == "uncertain" and other.at_ms > held_since)
            for other in self.story.conversations.get(event.conversation or "", ())
            if other.seq < event.seq
        )

    def _judge_waiting(self, event: Event, kind: str) -> None:
        assert self.story.quiet is not None
        standing = self.story.standing.get(event.id, {"waiting_for": None, "due_at_ms": 0})
        waiting_for = standing["waiting_for"]
        ahead_ms = standing["due_at_ms"] - self.story.quiet["at_ms"]
        has_a_time = waiting_for in TIMED and ahead_ms > 0
        if -self.story.behind_ms < ahead_ms <= 0:  # due, and the gateway's clock is not so far yet
            return
        if waiting_for == "turn":
            words = f"waits for its turn in {event.state}, and everything earlier has ended"
            self.blame("blocked_by_finished", words, event)
        elif not has_a_time and not self._waits_for_a_unit(event, waiting_for):
            words = f"stands in {event.state}, waits for {waiting_for}, is due in {ahead_ms} ms"
            self.blame(kind, words, event)

    def _waits_for_a_unit(self, event: Event, waiting_for: str | None) -> bool:
        return waiting_for == "limit" and any(
            other.account_id == event.account_id and other.state == "sending"
            for other in self.story.events.values()
        )
