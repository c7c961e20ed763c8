"""Who goes next: turns in a conversation, seats of an account, and what the sweep takes."""

from __future__ import annotations

import pytest

from core import clock
from core.errors import ErrorCode
from core.words import State
from models import backlog
from models.event import RESCUE_MS, UNCERTAIN_HOLD_MS, Event, Waiting
from tests.backends import together
from tests.factories import CUSTOMER, NOON_MS, a_site, change, copies, loaded, phone
from workers.stage import Seats

pytestmark = pytest.mark.usefixtures("store")


def in_seats(account_id: str) -> int:
    """How many unfinished events of the account hold a seat."""
    return (
        Event.select()
        .where(Event.account_id == account_id, Event.seated, Event.finished_at_ms.is_null())
        .count()
    )


def test_an_event_waits_for_the_earlier_one_of_its_conversation() -> None:
    site = a_site()
    first, second = site.event(), site.event()
    assert backlog.earlier_unfinished(first) is None
    assert backlog.earlier_unfinished(second) is not None
    first.refuse(State.RECEIVED, ErrorCode.MISSING_PHONE)
    assert backlog.earlier_unfinished(second) is None


def test_other_customers_and_other_numbers_hold_nobody_back() -> None:
    site, another = a_site(), a_site()
    site.event(to=phone(2))
    another.event()
    assert backlog.earlier_unfinished(site.event()) is None


def test_a_number_is_one_conversation_however_it_is_written() -> None:
    site = a_site()
    site.event(to=CUSTOMER)
    assert backlog.earlier_unfinished(site.event(to="0500 000-001")) is not None


def test_an_uncertain_event_holds_its_conversation_for_thirty_seconds_and_no_longer() -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    first, second = site.event(), site.event()
    first.doubt(State.RECEIVED, "maybe_sent")
    assert backlog.earlier_unfinished(second) == NOON_MS + UNCERTAIN_HOLD_MS
    clock.turn(29_999)
    assert backlog.earlier_unfinished(second) == NOON_MS + 30_000
    clock.turn(1)
    assert backlog.earlier_unfinished(second) is None


def test_the_youngest_doubt_of_a_conversation_holds_longest() -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    first, second, third = site.event(), site.event(), site.event()
    first.doubt(State.RECEIVED, "maybe_sent")
    clock.turn(5_000)
    second.doubt(State.RECEIVED, "maybe_sent")
    assert backlog.earlier_unfinished(third) == NOON_MS + 35_000


def test_who_ended_wakes_the_next_of_the_conversation_that_waits_its_turn() -> None:
    site = a_site()
    first, second, third = site.event(), site.event(), site.event()
    for waits in (second, third):
        change(waits, state="allowed", waiting_for="turn", seated=False)
    first.sent(State.RECEIVED)
    assert backlog.hand_on(first, 64) == [(second.id, State.ALLOWED)]
    assert loaded(second.id).seated
    assert not loaded(third.id).seated


def test_who_is_at_work_already_is_not_woken() -> None:
    site = a_site()
    first, second = site.event(), site.event()
    change(second, state="allowed")
    first.sent(State.RECEIVED)
    assert backlog.hand_on(first, 64) == []


def test_who_waits_for_something_else_is_not_woken_by_a_turn() -> None:
    site = a_site()
    first, second = site.event(), site.event()
    change(second, state="ready", waiting_for="pause", seated=False)
    first.sent(State.RECEIVED)
    assert backlog.hand_on(first, 64) == []


def test_a_seat_that_gets_free_goes_to_the_first_who_waits_for_one() -> None:
    site = a_site()
    Seats.per_account = 1
    first, second, third = (site.event(to=phone(n)) for n in range(3))
    assert [first.seated, second.seated, third.seated] == [True, False, False]
    first.sent(State.RECEIVED)
    assert backlog.hand_on(first, 1) == [(second.id, State.RECEIVED)]
    assert backlog.hand_on(first, 1) == []
    assert not loaded(third.id).seated


def test_an_event_that_waits_long_gives_its_seat_away() -> None:
    site = a_site()
    Seats.per_account = 1
    first, second = site.event(to=phone(1)), site.event(to=phone(2))
    first.defer(State.RECEIVED, clock.now_ms() + 60_000, Waiting.PAUSE, keep_seat=False)
    assert backlog.hand_on(first, 1) == [(second.id, State.RECEIVED)]


def test_the_sweep_takes_what_is_due_and_nothing_else() -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    due, later, ended = (site.event(to=phone(n)) for n in range(3))
    change(due, due_at_ms=NOON_MS)
    change(later, due_at_ms=NOON_MS + 1)
    change(ended, due_at_ms=NOON_MS, finished_at_ms=NOON_MS)
    assert [event.id for event in backlog.claim_due(64)] == [due.id]
    assert backlog.claim_due(64) == []


def test_what_the_sweep_took_comes_back_later_each_time() -> None:
    clock.freeze(NOON_MS)
    event = a_site().event()
    waits = []
    for _ in range(8):
        clock.freeze(loaded(event.id).due_at_ms)
        assert [each.id for each in backlog.claim_due(64)] == [event.id]
        waits.append((loaded(event.id).due_at_ms - clock.now_ms()) // RESCUE_MS)
    assert waits == [1, 2, 4, 8, 16, 32, 32, 32]


def test_two_sweepers_at_once_take_different_events() -> None:
    clock.freeze(NOON_MS)
    ids = {event_id for _ in range(3) for event_id in copies(a_site().event(), 160)}
    clock.turn(RESCUE_MS)
    taken = together(4, lambda _: [each.id for each in backlog.claim_due(64)])
    woken = [event_id for batch in taken for event_id in batch]
    assert len(woken) == len(set(woken)) >= 200
    woken += [each.id for each in backlog.claim_due(64)]
    assert len(woken) == len(set(woken)) == 3 * 161
    assert ids < set(woken)


def test_one_accounts_flood_does_not_starve_another() -> None:
    clock.freeze(NOON_MS)
    flooding, quiet = a_site(), a_site()
    for number in range(2):
        flooding.event(to=phone(number))
    copies(flooding.event(to=phone(3)), 450, seated=False, due_at_ms=NOON_MS + 1)
    lost = quiet.event()
    change(lost, due_at_ms=NOON_MS + 2)
    clock.turn(5_000)
    woken = backlog.claim_due(2)
    while lost.id not in {each.id for each in woken}:
        more = backlog.claim_due(2)
        assert more, "the sweep ended before it came to the quiet account"
        woken += more
    assert in_seats(flooding.account_id) == 3


def test_the_sweep_seats_no_more_than_there_are_seats() -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    Seats.per_account = 3
    for number in range(10):
        site.event(to=phone(number))
    clock.turn(60_000)
    together(4, lambda _: backlog.claim_due(3))
    assert in_seats(site.account_id) == 3


def test_seats_are_hardly_exceeded_by_many_at_the_door() -> None:
    site = a_site()
    Seats.per_account = 4
    together(16, lambda number: [site.event(to=phone(10 * number + n)) for n in range(4)])
    assert 4 <= in_seats(site.account_id) <= 4 + 16


def test_the_end_of_a_pause_makes_due_what_waited_for_it() -> None:
    clock.freeze(NOON_MS)
    site, another = a_site(), a_site()
    paused, limited = site.event(to=phone(1)), site.event(to=phone(2))
    others = another.event()
    for event, waiting in ((paused, "pause"), (limited, "limit"), (others, "pause")):
        change(event, waiting_for=waiting, due_at_ms=NOON_MS + 60_000)
    site.pause()
    site.resume()
    assert [event.id for event in backlog.claim_due(64)] == [paused.id]


def test_what_a_lost_queue_held_is_due_at_once_but_no_send_in_hand() -> None:
    site = a_site()
    begun, sending, waiting = (site.event(to=phone(n)) for n in range(3))
    change(sending, state="sending")
    change(waiting, waiting_for="pause", due_at_ms=clock.now_ms() + 60_000)
    backlog.queue_was_lost()
    assert [event.id for event in backlog.claim_due(64)] == [begun.id]
