"""What arrived, and how far it has come. Every step is a compare-and-set of the event's row."""

from enum import StrEnum
from typing import Any, Self

import orjson
import peewee

from core import clock
from core.errors import ErrorCode
from core.words import CALL_EVENTS, REPLIES, EventType, State
from models.attempt import Attempt
from models.base import Model, SealedPayload, opened
from models.cooldown import Cooldown
from models.database import locked, transaction
from models.integration import DEFAULT_VALIDITY_S, Integration

RESCUE_MS = 10_000  # a step that was not heard of for this long is begun again
UNCERTAIN_HOLD_MS = 30_000  # how long an uncertain event holds back its conversation
_LONGEST_RESCUE = 5  # rescues come after 10, 20, 40 … 320 s
_NOT_SENT = frozenset({State.REFUSED, State.UNCERTAIN})
_AUTOMATIC = CALL_EVENTS | {EventType.OPT_OUT_CONFIRMATION}


class Waiting(StrEnum):
    """What an unfinished event waits for."""

    SEAT = "seat"
    TURN = "turn"
    PAUSE = "pause"
    LIMIT = "limit"
    SLOT = "slot"
    PROVIDER = "provider"
    PLACE = "place"
    OUTAGE = "outage"


class Event(Model):
    """One event's row: its place in the order, its state, and what finding it again needs."""

    seq = peewee.BigIntegerField()  # the database's own; orders a conversation
    id = peewee.TextField(primary_key=True)
    account_id = peewee.TextField()
    integration_id = peewee.TextField(null=True)
    instance_id = peewee.TextField()
    event_type = peewee.TextField()
    state = peewee.TextField(default=State.RECEIVED.value)
    error = peewee.TextField(null=True)
    reason = peewee.TextField(null=True)
    waiting_for = peewee.TextField(null=True)
    address_hash = peewee.TextField(null=True)
    conversation_key = peewee.TextField(null=True)
    text_hash = peewee.TextField(null=True)
    payload = SealedPayload()
    part = peewee.IntegerField(default=0)  # the part of the text that goes out next
    tries = peewee.IntegerField(default=0)  # at the step in hand
    rescues = peewee.IntegerField(default=0)  # times the sweep has begun this step again
    seated = peewee.BooleanField(default=False)  # whether it may be in the queue
    dead = peewee.BooleanField(default=False)  # for a person to look at
    untold = peewee.BooleanField(default=False)  # the agent has still to hear how it ended
    due_at_ms = peewee.BigIntegerField()
    slot_at_ms = peewee.BigIntegerField(null=True)
    lease_until_ms = peewee.BigIntegerField(null=True)
    received_at_ms = peewee.BigIntegerField()
    expires_at_ms = peewee.BigIntegerField()
    finished_at_ms = peewee.BigIntegerField(null=True)

    @property
    def content(self) -> dict[str, Any]:
        """The payload: `to` (E.164 or null), `text`, `purpose`, and what came, in `body`."""
        content: dict[str, Any] = orjson.loads(opened(self.payload))
        return content

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be done unless somebody says so."""
        return self.finished_at_ms is not None

    @transaction
    def move(self, old: State, new: State, **also: Any) -> bool:
        """Go from one state to the next, if the event is still in the old one.

        Args:
            old: the state that the step began with.
            new: the state that it ends with.
            also: further columns to set in the same statement.

        Returns:
            True when this call moved it; False when somebody else got there first.
        """
        return self._set(
            old,
            state=new.value,
            tries=0,
            rescues=0,
            waiting_for=None,
            due_at_ms=clock.now_ms() + RESCUE_MS,
            **also,
        )

    @transaction
    def defer(self, state: State, until_ms: int, waiting_for: Waiting, *, keep_seat: bool) -> bool:
        """Stay in the state until a time, or until the validity ends, whichever is first."""
        return self._set(
            state,
            due_at_ms=min(until_ms, self.expires_at_ms),
            waiting_for=waiting_for.value,
            seated=keep_seat,
            tries=0,
            rescues=0,
        )

    @transaction
    def stumble(self, state: State, until_ms: int) -> bool:
        """Stay in the state until a time because its step failed; the tries are counted on."""
        return self._set(
            state,
            due_at_ms=min(until_ms, self.expires_at_ms),
            waiting_for=Waiting.PROVIDER.value,
            seated=False,
            rescues=0,
        )

    @transaction
    def refuse(self, old: State, code: ErrorCode, *, reason: str | None = None) -> bool:
        """End without sending, for a published reason; a test event is recorded with it instead."""
        if self.event_type == EventType.TEST:
            return self._end(old, State.RECORDED, reason=code.value)
        return self._end(old, State.REFUSED, error=code.value, reason=reason)

    @transaction
    def record(self, old: State, reason: str | None = None, **also: Any) -> bool:
        """End because there is nothing to send; `also` are further columns to set."""
        return self._end(old, State.RECORDED, reason=reason, **also)

    @transaction
    def sent(self, old: State) -> bool:
        """End because every part was taken by WhatsApp."""
        return self._end(old, State.SENT, reason=None)

    @transaction
    def doubt(self, old: State, reason: str) -> bool:
        """Rest because a part may have gone out; a status webhook or a person settles it."""
        return self._end(old, State.UNCERTAIN, reason=reason)

    @transaction
    def give_up(self, old: State) -> bool:
        """End as a dead letter: a step of it failed again and again, and a person has to look."""
        return self._end(old, State.REFUSED, error=ErrorCode.GATEWAY_SEND_FAILED.value, dead=True)

    @transaction
    def count_try(self) -> int:
        """Note that the step in hand is tried once more; returns how often it was."""
        Event.update(tries=Event.tries + 1).where(Event.id == self.id).execute()
        self.tries += 1
        return self.tries

    @transaction
    def revive(self) -> bool:
        """Begin anew, by a person's word, an event that was refused, died or rests uncertain."""
        now = clock.now_ms()
        Attempt.forget_kinds(self.id)
        return self._set(
            State(self.state),
            state=State.RECEIVED.value,
            error=None,
            reason=None,
            waiting_for=None,
            dead=False,
            tries=0,
            rescues=0,
            seated=True,
            finished_at_ms=None,
            due_at_ms=now + RESCUE_MS,
            expires_at_ms=now + self._validity_ms(),
        )

    def _validity_ms(self) -> int:
        # Not from the row's own times: the wait before one revival would lengthen the next.
        own = Integration.select(Integration.validity_s).where(
            Integration.id == self.integration_id
        )
        return int(own.scalar() or DEFAULT_VALIDITY_S) * 1000

    def _end(self, old: State, new: State, **also: Any) -> bool:
        ended = self._set(
            old,
            state=new.value,
            finished_at_ms=clock.now_ms(),
            seated=False,
            waiting_for=None,
            lease_until_ms=None,
            **also,
        )
        if ended and self.event_type in CALL_EVENTS:
            self._settle_cooldown(old, new)
        return ended

    def _settle_cooldown(self, old: State, end: State) -> None:
        if end == State.UNCERTAIN:
            return  # its claim stands until somebody knows
        # One that a person began anew may have gone out the time before.
        in_doubt = old != State.UNCERTAIN and Attempt.any_in_doubt(self.id)
        if end == State.SENT or self.part or in_doubt:
            Cooldown.begins(self.id)
        else:
            Cooldown.give_back(self.id)

    def _set(self, old: State, **columns: Any) -> bool:
        if self._has_to_be_told(old.value, columns.get("state")):
            columns["untold"] = True
        changed: int = (
            Event.update(**columns).where(Event.id == self.id, Event.state == old.value).execute()
        )
        if changed:
            for name, value in columns.items():
                setattr(self, name, value)
        return changed == 1

    def _has_to_be_told(self, old: str, new: str | None) -> bool:
        # What comes back from such an end is told as well; a reply that is simply sent is not.
        if self._is_reply():
            return not _NOT_SENT.isdisjoint((old, new))
        return new == State.SENT and self.event_type in _AUTOMATIC

    def _is_reply(self) -> bool:
        return self.event_type in REPLIES and self.integration_id is not None

    @transaction
    def did_not_arrive(self) -> None:
        """WhatsApp took a reply, and says now that it failed: an agent has to hear of that."""
        if self._is_reply():
            Event.update(untold=True).where(Event.id == self.id).execute()
            self.untold = True

    def become(self, other: "Event") -> None:
        """Take over another reading of the same row."""
        self.__data__.update(other.__data__)

    @classmethod
    def hold(cls, event_id: str) -> Self | None:
        """The event with this id, which nobody else moves until the transaction ends."""
        held: Self | None = locked(cls.select().where(cls.id == event_id)).first()
        return held

    @classmethod
    def load(cls, event_id: str) -> Self | None:
        """The event with this id, as it stands in the database."""
        return cls.get_or_none(cls.id == event_id)


def rescue_after_ms(rescues: int) -> int:
    """How long to wait for news of a step that was begun again this many times."""
    return RESCUE_MS << min(rescues, _LONGEST_RESCUE)
