"""The one clock. Everything that asks for the time asks here, so that tests can turn its hands."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class _Hands:
    """How far this process's clock is turned away from the machine's, and whether it stands."""

    offset_ms: int = 0
    frozen_ms: int | None = None


_hands = _Hands()


def now_ms() -> int:
    """Wall-clock time in milliseconds since the Unix epoch, UTC."""
    if _hands.frozen_ms is not None:
        return _hands.frozen_ms + _hands.offset_ms
    return time.time_ns() // 1_000_000 + _hands.offset_ms


def iso(at_ms: int) -> str:
    """A time as ISO 8601 in UTC with milliseconds."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def monotonic() -> float:
    """Seconds that never run backwards; only differences mean anything."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait this many seconds of the machine's time."""
    time.sleep(seconds)


def turn(by_ms: int) -> None:
    """Turn the hands by this many milliseconds; negative turns them back."""
    _hands.offset_ms += by_ms


def freeze(at_ms: int | None = None) -> None:
    """Stop the clock at a time in epoch milliseconds (now, if none is given)."""
    stands_at = now_ms() if at_ms is None else at_ms
    _hands.frozen_ms, _hands.offset_ms = stands_at, 0


def reset() -> None:
    """Go with the machine's clock again."""
    _hands.frozen_ms, _hands.offset_ms = None, 0
