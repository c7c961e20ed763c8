"""An opt-out that was answered is committed soon, and stands if it was the last word."""

from __future__ import annotations

from collections import defaultdict
from math import ceil
from typing import TYPE_CHECKING

from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.message import Line
    from tests.chaos.checks.story import Story

Person = tuple[str, str]  # account and hash of an address


class OptOuts(Check):
    """Measures from the customer's webhook, by its caller's clock, to the row of the suppression.

    Which hash is whose is learnt from the posts to a customer, and from what WhatsApp took for one:
    an opt-out of somebody to whom nobody ever wrote is left out.
    """

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self._told: list[Line] = []
        self._last_words: dict[tuple[str, str], Line] = {}
        self._spans: dict[Person, list[list[float]]] = defaultdict(list)
        self.commit_ms: list[int] = []

    def on_wrote(self, line: Line) -> None:
        """A customer wrote; whoever was not answered may have been heard all the same."""
        self._last_words[_sender(line)] = line
        if line["opt_out"] and 200 <= line["status"] < 300:
            self._told.append(line)

    def on_suppressed(self, line: Line) -> None:
        """An opt-out holds from here on."""
        if line["suppression"] == "opt_out":
            person = line["account_id"], line["address_hash"]
            self._spans[person].append([line["at_ms"], float("inf")])

    def on_lifted(self, line: Line) -> None:
        """It holds no longer."""
        spans = self._spans[line["account_id"], line["address_hash"]]
        if line["suppression"] == "opt_out" and spans:
            spans[-1][1] = line["at_ms"]

    def end(self) -> None:
        """Find the suppression that each opt-out became, or found there."""
        people = self._people()
        for line in self._told:
            person = people.get(_sender(line))
            if person is None:
                continue
            spans = [span for span in self._spans[person] if span[1] > line["at_ms"]]
            if not spans:
                self._blame(line, "was never kept")
            elif spans[0][0] >= line["at_ms"]:
                self.commit_ms.append(int(spans[0][0]) - line["at_ms"])
            if spans and spans[-1][1] < float("inf") and self._was_last_word(line, people):
                self._blame(line, "was the last word, and was lifted all the same")

    def _was_last_word(self, line: Line, people: dict[tuple[str, str], Person]) -> bool:
        """Whether the person wrote nothing more; one who writes to two numbers is left out."""
        sender = _sender(line)
        numbers = [who for who in self._last_words if people.get(who) == people[sender]]
        return numbers == [sender] and self._last_words[sender] is line

    def _blame(self, line: Line, what: str) -> None:
        if self.story.quiet is not None:
            words = f"an opt-out, message {line['message_id']}, was answered and {what}"
            self.blame("acknowledged_and_lost", words)

    def _people(self) -> dict[tuple[str, str], Person]:
        named = [(post["event_id"], post["customer"]) for post in self.story.posts]
        named += [(each.event_id, each.customer) for each in self.story.receipts]
        people = {}
        for event_id, customer in named:
            event = self.story.events.get(event_id)
            if event is not None and event.address is not None and customer is not None:
                known_as = event.instance_id, _digits(customer)
                people[known_as] = event.account_id, event.address
        return people

    def p99_ms(self) -> int | None:
        """The 99th percentile (nearest rank) of all that were measured; None without any."""
        ranked = sorted(self.commit_ms)
        return ranked[ceil(len(ranked) * 0.99) - 1] if ranked else None


def _sender(line: Line) -> tuple[str, str]:
    return line["instance_id"], _digits(line["customer"])


def _digits(number: str) -> str:
    return number.lstrip("+")
