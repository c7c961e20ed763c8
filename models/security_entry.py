"""The security log: why authentication failed, by address. Only an administrator sees it."""

import peewee

from models.base import Model
from models.database import transaction


class SecurityEntry(Model):
    """How often an address failed for a reason, between two times."""

    id = peewee.BigAutoField()
    address = peewee.TextField()
    integration_id = peewee.TextField()
    reason = peewee.TextField()
    count = peewee.IntegerField()
    first_at_ms = peewee.BigIntegerField()
    last_at_ms = peewee.BigIntegerField()

    @classmethod
    @transaction
    def forget_oldest(cls, keep: int) -> None:
        """Let go of all but the newest entries, so that nobody can fill the disk by failing."""
        newest = cls.select(peewee.fn.MAX(cls.id)).scalar() or 0
        cls.delete().where(cls.id <= newest - keep).execute()

    @classmethod
    @transaction
    def write(cls, rows: list[dict[str, object]]) -> None:
        """Add what was counted since the last writing."""
        if rows:
            cls.insert_many(rows).execute()
