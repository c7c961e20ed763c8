"""One item of a Meta webhook, kept before the webhook is answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import peewee

from core import clock
from core.ids import new_id
from models.base import Model, SealedPayload, opened, vault
from models.database import is_postgres, transaction

RESCUE_MS = 10_000
_INSERT_AT_MOST = 100
_BATCH = 500


class ItemState(StrEnum):
    """How far an item has come."""

    RECEIVED = "received"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Told:
    """An item before it is kept.

    Args:
        instance_id: whom it was told.
        dedup_key: the same for every delivery of the same thing.
        kind: message, status and so on.
        payload: as `schemas.meta` wrote it.
        conversation_key: of a message: whose order it keeps.
    """

    instance_id: str
    dedup_key: str
    kind: str
    payload: str = field(repr=False)
    conversation_key: str | None = None


class InboundItem(Model):
    """A message, status or notice from Meta; its dedup key keeps a repeat from counting twice."""

    seq = peewee.BigIntegerField()
    id = peewee.TextField(primary_key=True)
    instance_id = peewee.TextField()
    dedup_key = peewee.TextField()
    kind = peewee.TextField()
    conversation_key = peewee.TextField(null=True)  # of a message: whose order it keeps
    payload = SealedPayload()
    state = peewee.TextField(default=ItemState.RECEIVED.value)
    tries = peewee.IntegerField(default=0)
    due_at_ms = peewee.BigIntegerField()
    received_at_ms = peewee.BigIntegerField()

    @property
    def content(self) -> bytes:
        """What was told, as `schemas.meta` wrote it."""
        return opened(self.payload).encode()

    @classmethod
    @transaction
    def keep(cls, items: Iterable["Told"]) -> list[str]:
        """Store items that were not seen before.

        Returns:
            The ids of the new ones, in the order given.
        """
        now = clock.now_ms()
        rows = [
            {
                "id": new_id("inb"),
                "instance_id": told.instance_id,
                "dedup_key": vault().digest("inbound", told.dedup_key),
                "kind": told.kind,
                "conversation_key": told.conversation_key,
                "payload": told.payload,
                "state": ItemState.RECEIVED.value,
                "tries": 0,
                "due_at_ms": now + RESCUE_MS,
                "received_at_ms": now,
            }
            for told in items
        ]
        kept: list[str] = []
        for start in range(0, len(rows), _INSERT_AT_MOST):
            inserted: Any = (
                cls.insert_many(rows[start : start + _INSERT_AT_MOST])
                .on_conflict_ignore()
                .returning(cls.id)
                .tuples()
                .execute()
            )
            kept += [row[0] for row in inserted]
        return kept

    @classmethod
    def untaken(cls, at_most: int) -> int:
        """How many items wait to be taken in; the counting ends at `at_most`."""
        waiting = cls.select(peewee.SQL("1")).where(cls.state == ItemState.RECEIVED.value)
        return int(waiting.limit(at_most).count())

    @transaction
    def end(self, state: ItemState) -> bool:
        """Mark it done or dead, if it is still to be done."""
        changed: int = (
            InboundItem.update(state=state.value)
            .where(InboundItem.id == self.id, InboundItem.state == ItemState.RECEIVED.value)
            .execute()
        )
        return changed == 1

    @transaction
    def count_try(self) -> int:
        """Note a failed try; returns how many there were."""
        InboundItem.update(tries=InboundItem.tries + 1).where(InboundItem.id == self.id).execute()
        self.tries += 1
        return self.tries

    @classmethod
    @transaction
    def queue_was_lost(cls) -> None:
        """Make due what had been handed to a queue that is gone."""
        cls.update(due_at_ms=clock.now_ms()).where(cls.state == ItemState.RECEIVED.value).execute()

    @classmethod
    @transaction
    def claim_due(cls) -> list[str]:
        """Take a batch that is due, and push it on by the rescue time."""
        now = clock.now_ms()
        query = (
            cls.select(cls.id)
            .where(cls.state == ItemState.RECEIVED.value, cls.due_at_ms <= now)
            .order_by(cls.due_at_ms)
            .limit(_BATCH)
        )
        query = query.for_update(skip_locked=True) if is_postgres() else query
        ids = [row.id for row in query]
        if ids:
            cls.update(due_at_ms=now + RESCUE_MS).where(cls.id.in_(ids)).execute()
        return ids
