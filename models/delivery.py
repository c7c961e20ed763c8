"""What WhatsApp says became of a message. It only ever goes forward."""

import peewee

from models.base import Model, SealedField, vault
from models.database import transaction

# A later arrival of an earlier status never takes a message back (whatsapp-cloud-api, Webhooks).
_RANK = {"unknown": 0, "accepted": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5}
FAILED = "failed"
WENT_OUT = frozenset({"sent", "delivered", "read", "played"})


class Delivery(Model):
    """One part of an event on its way to the customer."""

    event_id = peewee.TextField()
    part = peewee.IntegerField()
    instance_id = peewee.TextField()
    message_hash = peewee.TextField(null=True)
    message_id = SealedField(null=True)  # Meta's ids hold the number in base64
    status = peewee.TextField()
    status_at_ms = peewee.BigIntegerField()
    provider_code = peewee.IntegerField(null=True)

    class Meta:
        primary_key = peewee.CompositeKey("event_id", "part")

    @transaction
    def advance(self, status: str, at_ms: int, provider_code: int | None = None) -> bool:
        """Take a status that WhatsApp reported, if it leads forward.

        `failed` is final, but takes nothing back that was delivered.
        """
        behind = [known for known, rank in _RANK.items() if rank < _RANK.get(status, 0)]
        if status == FAILED:
            behind = ["unknown", "accepted", "sent"]
        changed: int = (
            Delivery.update(status=status, status_at_ms=at_ms, provider_code=provider_code)
            .where(
                Delivery.event_id == self.event_id,
                Delivery.part == self.part,
                Delivery.status.in_(behind),
            )
            .execute()
        )
        return changed == 1

    @classmethod
    @transaction
    def accepted(cls, event_id: str, part: int, message_id: str, at_ms: int) -> None:
        """WhatsApp took the part under this id; statuses may have come before we could write it."""
        delivery = cls.get(cls.event_id == event_id, cls.part == part)
        cls.update(message_id=message_id, message_hash=message_hash(message_id)).where(
            cls.event_id == event_id, cls.part == part
        ).execute()
        delivery.advance("accepted", at_ms)


def message_hash(message_id: str) -> str:
    """The keyed hash by which a provider's message id is found."""
    return vault().digest("message", message_id)
