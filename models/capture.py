"""The last requests of an integration, redacted, so that nobody has to guess what a PBX sent."""

from typing import Any, Self

import orjson
import peewee

from models.base import Model, SealedPayload, opened
from models.database import transaction
from models.integration import Integration

KEPT = 25
UNPROVEN = 10  # of them, so that whoever fails to authenticate pushes nobody else's out


class Capture(Model):
    """One request as app.shape leaves it; `proven` tells whether its sender authenticated."""

    id = peewee.BigAutoField()
    integration_id = peewee.TextField()
    at_ms = peewee.BigIntegerField()
    door = peewee.TextField()
    status = peewee.IntegerField()
    error = peewee.TextField(null=True)
    reason = peewee.TextField(null=True)  # why it did not authenticate, as in the security log
    proven = peewee.BooleanField()
    address = peewee.TextField()
    request = SealedPayload()

    @property
    def content(self) -> dict[str, Any]:
        """The redacted request."""
        content: dict[str, Any] = orjson.loads(opened(self.request))
        return content

    @classmethod
    def of(cls, integration_id: str) -> list[Self]:
        """The last of an integration, the newest first."""
        return _last(list(_newest_first(cls.select(), integration_id)))

    @classmethod
    @transaction
    def keep(cls, rows: list[dict[str, Any]]) -> None:
        """Add what came for integrations that exist, and let go of what is older than the last."""
        named = {row["integration_id"] for row in rows}
        found = Integration.select(Integration.id).where(Integration.id.in_(named))
        known = {each.id for each in found}
        rows = [row for row in rows if row["integration_id"] in known]
        if rows:
            cls.insert_many(rows).execute()
        # In one order for all: two processes that keep at a time must not block each other.
        for integration_id in sorted(known):
            cls._forget(integration_id)

    @classmethod
    def _forget(cls, integration_id: str) -> None:
        rows = list(_newest_first(cls.select(cls.id, cls.proven), integration_id))
        staying = {each.id for each in _last(rows)}
        going = [each.id for each in rows if each.id not in staying]
        if going:
            cls.delete().where(cls.id.in_(going)).execute()


def _newest_first(query: Any, integration_id: str) -> Any:
    return query.where(Capture.integration_id == integration_id).order_by(
        Capture.at_ms.desc(), Capture.id.desc()
    )


def _last(newest_first: list[Any]) -> list[Any]:
    others = [each.id for each in newest_first if not each.proven][UNPROVEN:]
    return [each for each in newest_first if each.id not in others][:KEPT]
