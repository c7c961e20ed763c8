"""How long a thread waits for the database: a door gives up soon, a worker later, a command never.

A server that hangs keeps its connections open and says nothing; only whoever waits can notice.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar


class _Usual:
    """What holds for threads that say nothing else; set once, by a process that stays."""

    seconds: float | None = None


_patience: ContextVar[float | None] = ContextVar("patience_s")


def usual(seconds: float | None) -> None:
    """Set what holds for every thread of this process that says nothing else (None: for ever)."""
    _Usual.seconds = seconds


def mine(seconds: float) -> None:
    """From now on, have this thread wait at most so many seconds a transaction or statement."""
    _patience.set(seconds)


@contextlib.contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Within this block, wait at most so many seconds for each transaction or statement."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


def patience_s() -> float | None:
    """How long this thread waits for the database's answer, in seconds; None: for ever."""
    return _patience.get(_Usual.seconds)
