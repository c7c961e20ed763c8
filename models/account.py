"""A customer of the gateway."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import peewee

from models.base import JSONField, Model


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages may go out in a local day and a local month."""

    daily: int
    monthly: int


class Plan(StrEnum):
    """The published plans (webhook contract, Responsible messaging)."""

    STARTER = "starter"
    GROWTH = "growth"
    SCALE = "scale"

    @property
    def limits(self) -> Limits:
        """What the plan allows by default."""
        return _LIMITS[self]


_LIMITS = {
    Plan.STARTER: Limits(daily=100, monthly=2_000),
    Plan.GROWTH: Limits(daily=500, monthly=10_000),
    Plan.SCALE: Limits(daily=1_500, monthly=30_000),
}


class Account(Model):
    """Plan, limits, module and time zone of one customer of the gateway."""

    id = peewee.TextField(primary_key=True)
    name = peewee.TextField()
    business_name = peewee.TextField(default="")
    plan = peewee.TextField(default=Plan.STARTER.value)
    daily_limit = peewee.IntegerField(null=True)
    monthly_limit = peewee.IntegerField(null=True)
    timezone = peewee.TextField(default="UTC")
    next_timezone = peewee.TextField(null=True)
    next_timezone_from_ms = peewee.BigIntegerField(null=True)
    module_enabled = peewee.BooleanField(default=True)
    refuse_marketing = peewee.BooleanField(default=True)
    blocked_phrases: Any = JSONField(default=list)
    keywords: Any = JSONField(null=True)
    pause_reason = peewee.TextField(null=True)
    paused_at_ms = peewee.BigIntegerField(null=True)
    created_at_ms = peewee.BigIntegerField()

    @property
    def limits(self) -> Limits:
        """The account's own limits, where it has some, else the plan's."""
        plan = Plan(self.plan).limits
        return Limits(
            daily=plan.daily if self.daily_limit is None else self.daily_limit,
            monthly=plan.monthly if self.monthly_limit is None else self.monthly_limit,
        )

    def zone_at(self, now_ms: int) -> ZoneInfo:
        """The time zone that holds at this time; a changed one holds from the next day."""
        if self.next_timezone and now_ms >= (self.next_timezone_from_ms or 0):
            return ZoneInfo(self.next_timezone)
        return ZoneInfo(self.timezone)

    def change_timezone(self, name: str, now_ms: int) -> None:
        """Let a new time zone hold from the account's next day on (not saved yet)."""
        zone = self.zone_at(now_ms)
        changes = name != zone.key
        self.timezone = zone.key
        self.next_timezone = name if changes else None
        self.next_timezone_from_ms = end_of_day_ms(zone, now_ms) if changes else None


def day_of(zone: ZoneInfo, now_ms: int) -> str:
    """The local date, as 2026-11-22; its first seven characters name the month."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date().isoformat()


def end_of_day_ms(zone: ZoneInfo, now_ms: int) -> int:
    """Epoch milliseconds at which the next local day begins."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    tomorrow = datetime.combine(today.date() + timedelta(days=1), datetime.min.time(), zone)
    return int(tomorrow.timestamp() * 1000)
