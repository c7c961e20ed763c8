"""The secrets of an integration: one that holds, and those that a rotation let live on."""

import secrets

import peewee

from core import clock
from core.ids import new_id
from models.base import Model, SealedField
from models.database import transaction
from models.integration import Integration

_RANDOM_BYTES = 32


def new_secret() -> str:
    """A secret that nobody can guess, known for one by its first letters."""
    return "whsec_" + secrets.token_urlsafe(_RANDOM_BYTES)


class Secret(Model):
    """A webhook secret; without an end it is the current one."""

    id = peewee.TextField(primary_key=True)
    integration = peewee.ForeignKeyField(Integration, column_name="integration_id")
    sealed = SealedField()
    created_at_ms = peewee.BigIntegerField()
    expires_at_ms = peewee.BigIntegerField(null=True)

    @classmethod
    @transaction
    def rotate(cls, integration_id: str, grace_ms: int) -> str:
        """Make a new secret; those before it end after the grace period.

        Args:
            integration_id: whose secret.
            grace_ms: how long older secrets stay valid; 0 ends them now.

        Returns:
            The new secret in clear, the only time that it is shown.
        """
        now = clock.now_ms()
        cls.update(expires_at_ms=now + grace_ms).where(
            cls.integration == integration_id,
            cls.expires_at_ms.is_null() | (cls.expires_at_ms > now + grace_ms),
        ).execute()
        cls.delete().where(cls.integration == integration_id, cls.expires_at_ms <= now).execute()
        secret = new_secret()
        cls.create(id=new_id("sec"), integration=integration_id, sealed=secret, created_at_ms=now)
        return secret
