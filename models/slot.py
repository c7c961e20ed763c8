"""Sending slots: when the next message may go, per instance and per pair. Reserved, not polled.

Each name runs a generic cell rate algorithm (GCRA): `arrival_us` is the theoretical arrival time of
its next message in epoch microseconds. A provider's word can close a name until a time.

A clock that is turned back must not close a name for as long: a row knows when it was last written,
and one that was written in the future is read as if the time since then had been none.
"""

from dataclasses import dataclass

import peewee

from core import clock
from models.base import Model
from models.database import locked, transaction

_TURNED_BACK_MS = 5_000  # more than the clocks of two hosts may be apart


@dataclass(frozen=True, slots=True)
class Rate:
    """A slot's name and its pace.

    Args:
        name: what is paced.
        period_us: microseconds between messages in the long run.
        burst: how many may go at once before the pace holds.
    """

    name: str
    period_us: int
    burst: int


class Slot(Model):
    """The next theoretical arrival of one name."""

    name = peewee.TextField(primary_key=True)
    arrival_us = peewee.BigIntegerField(default=0)
    closed_until_ms = peewee.BigIntegerField(default=0)
    written_at_ms = peewee.BigIntegerField(default=0)

    @classmethod
    @transaction
    def reserve(cls, rates: list[Rate], now_ms: int, not_after_ms: int) -> int:
        """Reserve the first time at which all rates allow a message.

        Args:
            rates: the names to reserve in; locked in the order of their names.
            now_ms: the earliest time that is wanted.
            not_after_ms: beyond this, nothing is reserved.

        Returns:
            The slot in epoch milliseconds; when it is after `not_after_ms`, it is not reserved.
        """
        now_us = now_ms * 1000
        names = sorted(rate.name for rate in rates)
        cls._add_missing(names)
        rows = list(locked(cls.select().where(cls.name.in_(names)).order_by(cls.name)))
        for row in rows:
            row.follow(now_ms)
        arrivals = {row.name: row.arrival_us for row in rows}
        start_us = max(
            now_us,
            *(row.closed_until_ms * 1000 for row in rows),
            *(arrivals[rate.name] - rate.period_us * (rate.burst - 1) for rate in rates),
        )
        start_ms = int(-(-start_us // 1000))
        if start_ms > not_after_ms:
            return start_ms
        closed = {row.name: row.closed_until_ms for row in rows}
        for rate in rates:
            cls.update(
                arrival_us=max(arrivals[rate.name], start_us) + rate.period_us,
                closed_until_ms=closed[rate.name],
                written_at_ms=now_ms,
            ).where(cls.name == rate.name).execute()
        return start_ms

    @classmethod
    @transaction
    def close_until(cls, name: str, until_ms: int) -> None:
        """Let nobody send under this name before a time; a longer closing stays."""
        cls._add_missing([name])
        row = locked(cls.select().where(cls.name == name)).get()
        now_ms = clock.now_ms()
        row.follow(now_ms)
        cls.update(
            arrival_us=row.arrival_us,
            closed_until_ms=max(row.closed_until_ms, until_ms),
            written_at_ms=now_ms,
        ).where(cls.name == name).execute()

    @classmethod
    def opens_at_ms(cls, names: list[str]) -> int:
        """When the last of these names opens again, in epoch milliseconds (0: all are open)."""
        rows = list(cls.select().where(cls.name.in_(names)))
        for row in rows:
            row.follow(clock.now_ms())
        return max((row.closed_until_ms for row in rows), default=0)

    def follow(self, now_ms: int) -> None:
        """Turn this reading's times back as far as the clock was since they were written."""
        turned_ms = self.written_at_ms - now_ms
        if turned_ms > _TURNED_BACK_MS:
            self.arrival_us -= turned_ms * 1000
            self.closed_until_ms = max(0, self.closed_until_ms - turned_ms)

    @classmethod
    def _add_missing(cls, names: list[str]) -> None:
        rows = [
            {"name": name, "arrival_us": 0, "closed_until_ms": 0, "written_at_ms": 0}
            for name in names
        ]
        cls.insert_many(rows).on_conflict_ignore().execute()
