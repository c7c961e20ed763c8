"""Whether WhatsApp can be reached by an instance: while it cannot, nobody makes a request in vain.

Closed until 5 failures of the way came in a row; then open for 5 s, and longer with each probe that
fails; half-open once that time is over. One probe then goes out among all workers, and what comes
of it closes the breaker or opens it again.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import peewee

from core import clock
from models.base import Model
from models.database import transaction

FAILURES_IN_A_ROW = 5
_FIRST_OPENING_MS = 5_000
_LONGEST_OPENING_MS = 60_000
_JITTER = 0.1
_DOUBLINGS = 4
# A time further ahead than this was written before the clock was turned back, and is over.
_FAR_MS = 2 * _LONGEST_OPENING_MS


class Position(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Admission:
    """What a breaker says to somebody who wants to make a request.

    Args:
        wait_until_ms: when to ask again, in epoch milliseconds; None when the request may be made.
        probe: whether the request is the one by which everybody learns whether it works again.
    """

    wait_until_ms: int | None = None
    probe: bool = False


class Breaker(Model):
    """One instance's failures of the way, in a row; without a row there was none."""

    way_id = peewee.TextField(primary_key=True, column_name="instance_id")  # or a destination's
    failures = peewee.IntegerField(default=0)
    openings = peewee.IntegerField(default=0)  # in a row, without an answer between them
    open_until_ms = peewee.BigIntegerField(null=True)
    probe_until_ms = peewee.BigIntegerField(null=True)  # the prober's lease

    @classmethod
    def of(cls, way_id: str) -> Self:
        """The breaker of an instance; a closed one when nothing ever failed."""
        found: Self | None = cls.get_or_none(cls.way_id == way_id)
        return found or cls(way_id=way_id)

    def position(self, now_ms: int) -> Position:
        """Where it stands at this time."""
        if self.open_until_ms is None:
            return Position.CLOSED
        return Position.OPEN if _lies_ahead(self.open_until_ms, now_ms) else Position.HALF_OPEN

    @classmethod
    @transaction
    def admit(cls, way_id: str, now_ms: int, lease_until_ms: int) -> Admission:
        """Ask whether a request may be made now; of all who ask a half-open one, one may.

        Args:
            way_id: whose request.
            now_ms: the time, in epoch milliseconds.
            lease_until_ms: how long the request may take; a prober's death holds nobody longer.
        """
        breaker = cls.of(way_id)
        position = breaker.position(now_ms)
        if position is Position.CLOSED:
            return Admission()
        if position is Position.OPEN:
            return Admission(wait_until_ms=breaker.open_until_ms)
        if _lies_ahead(breaker.probe_until_ms, now_ms):
            return Admission(wait_until_ms=breaker.probe_until_ms)
        taken = (
            cls.update(probe_until_ms=lease_until_ms)
            .where(
                cls.way_id == way_id,
                cls.open_until_ms == breaker.open_until_ms,
                _is(cls.probe_until_ms, breaker.probe_until_ms),
            )
            .execute()
        )
        return Admission(probe=True) if taken else Admission(wait_until_ms=lease_until_ms)

    @classmethod
    @transaction
    def answered(cls, way_id: str) -> bool:
        """WhatsApp answered, whatever it said: close. True when the breaker was not closed."""
        # Most answers find nothing to forget, and this is all that they cost.
        forgotten = cls.update(failures=0).where(cls.way_id == way_id, cls.failures > 0).execute()
        if not forgotten:
            return False
        closed: int = (
            cls.update(openings=0, open_until_ms=None, probe_until_ms=None)
            .where(cls.way_id == way_id, cls.open_until_ms.is_null(False))
            .execute()
        )
        return closed == 1

    @classmethod
    @transaction
    def failed(cls, way_id: str, probe_until_ms: int | None) -> int | None:
        """The way broke: count, and open after so many in a row or after a probe.

        Requests that began before the breaker opened tell nothing new when they fail.

        Args:
            way_id: whose request.
            probe_until_ms: the lease of the probe that failed; None when it was no probe.

        Returns:
            Until when it is open, in epoch milliseconds, if this call opened it.
        """
        cls.insert(way_id=way_id).on_conflict_ignore().execute()
        counted = (
            cls.update(failures=cls.failures + 1)
            .where(
                cls.way_id == way_id,
                cls.open_until_ms.is_null() | _is(cls.probe_until_ms, probe_until_ms or -1),
            )
            .execute()
        )
        breaker = cls.of(way_id)
        if not counted or breaker.failures < FAILURES_IN_A_ROW:
            return None
        open_until_ms = clock.now_ms() + _opening_ms(breaker.openings)
        cls.update(
            openings=cls.openings + 1, open_until_ms=open_until_ms, probe_until_ms=None
        ).where(cls.way_id == way_id).execute()
        return open_until_ms

    @classmethod
    @transaction
    def untold(cls, way_id: str, probe_until_ms: int) -> None:
        """A probe ended without a word of the way: let the next one probe."""
        cls.update(probe_until_ms=None).where(
            cls.way_id == way_id, cls.probe_until_ms == probe_until_ms
        ).execute()


def _lies_ahead(time_ms: int | None, now_ms: int) -> bool:
    return time_ms is not None and now_ms < time_ms <= now_ms + _FAR_MS


def _is(column: peewee.BigIntegerField, value: int | None) -> peewee.Expression:
    return column.is_null() if value is None else column == value


def _opening_ms(openings: int) -> int:
    length = min(_FIRST_OPENING_MS << min(openings, _DOUBLINGS), _LONGEST_OPENING_MS)
    return int(length * (1 - _JITTER * random.random()))  # noqa: S311 (spreads, hides nothing)
