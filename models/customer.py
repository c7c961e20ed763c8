"""The person on WhatsApp, and every address by which they are known."""

import peewee

from core import clock
from core.ids import new_id
from models.account import Account
from models.base import Model, SealedField, vault
from models.database import transaction


class Customer(Model):
    """A person, once per account; the number and the name are sealed."""

    id = peewee.TextField(primary_key=True)
    account = peewee.ForeignKeyField(Account, column_name="account_id")
    phone = SealedField(null=True)
    user_id = SealedField(null=True)
    name = SealedField(null=True)
    created_at_ms = peewee.BigIntegerField()
    keyword_at_ms = peewee.BigIntegerField(default=0)  # of the last STOP or START
    keyword_seq = peewee.BigIntegerField(default=0)

    @classmethod
    @transaction
    def heed(cls, customer_id: str, at_ms: int, seq: int, *, stops: bool) -> bool:
        """Note that the customer said STOP or START, unless a later word of theirs is known.

        Words may come, and be taken in, in another order than they were said in. Where the order of
        arrival and WhatsApp's clock do not agree, STOP holds: nobody is bothered by mistake.

        Args:
            customer_id: whose word it is.
            at_ms: when it was said, by WhatsApp's clock, whose seconds may hold several.
            seq: its place in the order of arrival.
            stops: whether it was STOP.

        Returns:
            True when it counts.
        """
        if stops:
            counts = (cls.keyword_at_ms < at_ms) | (cls.keyword_seq < seq)
        else:
            counts = (cls.keyword_at_ms <= at_ms) & (cls.keyword_seq < seq)
        noted: int = (
            cls.update(keyword_at_ms=at_ms, keyword_seq=seq)
            .where(cls.id == customer_id, counts)
            .execute()
        )
        return noted == 1

    @classmethod
    def find(cls, account_id: str, address_hash: str) -> "Customer | None":
        """Whoever is known by this address in the account."""
        found: Customer | None = (
            cls.select(cls.id)
            .join(CustomerAlias)
            .where(
                CustomerAlias.account_id == account_id, CustomerAlias.address_hash == address_hash
            )
            .first()
        )
        return found

    @classmethod
    @transaction
    def at(cls, account_id: str, phone: str | None, user_id: str | None, name: str | None) -> str:
        """The id of the person with these addresses, made if they are new.

        Args:
            account_id: in whose address book.
            phone: E.164, if known.
            user_id: business-scoped user id, if known.
            name: profile name, if known.
        """
        addresses = [address for address in (phone, user_id) if address]
        hashes = [address_hash(account_id, address) for address in addresses]
        known = (
            CustomerAlias.select(CustomerAlias.customer)
            .where(CustomerAlias.account_id == account_id, CustomerAlias.address_hash.in_(hashes))
            .order_by(CustomerAlias.customer)
            .first()
        )
        customer_id: str = known.customer.id if known else new_id("cus")
        if known is None:
            cls.create(
                id=customer_id,
                account=account_id,
                phone=phone,
                user_id=user_id,
                name=name,
                created_at_ms=clock.now_ms(),
            )
        CustomerAlias.add(account_id, hashes, customer_id)
        return customer_id


class CustomerAlias(Model):
    """One address (phone, wa_id or user id) of a person, as a keyed hash."""

    account_id = peewee.TextField()
    address_hash = peewee.TextField()
    customer = peewee.ForeignKeyField(Customer, column_name="customer_id")

    class Meta:
        primary_key = peewee.CompositeKey("account_id", "address_hash")

    @classmethod
    @transaction
    def add(cls, account_id: str, hashes: list[str], customer_id: str) -> None:
        """Let a person be known by these addresses too; somebody else's address stays theirs."""
        rows = [
            {"account_id": account_id, "address_hash": each, "customer": customer_id}
            for each in hashes
        ]
        if rows:
            cls.insert_many(rows).on_conflict_ignore().execute()

    @classmethod
    def all_of(cls, account_id: str, address: str) -> list[str]:
        """Every address hash of the person who is known by this one (itself at least)."""
        mine = cls.alias()
        query = (
            cls.select(cls.address_hash)
            .join(mine, on=(mine.customer == cls.customer))
            .where(mine.account_id == account_id, mine.address_hash == address)
        )
        return [address, *(row.address_hash for row in query if row.address_hash != address)]


def address_hash(account_id: str, address: str) -> str:
    """The keyed hash by which a phone number (E.164) or user id is found within an account."""
    return vault().digest("address", account_id, address)
