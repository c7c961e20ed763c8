"""A slow number keeps to its share of a process's threads; the others do not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import clock
from core.words import State
from models import backlog
from models.event import Event
from tests.backends import until, working
from tests.factories import NOON_MS, change, loaded, phone
from tests.journey import a_journey, attempts, walk
from workers import bulkhead, outbound, upkeep
from workers.bulkhead import LOOK_AGAIN_MS, Bulkhead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dramatiq.broker import Broker

    from app.sandbox import Sandbox
    from tests.backends import Store
    from tests.journey import Journey

THREADS = 8


@pytest.fixture
def taken(journey: Journey) -> Iterator[list[float]]:
    """Every place of the journey's number is taken."""
    requests, instance_id = bulkhead.requests, journey.site.instance_id
    places = [place for _ in range(requests.threads) if (place := requests.enter(instance_id))]
    yield places
    for place in places:
        requests.leave(instance_id, place)


def enter_all(room: Bulkhead, instance_id: str) -> list[float]:
    """Take every place there is for an instance."""
    places = []
    while (place := room.enter(instance_id)) is not None:
        places.append(place)
    return places


@pytest.mark.parametrize(
    ("threads", "places", "when_slow"), [(1, 1, 1), (2, 1, 1), (4, 2, 1), (8, 4, 2), (32, 16, 8)]
)
def test_one_number_has_half_of_the_threads_and_a_quarter_when_slow(
    monkeypatch: pytest.MonkeyPatch, threads: int, places: int, when_slow: int
) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    room = Bulkhead(threads)
    assert len(enter_all(room, "ins_fast")) == places
    slow = room.enter("ins_slow")
    assert slow is not None
    now[0] += 1.001
    assert len(enter_all(room, "ins_slow")) == when_slow - 1
    room.leave("ins_slow", slow)
    assert len(enter_all(room, "ins_slow")) == places - when_slow + 1


def test_another_number_has_places_of_its_own() -> None:
    room = Bulkhead(THREADS)
    enter_all(room, "ins_one")
    assert len(enter_all(room, "ins_another")) == THREADS // 2


def test_who_leaves_calls_only_when_somebody_waits() -> None:
    room = Bulkhead(THREADS)
    alone = room.enter("ins_one")
    assert alone is not None
    assert room.leave("ins_one", alone) == 0
    places = enter_all(room, "ins_one")  # the last who tried found none
    assert room.leave("ins_one", places.pop()) == 1
    assert room.leave("ins_one", places.pop()) == 0
    room.more_wait("ins_one")
    assert room.leave("ins_one", places.pop()) == 3


def test_who_finds_no_place_waits_and_spends_nothing(journey: Journey, taken: list[float]) -> None:
    clock.freeze(NOON_MS)
    journey.wrote()
    event = journey.send()
    assert (event.state, event.waiting_for, event.seated) == ("ready", "place", False)
    assert event.due_at_ms == NOON_MS + LOOK_AGAIN_MS
    assert (attempts(event), event.tries, journey.used()) == ([], 0, (0, 0))
    bulkhead.requests.leave(journey.site.instance_id, taken.pop())
    assert walk(event.id).state == State.SENT


@pytest.mark.usefixtures("taken")
def test_who_waited_for_a_place_too_long_was_held_back(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.wrote()
    event = journey.send()
    clock.freeze(event.expires_at_ms)
    upkeep.sweep()
    assert walk(event.id).error == "sending_throttled"


def test_the_first_in_line_are_called_once_each(journey: Journey) -> None:
    events = [in_line(journey, number) for number in range(3)]
    own = (journey.site.account_id, journey.site.instance_id)
    assert backlog.next_in_line(*own, 2) == [(each.id, State.READY) for each in events[:2]]
    assert loaded(events[0].id).seated
    assert backlog.next_in_line(*own, 2) == [(events[2].id, State.READY)]
    assert backlog.next_in_line(*own, 2) == []


def in_line(journey: Journey, number: int) -> Event:
    """An event that waits for a place."""
    columns = {"waiting_for": "place", "seated": False}
    return journey.site.event_in(State.READY, to=phone(100 + number), columns=columns)


def test_seats_go_past_the_events_of_a_number_that_others_wait_for(
    journey: Journey, whatsapp: Sandbox
) -> None:
    with a_journey(whatsapp) as another:
        held, later = in_line(journey, 1), journey.site.event(to=phone(102))
        elsewhere = another.site.event(to=phone(103))
        for event in (later, elsewhere):
            change(event, waiting_for="seat", seated=False, account_id=held.account_id)
        assert backlog.hand_on(held, 8) == [(elsewhere.id, State.RECEIVED)]


def test_every_message_of_a_crowd_on_few_places_goes_once_and_in_order(
    store: Store, broker: Broker, journey: Journey
) -> None:
    people = [phone(100 + number) for number in range(8)]
    for each in people:
        journey.wrote(each)
    journey.faults({"delay_ms": 50, "times": None})
    with working(store.settings, broker, worker_threads=2):
        accepted = [
            journey.site.accept(to=each, message_text=f"{number} {each}").event_id
            for number in range(3)
            for each in people
        ]
        for event_id in accepted:
            outbound.begin(event_id)
        until(lambda: all(loaded(each).state == State.SENT for each in accepted), 20)
    received = journey.received()
    assert len(received) == len(set(received)) == len(accepted)
    for each in people:
        assert [text[0] for text in received if text.endswith(each)] == ["0", "1", "2"]


def test_a_number_that_hangs_leaves_threads_to_the_others(
    store: Store, broker: Broker, journey: Journey, whatsapp: Sandbox
) -> None:
    stuck = [phone(100 + number) for number in range(3 * THREADS)]
    journey.faults(*({"timeout": "before", "seconds": 4, "customer": each} for each in stuck))
    with a_journey(whatsapp) as another:
        for each in stuck:
            journey.wrote(each)
        another.wrote()
        with working(store.settings, broker, worker_threads=THREADS):
            for each in stuck:
                outbound.begin(journey.site.accept(to=each).event_id)
            until(lambda: Event.select().where(Event.state == "sending").count() >= 2)
            waits = sorted(reply_s(another) for _ in range(30))
        assert waits[-1] < 1.0


def reply_s(journey: Journey) -> float:
    """How long a reply takes from its acceptance until WhatsApp has it."""
    before, begun = len(journey.received()), clock.monotonic()
    outbound.begin(journey.site.accept().event_id)
    until(lambda: len(journey.received()) > before, 20)
    return clock.monotonic() - begun
