"""What makes a request a repeat of an earlier one, and for how long that is remembered."""

from dataclasses import dataclass
from typing import Self

import peewee

from models.base import Model
from models.database import transaction

KEEP_MS = 7 * 24 * 60 * 60 * 1000  # a repeat within 7 days (webhook contract, Answer)
UNANSWERED_MS = 60 * 1000  # a repeat of a request of agents' chat whose answer was not written


@dataclass(frozen=True, slots=True)
class RepeatKeys:
    """The keys of one request: each alone marks a repeat.

    Args:
        keys: hashes of the Idempotency-Key, of the payload's event_id with its body, of the
            signature; as many as the request has.
        body_hash: what the body must be equal in.
        strict: the key of the Idempotency-Key header, for which another body is a conflict.
        life_ms: how long they mark a repeat.
    """

    keys: tuple[str, ...]
    body_hash: str
    strict: str | None
    life_ms: int = KEEP_MS

    @property
    def are_brief(self) -> bool:
        """Whether they are forgotten as soon as their request has its answer."""
        return self.life_ms == UNANSWERED_MS


class Idempotency(Model):
    """One key of an accepted request, and the event that it became."""

    integration_id = peewee.TextField()
    repeat_key = peewee.TextField()
    body_hash = peewee.TextField()
    event_id = peewee.TextField()
    expires_at_ms = peewee.BigIntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("integration_id", "repeat_key")

    @classmethod
    def seen(cls, integration_id: str, keys: RepeatKeys, now_ms: int) -> Self | None:
        """The earlier request that this one repeats; the strict key speaks first."""
        found = list(
            cls.select().where(
                cls.integration_id == integration_id,
                cls.repeat_key.in_(keys.keys),
                cls.expires_at_ms > now_ms,
            )
        )
        found.sort(key=lambda row: row.repeat_key != keys.strict)
        return found[0] if found else None

    @classmethod
    def remember(cls, integration_id: str, keys: RepeatKeys, event_id: str, now_ms: int) -> None:
        """Keep the keys; one that is there already and has expired is taken over.

        Raises:
            peewee.IntegrityError: somebody else has just used one of them.
        """
        cls.delete().where(
            cls.integration_id == integration_id,
            cls.repeat_key.in_(keys.keys),
            cls.expires_at_ms <= now_ms,
        ).execute()
        cls.insert_many(
            [
                {
                    "integration_id": integration_id,
                    "repeat_key": key,
                    "body_hash": keys.body_hash,
                    "event_id": event_id,
                    "expires_at_ms": now_ms + keys.life_ms,
                }
                for key in keys.keys
            ]
        ).execute()

    @classmethod
    @transaction
    def forget(cls, integration_id: str, keys: RepeatKeys, event_id: str) -> None:
        """Let go of the keys of this event: what comes with them again is no repeat."""
        cls.delete().where(
            cls.integration_id == integration_id,
            cls.repeat_key.in_(keys.keys),
            cls.event_id == event_id,
        ).execute()
