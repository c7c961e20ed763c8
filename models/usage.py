"""How many messages of an account went out, by local day and by local month."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import peewee

from models.account import day_of
from models.base import Model
from models.database import transaction

_MONTH = 7  # characters of 2026-11


@dataclass(frozen=True, slots=True)
class Used:
    """Messages counted in the current local day and month."""

    daily: int
    monthly: int


class Usage(Model):
    """A counter: one account, one day or month."""

    account_id = peewee.TextField()
    period = peewee.TextField()
    used = peewee.IntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("account_id", "period")

    @classmethod
    def of(cls, account_id: str, zone: ZoneInfo, now_ms: int) -> Used:
        """What has been used of the day and month that this time lies in."""
        day = day_of(zone, now_ms)
        rows = {
            row.period: row.used
            for row in cls.select(cls.period, cls.used).where(
                cls.account_id == account_id, cls.period.in_([day, day[:_MONTH]])
            )
        }
        return Used(daily=rows.get(day, 0), monthly=rows.get(day[:_MONTH], 0))

    @classmethod
    @transaction
    def take(cls, account_id: str, zone: ZoneInfo, now_ms: int) -> None:
        """Count one message; the caller holds the account's lock and has looked at the limits."""
        day = day_of(zone, now_ms)
        cls.insert_many(
            [
                {"account_id": account_id, "period": period, "used": 1}
                for period in (day, day[:_MONTH])
            ]
        ).on_conflict(
            conflict_target=[cls.account_id, cls.period], update={cls.used: cls.used + 1}
        ).execute()

    @classmethod
    @transaction
    def give_back(cls, account_id: str, zone: ZoneInfo, taken_at_ms: int) -> None:
        """Return a unit to the day and month in which it was taken: its message did not go out."""
        day = day_of(zone, taken_at_ms)
        cls.update(used=cls.used - 1).where(
            cls.account_id == account_id, cls.period.in_([day, day[:_MONTH]]), cls.used > 0
        ).execute()
