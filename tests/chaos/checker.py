"""The verdict on a history: which promises were broken, by whom, and how much went well.

It reads the history and nothing else. What it names can be proved from the lines; what they leave
open, it leaves open. Each room of `tests.chaos.checks` says which clock it compares, if any, and
what a clock that jumps does to it.

    python -m tests.chaos.checker FILE [--json]
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tests.chaos.checks import CHECKS, IntoThreecx, OptOuts
from tests.chaos.checks.check import Violation
from tests.chaos.checks.story import Story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.chaos.checks.check import Check

__all__ = ["KINDS", "Report", "Violation", "check"]

KINDS = (
    "acknowledged_and_lost",
    "kept_but_half",
    "repeat_became_two",
    "sent_twice",
    "sent_but_unaccounted",
    "out_of_order",
    "two_in_flight",
    "sent_when_suppressed",
    "sent_when_closed",
    "sent_when_paused",
    "sent_when_expired",
    "over_limit",
    "limit_given_back_twice",
    "status_backwards",
    "state_illegal",
    "uncertain_resent_by_itself",
    "blocked_by_finished",
    "told_from_nowhere",
    "told_but_not_taken",
    "told_under_two_ids",
    "told_out_of_order",
    "failed_without_cause",
    "refusal_untold",
    "told_too_often",
    "cooled_down_too_little",
)
_SHOWN = 50


@dataclass(frozen=True)
class Report:
    """What the checker found.

    Args:
        violations: what must not be, in the order of the checks.
        counts: accepted, sent, refused (by error code), recorded, uncertain, told (news that 3CX
            took), told_again (that it took more than once), lost, doubled, inversions, and
            `opt_out_commit_p99_ms` (None when no opt-out could be measured).
    """

    violations: list[Violation]
    counts: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations

    def __str__(self) -> str:
        lines = [f"{name:24}{value}" for name, value in self.counts.items()]
        lines += [
            f"{each.kind}: {each.event_id or '-'}: {each.words}"
            for each in self.violations[:_SHOWN]
        ]
        if len(self.violations) > _SHOWN:
            lines.append(f"and {len(self.violations) - _SHOWN} more")
        found = len(self.violations)
        lines.append("every promise was kept" if self.ok else f"violations: {found}")
        return "\n".join(lines)


def check(path: Path) -> Report:
    """Read a history that `history.collect` made, and judge it.

    Raises:
        orjson.JSONDecodeError, KeyError: it is not such a file.
    """
    story = Story()
    checks = [each(story) for each in CHECKS]
    _read(path, _hearers([*checks, story]))
    for each in checks:
        each.end()
    violations = [found for each in checks for found in each.violations]
    return Report(violations, _counts(story, checks, violations))


def _hearers(listeners: Iterable[object]) -> dict[str, list[Callable[[Any], None]]]:
    """Who hears of each kind of line; the story comes last, so that checks see what was before."""
    hearers = defaultdict(list)
    for each in listeners:
        for name in dir(each):
            if name.startswith("on_"):
                hearers[name.removeprefix("on_")].append(getattr(each, name))
    return hearers


def _read(path: Path, hearers: dict[str, list[Callable[[Any], None]]]) -> None:
    with path.open("rb") as file:
        for raw in file:
            line = orjson.loads(raw)
            for hear in hearers.get(line["kind"], ()):
                hear(line)


def _counts(story: Story, checks: list[Check], violations: list[Violation]) -> dict[str, Any]:
    states = Counter(event.state for event in story.events.values())
    found = Counter(each.kind for each in violations)
    errors = Counter(str(each.error) for each in story.events.values() if each.state == "refused")
    (opt_outs,) = (each for each in checks if isinstance(each, OptOuts))
    (into_3cx,) = (each for each in checks if isinstance(each, IntoThreecx))
    return {
        "accepted": len(story.events),
        "sent": states["sent"],
        "refused": dict(sorted(errors.items())),
        "recorded": states["recorded"],
        "uncertain": states["uncertain"],
        "told": into_3cx.told,
        "told_again": into_3cx.told_again,
        "lost": found["acknowledged_and_lost"],
        "doubled": found["sent_twice"] + found["repeat_became_two"] + found["told_under_two_ids"],
        "inversions": found["out_of_order"] + found["told_out_of_order"],
        "opt_out_commit_p99_ms": opt_outs.p99_ms(),
    }


def main() -> int:
    """Print the verdict; the exit status is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.checker")
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="counts and violations as JSON")
    options = parser.parse_args()
    report = check(options.file)
    shown = {"violations": [asdict(each) for each in report.violations], **report.counts}
    print(orjson.dumps(shown).decode() if options.json else report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
