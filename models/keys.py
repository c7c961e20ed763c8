"""Which keys open this database: those of the settings or, outside production, its own."""

import peewee

from core.config import Settings
from core.crypto import UnreadableSecret, Vault, generate_keys
from core.errors import UsageError
from models.base import Model, SealedField, use_vault
from models.database import transaction

_CANARY = "gateway"


class DevelopmentKey(Model):
    """Keys made outside production; they lie beside what they seal, and protect nothing."""

    name = peewee.TextField(primary_key=True)
    value = peewee.TextField()


class KeyCheck(Model):
    """Something sealed, to tell at start whether the keys are the right ones."""

    id = peewee.AutoField()
    sealed = SealedField()
    digest = peewee.TextField()


def unlock(settings: Settings) -> None:
    """Give the models their keys.

    Raises:
        UsageError: the keys are malformed, or are not those of this database.
    """
    if settings.encryption_keys:
        vault = Vault(settings.encryption_keys, settings.hash_key)
    else:
        vault = Vault(*_development_keys())
    use_vault(vault)
    try:
        fits = _check(vault)
    except UnreadableSecret:
        fits = False
    if not fits:
        use_vault(None)
        raise UsageError(
            "ENCRYPTION_KEYS and HASH_KEY are not the keys that this database was begun with. "
            "Set those (an old encryption key may stand behind a new one), or use a new database."
        )


@transaction
def _check(vault: Vault) -> bool:
    row = KeyCheck.get_or_none(KeyCheck.id == 1)
    if row is None:
        KeyCheck.insert(
            id=1, sealed=_CANARY, digest=vault.digest(_CANARY)
        ).on_conflict_ignore().execute()
        return True
    return bool(row.sealed == _CANARY and row.digest == vault.digest(_CANARY))


@transaction
def _development_keys() -> tuple[list[str], str]:
    encryption_key, hash_key = generate_keys()
    DevelopmentKey.insert_many(
        [
            {"name": "encryption", "value": encryption_key},
            {"name": "hash", "value": hash_key},
        ]
    ).on_conflict_ignore().execute()
    kept = {row.name: row.value for row in DevelopmentKey.select()}
    return [kept["encryption"]], kept["hash"]
