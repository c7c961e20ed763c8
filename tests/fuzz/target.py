"""What a target of the fuzz is, and how it is run."""

from __future__ import annotations

import time
import traceback
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SLOWEST_S = 1.0  # of a thread's own time: no input may cost more
_SHOWN_BYTES = 300


class TooSlow(AssertionError):
    """An input took more time than any may."""


@dataclass(frozen=True)
class Target:
    """Something that takes input from strangers.

    Args:
        name: what it is called on the command line.
        share: of a thousand inputs, how many it gets.
        make: an input, from chance alone.
        opened: what it takes to look at inputs; gives the check, which raises for a finding.
    """

    name: str
    share: int
    make: Callable[[Random], Any]
    opened: Callable[[], AbstractContextManager[Callable[[Any], None]]]

    def input(self, seed: int, index: int) -> Any:
        """The input with this number, the same at any time."""
        return self.make(Random(f"{self.name}:{seed}:{index}"))


@dataclass(frozen=True)
class Finding:
    """An input that broke something."""

    target: str
    seed: int
    index: int
    words: str
    shown: str

    @property
    def again(self) -> str:
        """How to see it again."""
        return f"--target {self.target} --seed {self.seed} --only {self.index}"


def pure(check: Callable[[Any], None]) -> Callable[[], AbstractContextManager[Any]]:
    """For a check that needs nothing to be opened."""

    @contextmanager
    def opened() -> Iterator[Callable[[Any], None]]:
        yield check

    return opened


def run(target: Target, seed: int, indexes: Iterable[int]) -> list[Finding]:
    """Try inputs; one finding for each line of code that broke."""
    found: dict[str, Finding] = {}
    with target.opened() as check:
        for index in indexes:
            made = target.input(seed, index)
            try:
                within_time(check, made)
            except Exception as failure:  # noqa: BLE001 - whatever it is, it is a finding
                where = traceback.extract_tb(failure.__traceback__)[-1]
                words = f"{type(failure).__name__}: {failure} at {where.filename}:{where.lineno}"
                shown = repr(made)[:_SHOWN_BYTES]
                line = f"{type(failure).__name__} {where.filename}:{where.lineno}"
                found.setdefault(line, Finding(target.name, seed, index, words[:400], shown))
    return list(found.values())


def within_time(check: Callable[[Any], None], made: Any) -> None:
    """Look at one input, which must not take long."""
    began = time.thread_time()
    check(made)
    took_s = time.thread_time() - began
    if took_s > SLOWEST_S:
        raise TooSlow(f"{took_s:.1f} s")
