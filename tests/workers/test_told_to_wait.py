"""WhatsApp's words are obeyed: who is told to wait waits, and loses no try by it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from core import clock
from core.words import State
from models.attempt import Attempt
from models.instance import Instance
from tests.backends import together
from tests.factories import CUSTOMER, NOON_MS, change, loaded, phone
from tests.journey import attempts, walk
from workers import conclusion, sending

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.event import Event
    from tests.gateway import Gateway
    from tests.journey import Journey

ANOTHER = phone(99)
FULL_BUDGET = 3


def until_it_rests(event: Event) -> Event:
    """Walk, and let each wait go by."""
    while not event.finished:
        clock.freeze(max(clock.now_ms(), event.due_at_ms))
        event = walk(event.id)
    return event


@pytest.mark.parametrize(
    "told",
    [
        {"error": 130429},
        {"error": 4, "retry_after": 2},
        {"error": 131057},
        {"error": 131056},
        {"status": 429, "retry_after": 3},
        {"error": 131016},
    ],
    ids=["throughput", "calls", "maintenance", "pair", "429", "passing"],
)
def test_a_word_to_wait_spends_no_try(journey: Journey, told: dict[str, Any]) -> None:
    clock.freeze(NOON_MS)
    journey.wrote()
    journey.faults({**told, "times": 3}, {"error": 999_999, "times": None})
    event = until_it_rests(journey.send())
    assert event.error == "gateway_send_failed"
    rows = Attempt.select().where(Attempt.event_id == event.id).order_by(Attempt.id)
    kinds = [each.kind for each in rows]
    assert kinds[3:] == ["message"] * FULL_BUDGET
    assert "message" not in kinds[:3]


def test_each_kind_of_wait_grows_by_itself(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.wrote()
    journey.faults({"error": 130429, "times": 2}, {"error": 131056, "times": 2})
    event = journey.send()
    waits = []
    while event.state == State.READY:
        waits.append(event.due_at_ms - clock.now_ms())
        clock.freeze(event.due_at_ms)
        event = walk(event.id)
    assert event.state == State.SENT
    assert waits[2:] == [1_000, 4_000]  # 4^n from the pair's first, not from the third try


def test_a_pause_spends_no_try(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.wrote()
    journey.faults({"error": 190}, {"error": 999_999, "times": None})
    event = journey.send()
    assert event.waiting_for == "pause"
    journey.site.resume(Instance)
    event = until_it_rests(walk(event.id))
    assert attempts(event) == ["failed"] * (1 + FULL_BUDGET)


def test_many_who_meet_a_pause_at_once_make_one_alert_and_go_on_in_order(
    journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    people = [CUSTOMER, *(phone(100 + number) for number in range(7))]
    for each in people:
        journey.wrote(each)
    journey.faults({"error": 190, "times": len(people)})
    events = [journey.site.accept(to=each, message_text=f"1 {each}").event_id for each in people]
    later = [journey.site.accept(to=each, message_text=f"2 {each}").event_id for each in people]
    for each in events:
        change(walk(each, to=State.READY), slot_at_ms=clock.now_ms())
    tickets = [sending.settle(loaded(each)) for each in events]

    def fail(number: int) -> None:
        ticket = tickets[number]
        assert ticket is not None
        conclusion.conclude(loaded(events[number]), ticket, sending.transmit(ticket))

    with caplog.at_level(logging.ERROR):
        together(len(people), fail)
    alerts = [record for record in caplog.records if "is paused" in record.getMessage()]
    assert len(alerts) == 1
    held = [walk(each) for each in (*later, *events)]
    assert {event.waiting_for for event in held} == {"pause"}
    assert journey.received() == []

    journey.site.resume(Instance)
    clock.freeze()
    while len(journey.received()) < 2 * len(people):
        for each in (*later, *events):
            walk(each)
        clock.turn(100)
    for each in people:
        own = [text for text in journey.received() if text.endswith(each)]
        assert own == [f"1 {each}", f"2 {each}"]


@pytest.fixture
def family(start_gateway: Callable[..., Gateway], back_end: str) -> Gateway:
    """A gateway with several workers' processes, where the back end has such."""
    return start_gateway(**{"WORKER_PROCESSES": "2"} if back_end == "servers" else {})


def test_a_429_holds_the_number_and_a_pair_limit_the_pair_in_every_process(
    family: Gateway,
) -> None:
    slowed, *others = [phone(200 + number) for number in range(8)]
    pbx = family.pbx(slowed, *others)

    def told(fault: dict[str, Any]) -> int:
        """Let WhatsApp tell the one to wait; when it was asked, in epoch milliseconds."""
        family.whatsapp.faults.set([fault])
        asked = clock.now_ms()
        pbx.post(pbx.reply(to=slowed))
        family.wait_until(lambda: pbx.events()[-1]["waiting_for"] == "provider")
        for each in others:
            pbx.post(pbx.reply(to=each))
        return asked

    asked = told({"status": 429, "retry_after": 4})
    family.wait_until(pbx.received, 20)
    assert clock.now_ms() >= asked + 4_000
    family.wait_until(lambda: len(pbx.received()) == 1 + len(others))

    asked = told({"error": 131056, "retry_after": 6})
    family.wait_until(lambda: len(pbx.received()) == 1 + 2 * len(others))
    assert clock.now_ms() < asked + 6_000
    family.wait_until(lambda: len(pbx.received()) == 2 + 2 * len(others))
    assert pbx.received()[-1]["to"] == slowed
