"""What all models share: the database they are bound to, sealed fields, JSON fields."""

from typing import Any

import orjson
import peewee

from core.crypto import Vault
from models.database import database


class _KeyRing:
    vault: Vault | None = None


_ring = _KeyRing()


def use_vault(vault: Vault | None) -> None:
    """Give the models the keys that seal and open their secrets and texts."""
    _ring.vault = vault


def vault() -> Vault:
    """The keys in use."""
    if _ring.vault is None:
        raise RuntimeError("models.start() has not been called")
    return _ring.vault


class Model(peewee.Model):
    """A row of the gateway's database."""

    class Meta:
        database = database
        legacy_table_names = False


class SealedField(peewee.BlobField):
    """A text that is encrypted at rest."""

    def db_value(self, value: str | None) -> Any:
        """Seal on the way in."""
        return None if value is None else super().db_value(vault().seal(value))

    def python_value(self, value: Any) -> str | None:
        """Open on the way out."""
        return None if value is None else vault().open(bytes(value))


class SealedPayload(SealedField):
    """A text that is encrypted at rest, and opened only when somebody reads it (`opened`).

    So a row whose payload no key opens can still be loaded, counted and put aside.
    """

    def python_value(self, value: Any) -> bytes | None:  # type: ignore[override]
        """Leave it sealed."""
        return None if value is None else bytes(value)


def opened(payload: bytes) -> str:
    """A sealed payload in clear.

    Raises:
        UnreadableSecret: no key at hand opens it.
    """
    return vault().open(payload)


class JSONField(peewee.TextField):
    """A small JSON value in a text column, the same on both databases."""

    def db_value(self, value: Any) -> str | None:
        """Write it as JSON."""
        return None if value is None else orjson.dumps(value).decode()

    def python_value(self, value: str | None) -> Any:
        """Read it from JSON."""
        return None if value is None else orjson.loads(value)
