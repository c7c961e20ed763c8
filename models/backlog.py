"""Who goes next: turns within a conversation, seats of an account, and what is due.

At most K events of an account have a seat, which lets them be in the queue; the rest wait in the
table, so that one account's flood costs another account nothing.
"""

from typing import Any

import peewee

from core import clock
from core.words import State
from models.database import is_postgres, transaction
from models.event import RESCUE_MS, UNCERTAIN_HOLD_MS, Event, Waiting, rescue_after_ms

_SEAT_LOOK_MS = 15_000
_BATCH = 200
_SEATED_AT_ONCE = 4


def seat_is_free(account_id: str, seats: int) -> bool:
    """Whether one more event of the account may be in the queue."""
    taken = (
        Event.select(peewee.SQL("1"))
        .where(Event.account_id == account_id, Event.seated, Event.finished_at_ms.is_null())
        .limit(seats)
    )
    return len(taken.tuples()) < seats


def unfinished(at_most: int) -> int:
    """How many events are under way or wait; the counting ends at `at_most`."""
    under_way = Event.select(peewee.SQL("1")).where(Event.finished_at_ms.is_null()).limit(at_most)
    return int(under_way.count())


def earlier_unfinished(event: Event) -> int | None:
    """When to look again, if an earlier event of the conversation still holds this one back.

    Returns:
        Epoch milliseconds, or None when it is this event's turn.
    """
    now = clock.now_ms()
    earlier = (
        Event.select(Event.state, Event.finished_at_ms)
        .where(
            Event.conversation_key == event.conversation_key,
            Event.seq < event.seq,
            Event.finished_at_ms.is_null() | (Event.state == State.UNCERTAIN.value),
            Event.finished_at_ms.is_null() | (Event.finished_at_ms > now - UNCERTAIN_HOLD_MS),
        )
        .order_by(Event.finished_at_ms.desc())
    )
    ends = [each.finished_at_ms for each in earlier]
    if not ends:
        return None
    rested = [end for end in ends if end is not None]
    if len(rested) == len(ends):
        return max(rested) + UNCERTAIN_HOLD_MS
    return now + RESCUE_MS


@transaction
def hand_on(event: Event, seats: int) -> list[tuple[str, State]]:
    """Give what an event that ended (or waits without its seat) held to those who can use it.

    Returns:
        Whom to wake, by id and state: the next of its conversation, if it only waits for its turn,
        and the first of its account that waits for a seat.
    """
    wake = []
    if event.conversation_key and event.finished:
        wake = _seat_next(
            1,
            (Waiting.TURN, Waiting.SEAT),
            Event.conversation_key == event.conversation_key,
            Event.seq > event.seq,
        )
    free = _free_seats(event.account_id, seats)
    if free > 0:
        wake += _seat_next(
            min(free, _SEATED_AT_ONCE),
            (Waiting.SEAT,),
            Event.account_id == event.account_id,
            ~Event.seated,
            Event.waiting_for == Waiting.SEAT.value,
            Event.instance_id.not_in(_held_up(event.account_id)),
        )
    return wake


def _held_up(account_id: str) -> peewee.Select:
    # Whoever came with a seat would only stand behind these, and hand it on to the next in vain.
    held_up = Event.alias()
    return held_up.select(held_up.instance_id).where(
        held_up.account_id == account_id,
        held_up.waiting_for.in_([Waiting.PLACE.value, Waiting.OUTAGE.value]),
        ~held_up.seated,
        held_up.finished_at_ms.is_null(),
    )


def _seat_next(
    at_most: int, waiting_for: tuple[Waiting, ...], *whose: Any
) -> list[tuple[str, State]]:
    query = (
        Event.select(Event.id, Event.state, Event.waiting_for)
        .where(Event.finished_at_ms.is_null(), *whose)
        .order_by(Event.seq)
        .limit(at_most)
    )
    found = query.for_update(skip_locked=True) if is_postgres() else query
    nexts = [each for each in found if each.waiting_for in waiting_for]
    if nexts:
        Event.update(seated=True, due_at_ms=clock.now_ms() + RESCUE_MS).where(
            Event.id.in_([each.id for each in nexts])
        ).execute()
    return [(each.id, State(each.state)) for each in nexts]


@transaction
def claim_due(seats: int) -> list[Event]:
    """Take a batch of events that are due, and push their next time on.

    Those that hold a seat, or can have one, are returned to be woken; the others wait for a seat.
    Two sweepers at once take different rows (Postgres skips locked ones; SQLite has one writer).
    """
    now = clock.now_ms()
    woken: list[Event] = []
    # A flood that finds no seats must not stand before everybody else until the next sweep.
    while not woken and (due := _due(now)):
        woken = _claim(due, seats, now)
    return woken


def _due(now: int) -> list[Event]:
    query = (
        Event.select(*_all_but_the_payload())
        .where(Event.finished_at_ms.is_null(), Event.due_at_ms <= now)
        .order_by(Event.due_at_ms, Event.seq)
        .limit(_BATCH)
    )
    return list(query.for_update(skip_locked=True) if is_postgres() else query)


def _claim(due: list[Event], seats: int, now: int) -> list[Event]:
    free: dict[str, int] = {}
    woken, seatless = [], []
    for event in due:
        if not event.seated:
            if event.account_id not in free:
                free[event.account_id] = _free_seats(event.account_id, seats)
            free[event.account_id] -= 1
            if free[event.account_id] < 0:
                seatless.append(event.id)
                continue
        wait_ms = rescue_after_ms(event.rescues)
        _push(event, now + wait_ms, seated=True, rescues=event.rescues + 1)
        woken.append(event)
    if seatless:
        waits = {"due_at_ms": now + _SEAT_LOOK_MS, "waiting_for": Waiting.SEAT.value}
        Event.update(**waits).where(Event.id.in_(seatless)).execute()
    return woken


def _all_but_the_payload() -> list[peewee.Field]:
    columns: list[peewee.Field] = Event._meta.sorted_fields  # noqa: SLF001 (Peewee documents it)
    return [column for column in columns if column is not Event.payload]


def _free_seats(account_id: str, seats: int) -> int:
    taken: int = (
        Event.select()
        .where(Event.account_id == account_id, Event.seated, Event.finished_at_ms.is_null())
        .count()
    )
    return seats - taken


def _push(event: Event, due_at_ms: int, **also: object) -> None:
    Event.update(due_at_ms=due_at_ms, **also).where(Event.id == event.id).execute()


@transaction
def queue_was_lost() -> None:
    """Make due what had been handed to a queue that is gone; a send in hand keeps its lease."""
    Event.update(due_at_ms=clock.now_ms()).where(
        Event.finished_at_ms.is_null(),
        Event.seated,
        Event.waiting_for.is_null()
        | Event.waiting_for.in_([Waiting.SEAT.value, Waiting.TURN.value]),
        Event.state != State.SENDING.value,
    ).execute()


@transaction
def release(waiting_for: Waiting, at_ms: int | None = None, /, **columns: str) -> None:
    """Make events due that waited for what has just ended, e.g. a pause of their account.

    Args:
        waiting_for: what they wait for.
        at_ms: when it ends, in epoch milliseconds, if not now; who is due before stays so.
        columns: whose it was, e.g. `account_id`.
    """
    at_ms = clock.now_ms() if at_ms is None else at_ms
    conditions = [getattr(Event, name) == value for name, value in columns.items()]
    Event.update(due_at_ms=at_ms).where(
        Event.finished_at_ms.is_null(),
        Event.waiting_for == waiting_for.value,
        Event.due_at_ms > at_ms,
        *conditions,
    ).execute()


@transaction
def next_in_line(account_id: str, instance_id: str, places: int) -> list[tuple[str, State]]:
    """Seat the first events of an instance that wait for a place among its requests.

    Returns:
        Whom to wake, by id and state.
    """
    return _seat_next(
        places,
        (Waiting.PLACE,),
        Event.account_id == account_id,
        Event.instance_id == instance_id,
        ~Event.seated,
        Event.waiting_for == Waiting.PLACE.value,
    )
