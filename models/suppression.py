"""Opt-outs and blocks, per account: the only home of that fact."""

from enum import StrEnum
from typing import Any

import peewee

from core import clock
from models.account import Account
from models.base import Model, SealedField
from models.customer import CustomerAlias, address_hash
from models.database import locked, transaction


class Kind(StrEnum):
    """Who closed the door: the customer, or an administrator (or the provider)."""

    OPT_OUT = "opt_out"
    BLOCK = "block"


class Suppression(Model):
    """A person of an account to whom nothing may be sent."""

    account = peewee.ForeignKeyField(Account, column_name="account_id")
    address_hash = peewee.TextField()
    kind = peewee.TextField()
    source = peewee.TextField()
    phone = SealedField(null=True)
    created_at_ms = peewee.BigIntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("account", "address_hash", "kind")

    @classmethod
    def of(cls, account_id: str, address: str) -> str | None:
        """The kind of suppression that holds for a person (by any of their address hashes)."""
        row = (
            cls.select(cls.kind)
            .where(
                cls.account == account_id,
                cls.address_hash.in_(CustomerAlias.all_of(account_id, address)),
            )
            .order_by(cls.kind)
            .first()
        )
        return row.kind if row else None

    @classmethod
    @transaction
    def add(cls, account_id: str, address: str, kind: Kind, source: str) -> bool:
        """Suppress an address (E.164 or user id); True when its person was not so before.

        Takes the account's lock, as the move to `sending` does: a send that is settled after this
        commit sees it.
        """
        locked(Account.select(Account.id).where(Account.id == account_id)).first()
        hashed = address_hash(account_id, address)
        everywhere = cls.address_hash.in_(CustomerAlias.all_of(account_id, hashed))
        was_so = cls.select().where(cls.account == account_id, everywhere, cls.kind == kind.value)
        is_new = not was_so.exists()
        added: Any = (
            cls.insert(
                account=account_id,
                address_hash=hashed,
                kind=kind.value,
                source=source,
                phone=address,
                created_at_ms=clock.now_ms(),
            )
            .on_conflict_ignore()
            .as_rowcount()
            .execute()
        )
        return is_new and bool(added)

    @classmethod
    @transaction
    def lift(cls, account_id: str, address: str, *kinds: Kind) -> int:
        """Lift suppressions of these kinds from the person with this address; returns how many."""
        hashes = CustomerAlias.all_of(account_id, address_hash(account_id, address))
        lifted: int = (
            cls.delete()
            .where(
                cls.account == account_id,
                cls.address_hash.in_(hashes),
                cls.kind.in_([kind.value for kind in kinds]),
            )
            .execute()
        )
        return lifted
