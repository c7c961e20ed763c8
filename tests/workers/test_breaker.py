"""While WhatsApp cannot be reached, nobody makes a request in vain; one probe finds out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from core import clock
from core.words import State
from models import backlog, provisioning
from models.breaker import FAILURES_IN_A_ROW, Breaker, Position
from tests.backends import together
from tests.factories import CUSTOMER, NOON_MS, change, loaded, phone
from tests.journey import a_journey, attempts, step, walk
from workers import conclusion, sending, upkeep
from workers.stage import Seats

if TYPE_CHECKING:
    from app.sandbox import Sandbox
    from models.event import Event
    from tests.gateway import Gateway
    from tests.journey import Journey

NOBODY = "http://127.0.0.1:9"
ANOTHER = phone(99)


def lead_to(journey: Journey, base_url: str) -> None:
    """Let the number's way lead somewhere."""
    provisioning.change_instance(journey.site.instance_id, {"base_url": base_url})


def fail(journey: Journey, times: int) -> list[Event]:
    """So many messages to different people, none of which gets through."""
    events = []
    for number in range(times):
        journey.wrote(phone(100 + number))
        events.append(journey.send(to=phone(100 + number)))
        clock.turn(20)
    return events


def breaker(journey: Journey) -> Breaker:
    """The breaker of the journey's number."""
    return Breaker.of(journey.site.instance_id)


def cut_off(journey: Journey) -> list[Event]:
    """Cut the way, and let the breaker find out."""
    clock.freeze(NOON_MS)
    journey.wrote()
    journey.wrote(ANOTHER)
    lead_to(journey, NOBODY)
    failed = fail(journey, FAILURES_IN_A_ROW)
    assert breaker(journey).position(clock.now_ms()) is Position.OPEN
    return failed


def mended(journey: Journey) -> None:
    """Mend the way, and wait until the breaker is half-open."""
    lead_to(journey, journey.sandbox.base_url)
    clock.freeze(breaker(journey).open_until_ms)


def change_all_slots(events: list[Event]) -> None:
    """Let every event's slot be now."""
    for event in events:
        change(event, slot_at_ms=clock.now_ms())


def test_while_it_is_open_a_message_waits_and_spends_nothing(journey: Journey) -> None:
    cut_off(journey)
    event = journey.send()
    assert (event.state, event.waiting_for, event.seated) == ("ready", "outage", False)
    assert event.due_at_ms == breaker(journey).open_until_ms
    assert (attempts(event), event.tries, journey.used()) == ([], 0, (0, 0))


def test_another_accounts_number_goes_on(journey: Journey, whatsapp: Sandbox) -> None:
    cut_off(journey)
    with a_journey(whatsapp) as another:
        another.wrote()
        assert another.send().state == State.SENT


def test_of_all_who_waited_one_finds_out_and_then_all_go(journey: Journey) -> None:
    failed = cut_off(journey)
    clock.turn(1_000)  # by now those that failed want to try again, and wait like everybody
    waiting = [*(step(event.id) for event in failed), journey.send()]
    assert {event.waiting_for for event in waiting} == {"outage"}
    mended(journey)
    change_all_slots(waiting)
    tickets = together(len(waiting), lambda number: sending.settle(loaded(waiting[number].id)))
    (ticket,) = (ticket for ticket in tickets if ticket is not None)
    assert ticket.probe
    others = [each for each in waiting if each.id != ticket.attempt.event_id]
    assert {loaded(event.id).due_at_ms for event in others} == {ticket.lease_until_ms}

    conclusion.conclude(loaded(ticket.attempt.event_id), ticket, sending.transmit(ticket))

    assert breaker(journey).position(clock.now_ms()) is Position.CLOSED
    assert {loaded(event.id).due_at_ms for event in others} == {clock.now_ms()}
    for event in others:
        walk(event.id)
        clock.turn(20)
    assert len(journey.received()) == len(waiting)


def test_a_failed_probe_shuts_it_for_longer_and_calls_nobody_before(journey: Journey) -> None:
    cut_off(journey)
    first, second = journey.send(), journey.send(to=ANOTHER)
    clock.freeze(breaker(journey).open_until_ms)
    change_all_slots([first, second])
    ticket = sending.settle(loaded(first.id))
    assert ticket is not None
    assert step(second.id).due_at_ms == ticket.lease_until_ms
    conclusion.conclude(loaded(first.id), ticket, sending.transmit(ticket))
    open_until_ms = breaker(journey).open_until_ms or 0
    assert 9_000 <= open_until_ms - clock.now_ms() <= 10_000
    assert loaded(second.id).due_at_ms == open_until_ms
    assert step(first.id).waiting_for == "provider"


@pytest.mark.parametrize(
    "fault",
    [{"reset": "before"}, {"reset": "after"}, {"garbage": True}, {"status": 503}],
    ids=["reset before", "reset after", "garbage", "503"],
)
def test_an_open_breaker_ends_the_making_of_uncertain_messages(
    journey: Journey, fault: dict[str, Any]
) -> None:
    clock.freeze(NOON_MS)
    journey.faults({**fault, "times": None})
    doubtful = fail(journey, FAILURES_IN_A_ROW)
    assert {event.state for event in doubtful} == {"uncertain"}
    held = fail(journey, FAILURES_IN_A_ROW + 3)[FAILURES_IN_A_ROW:]
    assert {event.waiting_for for event in held} == {"outage"}
    clock.freeze(breaker(journey).open_until_ms)
    change_all_slots(held)
    probe, *others = [step(event.id) for event in held]
    assert probe.state == State.UNCERTAIN
    assert {event.waiting_for for event in others} == {"outage"}


@pytest.mark.parametrize("code", [2, 131000, 131016, 133004])
def test_a_passing_failure_of_metas_counts(journey: Journey, code: int) -> None:
    clock.freeze(NOON_MS)
    journey.faults({"error": code, "times": None})
    fail(journey, FAILURES_IN_A_ROW)
    assert breaker(journey).position(clock.now_ms()) is Position.OPEN


@pytest.mark.parametrize(
    "code", [1, 100, 190, 4, 130429, 131026, 131042, 131047, 131056, 131057, 999_999]
)
def test_what_meta_says_of_a_message_or_a_number_is_an_answer(journey: Journey, code: int) -> None:
    clock.freeze(NOON_MS)
    journey.faults({"error": 131016, "times": 4}, {"error": code})
    fail(journey, 5)
    assert breaker(journey).failures == 0
    assert breaker(journey).position(clock.now_ms()) is Position.CLOSED


def test_what_is_never_asked_of_whatsapp_tells_nothing(journey: Journey) -> None:
    cut_off(journey)
    event = journey.send()
    mended(journey)
    change_all_slots([event])
    ticket = sending.settle(loaded(event.id))
    assert ticket is not None
    assert ticket.probe
    clock.turn(10_001)  # the prober stands still for longer than a send may take
    conclusion.conclude(loaded(event.id), ticket, sending.transmit(ticket))
    assert breaker(journey).position(clock.now_ms()) is Position.HALF_OPEN
    another = journey.send(to=ANOTHER)
    assert another.state == State.SENT


def test_a_prober_that_died_holds_the_others_for_its_lease(journey: Journey) -> None:
    cut_off(journey)
    probe, next_one = journey.send(), journey.send(to=ANOTHER)
    mended(journey)
    change_all_slots([probe, next_one])
    ticket = sending.settle(loaded(probe.id))
    assert ticket is not None
    assert step(next_one.id).waiting_for == "outage"
    clock.freeze(ticket.lease_until_ms)
    upkeep.sweep()
    assert loaded(probe.id).state == State.UNCERTAIN
    assert walk(next_one.id).state == State.SENT


def test_a_conversation_keeps_its_order_through_an_outage(journey: Journey) -> None:
    cut_off(journey)
    events = [journey.send(message_text=f"message {number}") for number in range(3)]
    assert [event.waiting_for for event in events] == ["outage", "turn", "turn"]
    mended(journey)
    for _ in events:
        for event in reversed(events):
            walk(event.id)
        clock.turn(50)
    assert journey.received() == ["message 0", "message 1", "message 2"]


def test_what_an_outage_outlasts_is_refused(journey: Journey) -> None:
    cut_off(journey)
    journey.site.set_integration(validity_s=3)
    event = journey.send()
    assert event.due_at_ms == event.expires_at_ms
    clock.freeze(event.expires_at_ms)
    upkeep.sweep()
    assert walk(event.id).error == "gateway_send_failed"


def test_an_opt_out_during_an_outage_holds_when_it_ends(journey: Journey) -> None:
    cut_off(journey)
    event = journey.send()
    journey.customer_says("STOP")
    mended(journey)
    assert walk(event.id).error == "recipient_suppressed"


def test_an_opening_is_told_once_and_so_is_the_end(
    journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        cut_off(journey)
        event = journey.send()
        journey.send(to=ANOTHER)
        assert caplog.text.count("cannot reach WhatsApp") == 1
        mended(journey)
        assert walk(event.id).state == State.SENT
    assert caplog.text.count("reaches WhatsApp again") == 1
    assert CUSTOMER not in caplog.text


def test_a_flood_on_a_cut_off_number_leaves_its_accounts_seats_alone(journey: Journey) -> None:
    cut_off(journey)
    held = journey.send()
    later = journey.site.event(to=ANOTHER)
    change(later, waiting_for="seat", seated=False)
    assert backlog.hand_on(held, Seats.per_account) == []
    assert not loaded(later.id).seated


@pytest.mark.long
def test_an_operator_sees_it_open_and_close(gateway: Gateway) -> None:
    customers = [phone(number) for number in range(40, 40 + FAILURES_IN_A_ROW)]
    pbx = gateway.pbx(*customers, instance={"base_url": NOBODY})

    def shown() -> dict[str, Any]:
        return gateway.command("instance", "show", pbx.instance_id)["breaker"]

    assert shown() == {"state": "closed", "failures": 0, "open_until": None}
    accepted = [pbx.post(pbx.reply(to=each)).json()["event_id"] for each in customers]
    gateway.wait_until(lambda: shown()["state"] == "open")
    assert shown()["failures"] == FAILURES_IN_A_ROW
    gateway.command("instance", "set", pbx.instance_id, f"base_url={gateway.whatsapp.base_url}")
    gateway.wait_until(lambda: len(pbx.received()) == len(accepted), 20)
    assert shown() == {"state": "closed", "failures": 0, "open_until": None}
