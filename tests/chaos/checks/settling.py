"""Nothing goes to `sending` that an opt-out, a pause, a closed window or an expiry forbids."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from models.conversation import WINDOW_MS
from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.event import Event
    from tests.chaos.checks.message import Line
    from tests.chaos.checks.story import Story

# Another address of a person may be learnt without the account's lock: only one that has been
# known for this long must have been seen.
ALIAS_MS = 1_000
REQUEST_MS = 15_000  # what one request to WhatsApp may take


class Settling(Check):
    """Compares each move to `sending` with what was in force at that row of the history.

    Opt-outs and pauses are compared by row number, no clock at all. Windows and expiries are held
    against `started_at_ms`, the gateway's own clock in the transaction that settles: if that clock
    jumped, it is still the one by which the gateway had to judge.
    """

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self._person: dict[tuple[str, str], tuple[str, int]] = {}
        self._addresses: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._suppressed: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._wrote_ms: dict[tuple[str, str], int | None] = {}

    def on_alias(self, line: Line) -> None:
        """A person is known by one more address."""
        customer, at_ms = line["customer_id"], line["at_ms"]
        self._person[line["account_id"], line["address_hash"]] = customer, at_ms
        self._addresses[customer].append((line["address_hash"], at_ms))

    def on_suppressed(self, line: Line) -> None:
        """Somebody opted out, or was blocked."""
        self._suppressed[line["account_id"], line["address_hash"]].add(line["suppression"])

    def on_lifted(self, line: Line) -> None:
        """Somebody may be written to again."""
        self._suppressed[line["account_id"], line["address_hash"]].discard(line["suppression"])

    def on_window(self, line: Line) -> None:
        """A customer wrote, or WhatsApp said that the window is closed."""
        thread = line["customer_id"], line["instance_id"]
        self._wrote_ms[thread] = line["last_inbound_at_ms"]

    def on_state(self, line: Line) -> None:
        """Judge a move to `sending` by what was committed before it."""
        event = self.story.events.get(line["event_id"])
        if event is None or line["new"] != "sending":
            return
        kinds = self._suppressions(event, line["at_ms"])
        if kinds and not (event.is_confirmation and kinds == {"opt_out"}):
            words = f"row {line['n']} moved it to sending under {' and '.join(sorted(kinds))}"
            self.blame("sent_when_suppressed", words, event)
        if self.story.is_paused(event):
            self.blame("sent_when_paused", f"row {line['n']} moved it to sending", event)

    def _suppressions(self, event: Event, at_ms: int) -> set[str]:
        address = event.address or ""
        known = self._person.get((event.account_id, address))
        addresses = {address}
        if known is not None and known[1] <= at_ms - ALIAS_MS:
            addresses |= {
                other for other, since in self._addresses[known[0]] if since <= at_ms - ALIAS_MS
            }
        return set().union(
            *(self._suppressed.get((event.account_id, each), ()) for each in addresses)
        )

    def on_attempt(self, line: Line) -> None:
        """Judge the moment at which the right to send was given."""
        event = self.story.events.get(line["event_id"])
        if event is None or not self.story.begun:
            return
        started = line["started_at_ms"]
        if started > event.expires_at_ms + REQUEST_MS:
            late_ms = started - event.expires_at_ms
            self.blame("sent_when_expired", f"a request began {late_ms} ms too late", event)
        known = self._person.get((event.account_id, event.address or ""))
        wrote_ms = self._wrote_ms.get((known[0], event.instance_id)) if known else None
        if wrote_ms is None or started >= wrote_ms + WINDOW_MS:
            wrote = "never" if wrote_ms is None else f"{(started - wrote_ms) // 1000} s before"
            words = f"the customer wrote {wrote}, as far as row {line['n']} could see"
            self.blame("sent_when_closed", words, event)
