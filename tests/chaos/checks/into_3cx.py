"""What customers write comes into 3CX, under one id and in order, or fails with cause."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.checks.message import Line
    from tests.chaos.checks.story import Story

REFUSALS = frozenset({400, 406, 409, 413, 415, 422})
REFUSED_AT_MOST, FAILED_AT_MOST = 5, 12  # tries, before it is given up
LEGAL = frozenset(
    {
        ("waiting", "delivering"),
        ("delivering", "waiting"),
        ("delivering", "delivered"),
        ("delivering", "failed"),
        ("waiting", "failed"),
    }
)
Chat = tuple[str, str]  # instance and digits of the customer


@dataclass(slots=True)
class Written:
    """What a customer wrote once, however often Meta told of it, and where it was heard."""

    asked_ms: int
    kept_ms: float = float("inf")
    told: list[tuple[int, Line]] = field(default_factory=list)  # with its place in the journal

    @property
    def taken_at(self) -> int | None:
        """The place at which an agent first had it."""
        return min((place for place, line in self.told if line["taken"]), default=None)


@dataclass(slots=True)
class News:
    """A row on its way to a destination."""

    id: str
    state: str
    instance_id: str = ""
    told: list[Line] = field(default_factory=list)


class IntoThreecx(Check):
    """Compares what Meta was answered with what 3CX heard, and the rows with both.

    Messages and lines are matched by their texts, of which each is written once. What was written
    and what was heard is compared by the order of each one's own lines and by the clock of callers
    and 3CX, which does not jump.
    """

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self._connected: set[str] = set()
        self._written: dict[Chat, dict[str, Written]] = defaultdict(dict)
        self._news: dict[str, News] = {}
        self._told: dict[tuple[Chat, str], list[tuple[int, Line]]] = defaultdict(list)
        self._heard = 0

    def on_connected(self, line: Line) -> None:
        """A number has a 3CX behind it whose journal is in the history."""
        self._connected.add(line["instance_id"])

    def on_wrote(self, line: Line) -> None:
        """Meta has told of a message, and was answered or not."""
        if line.get("text") is None or line["instance_id"] not in self._connected:
            return
        written = self._written[_chat(line)].setdefault(line["text"], Written(line["at_ms"]))
        if 200 <= line["status"] < 300:
            written.kept_ms = min(written.kept_ms, line["answered_at_ms"])

    def on_told(self, line: Line) -> None:
        """3CX heard a line."""
        self._heard += 1
        self._told[_chat(line), line["text"]].append((self._heard, line))
        row = self._row(line["forward_id"])
        row.instance_id = line["instance_id"]
        row.told.append(line)

    def on_news(self, line: Line) -> None:
        """The row of a piece of news was made."""
        row = self._row(line["forward_id"])
        row.state, row.instance_id = line["state"], line["instance_id"]

    def on_news_state(self, line: Line) -> None:
        """It went from one state to another."""
        row = self._row(line["forward_id"])
        if (line["old"], line["new"]) not in LEGAL or row.state not in {line["old"], ""}:
            words = f"news {row.id} was {row.state}, and went from {line['old']} to {line['new']}"
            self.blame("state_illegal", words)
        row.state = line["new"]

    def _row(self, forward_id: str) -> News:
        return self._news.setdefault(forward_id, News(forward_id, ""))

    @property
    def told(self) -> int:
        """How many pieces of news 3CX took."""
        return sum(any(line["taken"] for line in row.told) for row in self._news.values())

    @property
    def told_again(self) -> int:
        """How often it took one that it had."""
        taken = (sum(line["taken"] for line in row.told) for row in self._news.values())
        return sum(max(0, times - 1) for times in taken)

    def end(self) -> None:
        """Judge every message, every row, and the order of each conversation."""
        for row in self._news.values():
            if row.instance_id in self._connected:
                self._judge_row(row)
        for chat, texts in self._written.items():
            for text, written in texts.items():
                written.told = self._told[chat, text]
                self._judge_message(written)
            self._judge_order(list(texts.values()))

    def _judge_row(self, row: News) -> None:
        if row.state == "":
            self.blame("told_from_nowhere", f"3CX heard news {row.id}, and no row has it")
        elif row.state == "delivered" and not any(line["taken"] for line in row.told):
            self.blame("told_but_not_taken", f"news {row.id} was delivered, and nobody took it")
        elif row.state == "failed" and not _has_cause(row):
            words = f"news {row.id} failed after {[line['status'] for line in row.told]}"
            self.blame("failed_without_cause", words)
        elif row.state in {"waiting", "delivering"} and self.story.quiet is not None:
            self.blame("acknowledged_and_lost", f"news {row.id} stands in {row.state}")

    def _judge_message(self, written: Written) -> None:
        ids = sorted({line["forward_id"] for _, line in written.told})
        if len(ids) > 1:
            self.blame("told_under_two_ids", f"one message came into 3CX as {', '.join(ids)}")
        if written.taken_at is not None or written.kept_ms == float("inf"):
            return
        failed = any(self._news[each].state == "failed" for each in ids)
        unfinished = any(self._news[each].state in {"waiting", "delivering"} for each in ids)
        if self.story.quiet is not None and not failed and not unfinished:
            words = f"a message of {written.asked_ms} was acknowledged to Meta, and never told"
            self.blame("acknowledged_and_lost", words)

    def _judge_order(self, messages: list[Written]) -> None:
        latest, asked_ms = None, float("-inf")
        for place, written in sorted(_taken(messages), key=lambda each: each[0]):
            if asked_ms > written.kept_ms and latest is not None:
                words = f"a message of {latest.asked_ms} was told before one of {written.asked_ms}"
                self.blame("told_out_of_order", f"{words}, at {place}")
            if written.asked_ms > asked_ms:
                latest, asked_ms = written, written.asked_ms


def _taken(messages: list[Written]) -> Iterator[tuple[int, Written]]:
    for each in messages:
        if each.taken_at is not None:
            yield each.taken_at, each


def _has_cause(row: News) -> bool:
    refused = sum(line["status"] in REFUSALS for line in row.told)
    return refused > 0 or len(row.told) >= FAILED_AT_MOST


def _chat(line: Line) -> Chat:
    return line["instance_id"], line["customer"].lstrip("+")
