"""A customer and an instance, and when the customer last wrote."""

import peewee

from core.ids import new_id
from models.base import Model, SealedField, vault
from models.customer import Customer, CustomerAlias
from models.database import locked, transaction
from models.instance import Instance

WINDOW_MS = 24 * 60 * 60 * 1000


class Conversation(Model):
    """One thread of one customer with one of our numbers."""

    id = peewee.TextField(primary_key=True)
    instance = peewee.ForeignKeyField(Instance, column_name="instance_id")
    customer = peewee.ForeignKeyField(Customer, column_name="customer_id")
    last_inbound_at_ms = peewee.BigIntegerField(null=True)
    last_message_id = SealedField(null=True)  # of the customer's; Meta's ids hold the number
    did = peewee.TextField(null=True)  # the 3CX number by which the conversation last went

    @classmethod
    def with_address(
        cls, account_id: str, instance_id: str, address: str, *, lock: bool = False
    ) -> "Conversation | None":
        """The thread of the instance with whoever has this address (a hash), if there is one."""
        query = (
            cls.select()
            .join(CustomerAlias, on=(CustomerAlias.customer == cls.customer))
            .where(
                CustomerAlias.account_id == account_id,
                CustomerAlias.address_hash == address,
                cls.instance == instance_id,
            )
        )
        found: Conversation | None = (locked(query, of=cls) if lock else query).first()
        return found

    @classmethod
    @transaction
    def customer_wrote(
        cls, instance_id: str, customer_id: str, at_ms: int, message_id: str | None = None
    ) -> None:
        """Open the window from this time on; an older message never moves it back."""
        cls.insert(
            id=new_id("con"),
            instance=instance_id,
            customer=customer_id,
            last_inbound_at_ms=at_ms,
            last_message_id=message_id,
        ).on_conflict(
            conflict_target=[cls.customer, cls.instance],
            update={cls.last_inbound_at_ms: at_ms, cls.last_message_id: message_id},
            where=cls.last_inbound_at_ms.is_null() | (cls.last_inbound_at_ms <= at_ms),
        ).execute()

    @classmethod
    def goes_by(cls, account_id: str, instance_id: str, address: str, did: str) -> None:
        """Have what the customer writes next appear under this DID, if there is such a thread."""
        found = cls.with_address(account_id, instance_id, address)
        if found is not None and found.did != did:
            found.set_did(did)

    @transaction
    def set_did(self, did: str) -> None:
        """Note the 3CX number by which the conversation went."""
        Conversation.update(did=did).where(Conversation.id == self.id).execute()


def conversation_key(instance_id: str, address: str) -> str:
    """The key by which a conversation's events keep their order."""
    return vault().digest("conversation", instance_id, address)
