"""Which news goes next: turns within a lane, seats of a destination, and what is due.

A destination has a few seats, which let its news be in the queue; the rest waits in the table, so
that one that is slow, or flooded, costs another nothing.
"""

from typing import Any

import orjson
import peewee

from core import clock
from core.ids import new_id
from models.breaker import Breaker
from models.database import is_postgres, transaction
from models.destination import Destination, News
from models.forward import RESCUE_MS, VALIDITY_MS, Forward, ForwardState, WaitingFor
from models.inbound_item import InboundItem, ItemState

SEATS = 8
_BATCH = 200
_LANES_AT_ONCE = 8
_SEAT_LOOK_MS = 15_000
_LONGEST_AWAY_MS = 2 * 60_000

_UNFINISHED = Forward.finished_at_ms.is_null()


@transaction
def keep(
    destination: Destination,
    news: News,
    content: dict[str, Any],
    *,
    source_id: str,
    instance_id: str,
    conversation_key: str,
    turn: int,
) -> str | None:
    """Store news for a destination, in the caller's transaction.

    Args:
        destination: who is told.
        news: what it is about.
        content: what is told, in our words.
        source_id: the inbound item or the event that it comes from.
        instance_id: the WhatsApp number.
        conversation_key: whose order it keeps.
        turn: its place in it.

    Returns:
        The id to wake after the commit; None when it waits for a seat.
    """
    now = clock.now_ms()
    forward_id = new_id("fwd")
    seated = _free_seats(destination.id) > 0
    Forward.insert(
        id=forward_id,
        account_id=destination.account_id,
        destination_id=destination.id,
        instance_id=instance_id,
        kind=news.value,
        source_id=source_id,
        conversation_key=conversation_key,
        turn=turn,
        payload=orjson.dumps(content).decode(),
        seated=seated,
        waiting_for=None if seated else WaitingFor.SEAT.value,
        due_at_ms=now + RESCUE_MS,
        received_at_ms=now,
        expires_at_ms=now + VALIDITY_MS,
    ).execute()
    return forward_id if seated else None


def turn_now() -> int:
    """The turn of something that happens now: after everything that WhatsApp told so far."""
    last = InboundItem.select(peewee.fn.MAX(InboundItem.seq)).scalar()
    return int(last or 0)


def held_back(forward: Forward) -> bool:
    """Whether something earlier of its lane has not been delivered, or not even been taken in."""
    earlier = Forward.select(peewee.SQL("1")).where(
        _UNFINISHED, *_lane(forward), _place() < _place_of(forward)
    )
    untaken = InboundItem.select(peewee.SQL("1")).where(
        InboundItem.conversation_key == forward.conversation_key,
        InboundItem.seq < forward.turn,
        InboundItem.state == ItemState.RECEIVED.value,
    )
    # In this order: what is taken in between the two looks is seen by the second.
    return bool(untaken.limit(1).tuples()) or bool(earlier.limit(1).tuples())


@transaction
def hand_on(forward: Forward) -> list[str]:
    """Give what one that ended, or waits without a seat, held to those who can use it.

    Returns:
        The ids to wake: the next of its lane, if that only waits for its turn or a seat, and the
        first of its destination that wait for a seat.
    """
    woken = []
    if forward.finished:
        woken = _seat(1, *_lane(forward), waiting_for=(WaitingFor.TURN, WaitingFor.SEAT))
    waiting = (
        Forward.destination_id == forward.destination_id,
        ~Forward.seated,
        Forward.waiting_for == WaitingFor.SEAT.value,
    )
    somebody = Forward.select(peewee.SQL("1")).where(_UNFINISHED, *waiting).limit(1)
    free = _free_seats(forward.destination_id) if somebody.tuples() else 0
    if free > 0:
        woken += _seat(free, *waiting, waiting_for=(WaitingFor.SEAT,))
    return woken


def wake_conversation(conversation_key: str) -> list[str]:
    """An item of a conversation was taken in: seat what may have waited for that.

    The first of each lane alone: all others wait for that one.
    """
    # Hardly ever does anybody wait, and a look costs less than a transaction.
    waiting = (
        Forward.select(Forward.id, Forward.destination_id)
        .where(
            _UNFINISHED,
            Forward.conversation_key == conversation_key,
            Forward.waiting_for == WaitingFor.TURN.value,
        )
        .order_by(Forward.turn, Forward.seq)
        .limit(_LANES_AT_ONCE)
    )
    firsts = {each.destination_id: each.id for each in reversed(list(waiting))}
    ids = list(firsts.values())
    if ids:
        transaction(_take_seats)(ids)
    return ids


@transaction
def claim_due() -> list[Forward] | None:
    """Take a batch that is due, and push it on by the rescue time.

    Those of a destination that cannot be reached stay as they are.

    Returns:
        Those that hold a seat, or can have one, to be woken; the others of the batch wait for a
        seat. None when nothing is due.
    """
    now = clock.now_ms()
    # A time further ahead was written before the clock was turned back, and is over.
    ahead = (now + 1, now + _LONGEST_AWAY_MS)
    away = Breaker.select(Breaker.way_id).where(
        Breaker.open_until_ms.between(*ahead) | Breaker.probe_until_ms.between(*ahead)
    )
    query = (
        Forward.select(*_all_but_the_payload())
        .where(_UNFINISHED, Forward.due_at_ms <= now, Forward.destination_id.not_in(away))
        .order_by(Forward.due_at_ms, Forward.seq)
        .limit(_BATCH)
    )
    due = list(query.for_update(skip_locked=True) if is_postgres() else query)
    if not due:
        return None
    woken, seatless = _seated(due)
    _push(woken, now + RESCUE_MS, seated=True, waiting_for=None)
    _push(seatless, now + _SEAT_LOOK_MS, waiting_for=WaitingFor.SEAT.value)
    return woken


@transaction
def release(destination_id: str, waiting_for: WaitingFor, at_ms: int | None = None) -> None:
    """Make due what waited, without a seat, for what has just ended, or ends at this time."""
    at_ms = clock.now_ms() if at_ms is None else at_ms
    Forward.update(due_at_ms=at_ms).where(
        _UNFINISHED,
        Forward.destination_id == destination_id,
        ~Forward.seated,
        Forward.waiting_for == waiting_for.value,
        Forward.due_at_ms > at_ms,
    ).execute()


def undelivered(destination_id: str) -> int:
    """How much news a destination has not taken: what waits, and what has failed."""
    count: int = (
        Forward.select()
        .where(
            Forward.destination_id == destination_id,
            Forward.state != ForwardState.DELIVERED.value,
        )
        .count()
    )
    return count


@transaction
def queue_was_lost() -> None:
    """Make due what had been handed to a queue that is gone; a delivery in hand keeps its lease."""
    Forward.update(due_at_ms=clock.now_ms()).where(
        _UNFINISHED,
        Forward.state == ForwardState.WAITING.value,
        Forward.waiting_for.is_null()
        | Forward.waiting_for.in_([WaitingFor.SEAT.value, WaitingFor.TURN.value]),
    ).execute()


def _lane(forward: Forward) -> tuple[Any, ...]:
    return (
        Forward.conversation_key == forward.conversation_key,
        Forward.destination_id == forward.destination_id,
    )


def _place() -> Any:
    return peewee.Tuple(Forward.turn, Forward.seq)


def _place_of(forward: Forward) -> Any:
    return peewee.Tuple(forward.turn, forward.seq)


def _free_seats(destination_id: str) -> int:
    taken = (
        Forward.select(peewee.SQL("1"))
        .where(Forward.destination_id == destination_id, Forward.seated, _UNFINISHED)
        .limit(SEATS)
    )
    return SEATS - len(taken.tuples())


def _seat(at_most: int, *whose: Any, waiting_for: tuple[WaitingFor, ...]) -> list[str]:
    query = (
        Forward.select(Forward.id, Forward.waiting_for)
        .where(_UNFINISHED, *whose)
        .order_by(Forward.turn, Forward.seq)
        .limit(at_most)
    )
    found = query.for_update(skip_locked=True) if is_postgres() else query
    ids = [each.id for each in found if each.waiting_for in waiting_for]
    if ids:
        _take_seats(ids)
    return ids


def _seated(due: list[Forward]) -> tuple[list[Forward], list[Forward]]:
    free = {each.destination_id: 0 for each in due}
    free = {destination_id: _free_seats(destination_id) for destination_id in free}
    woken, seatless = [], []
    for each in due:
        if each.seated or free[each.destination_id] > 0:
            free[each.destination_id] -= not each.seated
            woken.append(each)
        else:
            seatless.append(each)
    return woken, seatless


def _push(some: list[Forward], due_at_ms: int, **also: Any) -> None:
    if some:
        ids = [each.id for each in some]
        Forward.update(due_at_ms=due_at_ms, **also).where(Forward.id.in_(ids)).execute()


def _take_seats(ids: list[str]) -> None:
    Forward.update(seated=True, due_at_ms=clock.now_ms() + RESCUE_MS, waiting_for=None).where(
        Forward.id.in_(ids), Forward.waiting_for.in_([WaitingFor.TURN, WaitingFor.SEAT])
    ).execute()


def _all_but_the_payload() -> list[peewee.Field]:
    columns: list[peewee.Field] = Forward._meta.sorted_fields  # noqa: SLF001 (Peewee documents it)
    return [column for column in columns if column is not Forward.payload]
