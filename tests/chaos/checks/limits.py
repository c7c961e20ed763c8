"""What is counted is what went out: no more than the limit, and given back once at most."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from models.account import Plan
from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.event import Attempt, Event
    from tests.chaos.checks.message import Line
    from tests.chaos.checks.story import Story

DAY, MONTH = len("2026-11-22"), len("2026-11")


class Limits(Check):
    """Follows every count of every account, row by row; needs no clock.

    A unit is taken in the transaction that moves to `sending`, and comes back in the one that
    learns that the message did not go: right after the row that says so.
    """

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self._limits: dict[str, dict[int, int]] = {}
        self._moved: Counter[str] = Counter()
        self._taken: Counter[tuple[str, int]] = Counter()
        self._learnt: dict[int | None, tuple[Event, Attempt]] = {}

    def on_account(self, line: Line) -> None:
        """An account's limits, from now on."""
        plan = Plan(line["plan"]).limits
        daily, monthly = line["daily_limit"], line["monthly_limit"]
        self._limits[line["account_id"]] = {
            DAY: plan.daily if daily is None else daily,
            MONTH: plan.monthly if monthly is None else monthly,
        }

    def on_state(self, line: Line) -> None:
        """A message is about to go, or is known by its status not to have gone."""
        event = self.story.events.get(line["event_id"])
        if event is None:
            return
        if line["new"] == "sending":
            self._moved[event.account_id] += 1
        elif line["old"] == "uncertain" and line["new"] == "refused":
            self._learn(line, event, event.last_attempt(event.part))

    def on_attempt_ended(self, line: Line) -> None:
        """The answer said that the message did not go."""
        event = self.story.events.get(line["event_id"])
        if event is not None and line["outcome"] == "failed":
            tried = event.attempts.get(line["part"], ())
            ended = next((each for each in tried if each.id == line["attempt_id"]), None)
            self._learn(line, event, ended)

    def _learn(self, line: Line, event: Event, attempt: Attempt | None) -> None:
        if attempt is not None:
            self._learnt[line["tx"]] = event, attempt

    def on_usage(self, line: Line) -> None:
        """A count went up or down."""
        if not self.story.begun:
            return
        account_id, period = line["account_id"], line["period"]
        if line["used"] > line["old"]:
            self._taken[account_id, len(period)] += line["used"] - line["old"]
            limit = self._limits.get(account_id, {}).get(len(period))
            if limit is not None and line["used"] > limit:
                words = f"account {account_id} used {line['used']} of {limit} in {period}"
                self.blame("over_limit", words)
        else:
            self._given_back(line)

    def _given_back(self, line: Line) -> None:
        event, attempt = self._learnt.get(line["tx"], (None, None))
        unit = len(line["period"])
        one = line["old"] - line["used"] == 1
        fits = event is not None and event.account_id == line["account_id"]
        if one and fits and attempt is not None and unit not in attempt.given_back:
            attempt.given_back.add(unit)
            return
        words = f"row {line['n']} gave back {line['old'] - line['used']} of {line['period']}"
        self.blame("limit_given_back_twice", words, event if fits else None)

    def end(self) -> None:
        """See that each move to `sending` took one unit of the day and one of the month."""
        accounts = set(self._moved) | {account_id for account_id, _ in self._taken}
        for account_id in sorted(accounts):
            moved = self._moved[account_id]
            day, month = (self._taken[account_id, unit] for unit in (DAY, MONTH))
            if not moved == day == month:
                words = f"account {account_id} moved {moved} to sending, and took {day} and {month}"
                self.blame("limit_given_back_twice", words)
