"""Many inputs, side by side, and what they found."""

from __future__ import annotations

import logging
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from tests.fuzz.target import Finding, run
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROCESSES = 2
_AT_ONCE = 25_000


def plan(names: Sequence[str], inputs: int) -> Iterator[tuple[str, range]]:
    """Which inputs of which target go together; the targets that take longest come first."""
    shares = sum(TARGETS[name].share for name in names)
    for name in reversed(names):
        count = -(-inputs * TARGETS[name].share // shares)
        for start in range(0, count, _AT_ONCE):
            yield name, range(start, min(count, start + _AT_ONCE))


def attempt(name: str, seed: int, indexes: range) -> tuple[str, int, float, list[Finding]]:
    """Try a range of a target's inputs; gives its name, the number, the seconds, the findings."""
    logging.disable(logging.WARNING)
    began = time.monotonic()
    findings = run(TARGETS[name], seed, indexes)
    return name, len(indexes), time.monotonic() - began, findings


def flood(names: Sequence[str], seed: int, inputs: int) -> int:
    """Try them all, side by side; gives the exit status."""
    tried, seconds = dict.fromkeys(names, 0), dict.fromkeys(names, 0.0)
    findings: dict[tuple[str, str], Finding] = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, mp_context=spawn) as pool:
        errands = [pool.submit(attempt, name, seed, some) for name, some in plan(names, inputs)]
        for errand in errands:
            name, count, took_s, found = errand.result()
            tried[name] += count
            seconds[name] += took_s
            for each in found:
                findings.setdefault((name, each.words[-60:]), each)
    for name in names:
        print(f"{name:10}{tried[name]:>12,} inputs{seconds[name]:>8.0f} s")
    print(f"{'all':10}{sum(tried.values()):>12,} inputs, {len(findings)} findings")
    for each in findings.values():
        print(f"\n{each.again}\n  {each.words}\n  {each.shown}")
    return 1 if findings else 0
