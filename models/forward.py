"""A piece of news on its way to a destination, and how far it has come."""

from enum import StrEnum
from typing import Any, Self

import orjson
import peewee

from core import clock
from models.base import Model, SealedPayload, opened
from models.database import locked, transaction
from models.destination import Destination

RESCUE_MS = 10_000
_BATCH = 200
# After that a customer's window is shut, and an agent could no longer answer.
VALIDITY_MS = 24 * 60 * 60 * 1000


class ForwardState(StrEnum):
    """How far it has come."""

    WAITING = "waiting"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    FAILED = "failed"


class WaitingFor(StrEnum):
    """What one that is not delivered waits for; null: for its step to be done."""

    TURN = "turn"
    SEAT = "seat"
    RETRY = "retry"
    OUTAGE = "outage"
    SWITCH = "switch"


class Forward(Model):
    """One thing to tell one destination; every try carries the same id.

    Its lane is its destination and conversation, in which `turn`, then `seq` give the order. The
    turn is the place in which WhatsApp's news were accepted, since several workers take them in.
    """

    seq = peewee.BigIntegerField()  # the database's own
    id = peewee.TextField(primary_key=True)
    account_id = peewee.TextField()
    destination_id = peewee.TextField()
    instance_id = peewee.TextField()
    kind = peewee.TextField()  # of News
    source_id = peewee.TextField()  # the inbound item's id, or the event's
    conversation_key = peewee.TextField()
    turn = peewee.BigIntegerField()
    payload = SealedPayload()
    state = peewee.TextField(default=ForwardState.WAITING.value)
    waiting_for = peewee.TextField(null=True)
    seated = peewee.BooleanField(default=False)
    tries = peewee.IntegerField(default=0)
    rescues = peewee.IntegerField(default=0)  # times in a row that a step was begun and never ended
    status = peewee.IntegerField(null=True)  # of HTTP, of the last answer
    words = peewee.TextField(null=True)  # why the last try failed
    due_at_ms = peewee.BigIntegerField()
    lease_until_ms = peewee.BigIntegerField(null=True)
    received_at_ms = peewee.BigIntegerField()
    expires_at_ms = peewee.BigIntegerField()
    finished_at_ms = peewee.BigIntegerField(null=True)

    @property
    def content(self) -> dict[str, Any]:
        """What is told, in our words (see workers.destinations)."""
        content: dict[str, Any] = orjson.loads(opened(self.payload))
        return content

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be done unless somebody says so."""
        return self.finished_at_ms is not None

    @property
    def to_be_done(self) -> bool:
        """Whether its step is to be done now; whatever it waits for, its end says so here."""
        return self.state == ForwardState.WAITING and self.waiting_for is None

    @classmethod
    def load(cls, forward_id: str) -> Self | None:
        """The one with this id, as it stands in the database."""
        return cls.get_or_none(cls.id == forward_id)

    @classmethod
    def hold(cls, forward_id: str) -> Self | None:
        """The one with this id, which nobody else moves until the transaction ends."""
        held: Self | None = locked(cls.select().where(cls.id == forward_id)).first()
        return held

    def hold_lease(self, lease_until_ms: int) -> bool:
        """Hold the row, as `hold`; False when the delivery with this lease is not ours any more."""
        own = Forward.select(peewee.SQL("1")).where(
            Forward.id == self.id,
            Forward.state == ForwardState.DELIVERING.value,
            Forward.lease_until_ms == lease_until_ms,
        )
        return bool(locked(own).tuples())

    @transaction
    def begin(self, lease_until_ms: int) -> bool:
        """Move to `delivering`; False when somebody else got there first."""
        return self._set(
            ForwardState.WAITING,
            state=ForwardState.DELIVERING.value,
            waiting_for=None,
            lease_until_ms=lease_until_ms,
            due_at_ms=lease_until_ms,
        )

    @transaction
    def wait(self, until_ms: int, waiting_for: WaitingFor) -> bool:
        """Stay until a time, or until the validity ends, and leave the seat to somebody else."""
        return self._set(
            ForwardState.WAITING,
            due_at_ms=min(until_ms, self.expires_at_ms),
            waiting_for=waiting_for.value,
            seated=False,
            rescues=0,
        )

    @transaction
    def come_back(self, until_ms: int, status: int | None, words: str) -> bool:
        """After a try that failed: wait for the next."""
        return self._set(
            ForwardState.DELIVERING,
            state=ForwardState.WAITING.value,
            due_at_ms=min(until_ms, self.expires_at_ms),
            waiting_for=WaitingFor.RETRY.value,
            lease_until_ms=None,
            seated=False,
            tries=self.tries + 1,
            rescues=0,
            status=status,
            words=words,
        )

    @transaction
    def stumble(self) -> bool:
        """A step broke down before it began to deliver: the sweep tries it again, a few times."""
        return self._set(ForwardState.WAITING, rescues=self.rescues + 1)

    @transaction
    def lapse(self) -> bool:
        """The lease ran out: whoever was delivering it is gone, or too late."""
        return self._set(
            ForwardState.DELIVERING,
            state=ForwardState.WAITING.value,
            lease_until_ms=None,
            rescues=self.rescues + 1,
        )

    @transaction
    def delivered(self, status: int) -> bool:
        """End: the destination took it."""
        return self._end(
            ForwardState.DELIVERING, ForwardState.DELIVERED, self.tries + 1, status, None
        )

    @transaction
    def fail(self, old: ForwardState, words: str, status: int | None = None) -> bool:
        """End without success; a person may begin it anew."""
        tried = self.tries + (old is ForwardState.DELIVERING)
        return self._end(old, ForwardState.FAILED, tried, status, words)

    @transaction
    def revive(self) -> bool:
        """Begin anew, by a person's word, what had failed."""
        return self._set(ForwardState.FAILED, **_anew())

    @classmethod
    @transaction
    def revive_failed(cls, after_seq: int, destination_id: str | None) -> tuple[int, int] | None:
        """Begin a batch anew of what had failed, in its order.

        Args:
            after_seq: only what was stored after this one.
            destination_id: only what is for this one; None for all that are still there.

        Returns:
            The last one's sequence number, and how many began; None when there is no more.
        """
        existing = Destination.select(Destination.id)
        failed = [cls.state == ForwardState.FAILED.value, cls.seq > after_seq]
        failed.append(
            cls.destination_id.in_(existing)
            if destination_id is None
            else cls.destination_id == destination_id
        )
        found = [
            each.seq for each in cls.select(cls.seq).where(*failed).order_by(cls.seq).limit(_BATCH)
        ]
        if not found:
            return None
        begun: int = (
            cls.update(**_anew())
            .where(cls.seq.in_(found), cls.state == ForwardState.FAILED.value)
            .execute()
        )
        return found[-1], begun

    def _end(
        self,
        old: ForwardState,
        new: ForwardState,
        tries: int,
        status: int | None,
        words: str | None,
    ) -> bool:
        return self._set(
            old,
            state=new.value,
            finished_at_ms=clock.now_ms(),
            waiting_for=None,
            lease_until_ms=None,
            seated=False,
            tries=tries,
            status=status,
            words=words,
        )

    def _set(self, old: ForwardState, **columns: Any) -> bool:
        changed: int = (
            Forward.update(**columns)
            .where(Forward.id == self.id, Forward.state == old.value)
            .execute()
        )
        if changed:
            for name, value in columns.items():
                setattr(self, name, value)
        return changed == 1


def _anew() -> dict[str, Any]:
    now = clock.now_ms()
    return {
        "state": ForwardState.WAITING.value,
        "waiting_for": WaitingFor.SEAT.value,
        "finished_at_ms": None,
        "tries": 0,
        "rescues": 0,
        "due_at_ms": now,
        "expires_at_ms": now + VALIDITY_MS,
    }
