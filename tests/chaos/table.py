"""What a fault run says at its end: a table for people, a document for scripts."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.run import Outcome

_COUNTS = ("accepted", "sent", "refused", "uncertain", "lost", "doubled", "inversions")
_INTO_3CX = ("told", "told_again")
_SHOWN_AT_MOST = 20


def document(outcome: Outcome) -> dict[str, Any]:
    """Everything there is to say, as JSON has it."""
    order, report = outcome.order, outcome.report
    return {
        **{name: report.counts.get(name, 0) for name in (*_COUNTS, *_INTO_3CX)},
        "recovery_s": _recoveries(outcome),
        "recorded": report.counts.get("recorded", 0),
        "opt_out_commit_p99_ms": report.counts.get("opt_out_commit_p99_ms"),
        "violations": [
            {
                "kind": each.kind,
                "words": each.words,
                "event_id": each.event_id,
                "conversation": each.conversation,
            }
            for each in report.violations
        ],
        "seed": order.seed,
        "minutes": order.minutes,
        "backend": order.back_end,
        "faults": outcome.struck,
        "left_out": outcome.left_out,
        "restarts": outcome.restarts,
    }


def _recoveries(outcome: Outcome) -> dict[str, dict[str, float | int | None]]:
    return {
        name: {
            "times": len(seconds),
            "median": _rounded(median(each for each in seconds if each is not None))
            if any(each is not None for each in seconds)
            else None,
            "max": None if None in seconds else _rounded(max(seconds)),
        }
        for name, seconds in sorted(outcome.recoveries.seconds.items())
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 1)


def text(outcome: Outcome) -> str:
    """The same for people."""
    return "\n".join(_lines(outcome, document(outcome)))


def _lines(outcome: Outcome, said: dict[str, Any]) -> Iterator[str]:
    yield ""
    for name in (*_COUNTS, *_INTO_3CX):
        if name != "refused":
            yield f"{name:12}{said[name]:>8}"
            continue
        yield f"{name:12}{sum(said[name].values()):>8}"
        for code, count in sorted(said[name].items()):
            yield f"  {code:32}{count:>8}"
    if said["opt_out_commit_p99_ms"] is not None:
        yield f"opt-outs committed within {said['opt_out_commit_p99_ms']} ms, 99th percentile"
    yield ""
    yield f"{'seconds to recover':40}{'times':>8}{'median':>8}{'max':>8}"
    for name, each in said["recovery_s"].items():
        figures = ("> 60" if each[key] is None else each[key] for key in ("median", "max"))
        yield f"{name:40}{each['times']:>8}" + "".join(f"{figure:>8}" for figure in figures)
    for name in said["left_out"]:
        yield f"{name:40}  left out: no right to mount a disk here"
    yield ""
    for each in outcome.report.violations[:_SHOWN_AT_MOST]:
        yield f"{each.kind}: {each.words} (event {each.event_id}, {each.conversation})"
    count = len(outcome.report.violations)
    yield f"{count} violations" if count else "no violation"
    yield _again(outcome)


def _again(outcome: Outcome) -> str:
    order = outcome.order
    calm = " --calm" if order.calm else ""
    command = f"gateway chaos{calm} --minutes {order.minutes:g} --seed {order.seed}"
    return f"seed {order.seed}; to repeat it: {command} --backend {order.back_end}"
