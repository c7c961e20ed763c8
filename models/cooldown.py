"""Who was sent a call event's message lately: nobody gets the same kind twice in 15 minutes."""

import peewee

from core import clock
from models.base import Model
from models.database import transaction

COOLDOWN_MS = 15 * 60 * 1000  # webhook contract, event types


class Cooldown(Model):
    """The event that holds, for a while, one integration's kind of message to one person."""

    integration_id = peewee.TextField()
    event_type = peewee.TextField()
    address_hash = peewee.TextField()
    event_id = peewee.TextField()
    until_ms = peewee.BigIntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("integration_id", "event_type", "address_hash")

    @classmethod
    @transaction
    def claim(
        cls, integration_id: str, event_type: str, address: str, event_id: str, until_ms: int
    ) -> bool:
        """Take the right to send, unless another event has it; one may claim again what it has.

        Args:
            integration_id: whose call.
            event_type: after conversion: an after-hours missed call is `after_hours`.
            address: the person, as a hash.
            event_id: who wants to send.
            until_ms: until when it holds, in epoch milliseconds. For what is yet to be sent that is
                15 minutes after its validity: nobody else gets it while the event is under way.
        """
        mine = cls.event_id == event_id
        claimed: int = (
            cls.insert(
                integration_id=integration_id,
                event_type=event_type,
                address_hash=address,
                event_id=event_id,
                until_ms=until_ms,
            )
            .on_conflict(
                conflict_target=[cls.integration_id, cls.event_type, cls.address_hash],
                update={cls.event_id: event_id, cls.until_ms: until_ms},
                where=(cls.until_ms <= clock.now_ms()) | mine,
            )
            .as_rowcount()
            .execute()
        )
        return claimed == 1

    @classmethod
    @transaction
    def begins(cls, event_id: str) -> None:
        """The message has just gone out: the 15 minutes begin."""
        cls.update(until_ms=clock.now_ms() + COOLDOWN_MS).where(cls.event_id == event_id).execute()

    @classmethod
    @transaction
    def give_back(cls, event_id: str) -> None:
        """Nothing went out: the next call may send."""
        cls.delete().where(cls.event_id == event_id).execute()

    @classmethod
    @transaction
    def forget_lapsed(cls) -> None:
        """Delete what holds nobody back any more."""
        cls.delete().where(cls.until_ms <= clock.now_ms()).execute()
