"""What is promised about a person holds in the very transaction that moves to `sending`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from core import clock
from core.words import State
from models.account import Account
from models.event import Event
from models.instance import Instance
from models.integration import Integration
from models.suppression import Kind, Suppression
from tests.backends import together
from tests.factories import CUSTOMER, DAY_MS, NOON_MS, change, loaded, phone
from tests.journey import attempts, decisions, step, walk
from workers import conclusion, facts, outbound, policy, sending

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.journey import Journey


def ready(journey: Journey, **payload: Any) -> Event:
    """An event that the policy has allowed and that has its slot."""
    event = walk(journey.site.accept(**payload).event_id, to=State.READY)
    assert event.state == State.READY
    return event


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (
            lambda j: Suppression.add(j.site.account_id, CUSTOMER, Kind.OPT_OUT, source="test"),
            "recipient_suppressed",
        ),
        (
            lambda j: Suppression.add(j.site.account_id, CUSTOMER, Kind.BLOCK, source="test"),
            "recipient_suppressed",
        ),
        (lambda j: conclusion.close_window(loaded_any(j)), "conversation_window_closed"),
        (lambda j: j.site.set_account(daily_limit=0), "daily_message_limit_exceeded"),
        (lambda j: j.site.set_account(monthly_limit=0), "daily_message_limit_exceeded"),
        (lambda j: j.site.set_account(module_enabled=False), "module_not_enabled"),
        (lambda j: j.site.set_integration(outbound=False), "outbound_disabled"),
        (lambda j: j.site.set_integration(enabled=False), "outbound_disabled"),
    ],
    ids=["opt-out", "block", "window", "day", "month", "module", "outbound", "integration"],
)
def test_what_changed_after_the_decision_still_refuses(
    journey: Journey, happens: Callable[[Journey], object], code: str
) -> None:
    event = ready(journey)
    happens(journey)
    after = step(event.id)
    assert (after.state, after.error) == ("refused", code)
    assert journey.received() == []
    assert decisions(event)[-1][0] == "send"
    assert decisions(event)[-1][3] == code


def loaded_any(journey: Journey) -> Event:
    """The only event there is."""
    return Event.select().where(Event.account_id == journey.site.account_id).get()


@pytest.mark.parametrize("model", [Account, Instance, Integration])
def test_a_pause_after_the_decision_makes_it_wait_and_its_end_lets_it_go(
    journey: Journey, model: type[Account | Instance | Integration]
) -> None:
    event = ready(journey)
    journey.site.pause(model)
    waiting = step(event.id)
    assert (waiting.state, waiting.waiting_for, waiting.seated) == ("ready", "pause", False)
    assert waiting.due_at_ms >= clock.now_ms() + 50_000
    journey.site.resume(model)
    assert loaded(event.id).due_at_ms <= clock.now_ms()
    assert walk(event.id).state == State.SENT
    assert len(journey.received()) == 1


def test_a_window_that_shut_while_a_message_waited_lets_nothing_out(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.site.set_integration(validity_s=90_000)
    journey.wrote(at_ms=NOON_MS)
    journey.site.pause()
    event = journey.site.event()
    clock.turn(DAY_MS - 1)
    walk(event.id)
    journey.site.resume()
    clock.turn(1)
    assert walk(event.id).error == "conversation_window_closed"


def test_a_message_in_the_last_millisecond_of_the_window_goes(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.wrote(at_ms=NOON_MS)
    clock.turn(DAY_MS - 1)
    assert journey.send().state == State.SENT


def test_a_limit_of_five_is_exactly_five_among_sixteen_threads(journey: Journey) -> None:
    journey.site.set_account(daily_limit=5)
    for number in range(16):
        journey.wrote(phone(number))
    events = [ready(journey, to=phone(number)) for number in range(16)]
    change_all_slots(events)
    together(16, lambda number: step(events[number].id))
    for event in events:  # those that saw a unit in flight look again
        walk(event.id)
    states = [loaded(event.id).state for event in events]
    assert (states.count("sent"), states.count("refused")) == (5, 11)
    assert len(journey.received()) == 5
    assert journey.used() == (5, 5)


def change_all_slots(events: list[Event]) -> None:
    """Let every event's slot be now."""
    for event in events:
        change(event, slot_at_ms=clock.now_ms())


def test_a_limit_waits_for_a_unit_that_may_come_back(journey: Journey) -> None:
    journey.site.set_account(daily_limit=1)
    journey.wrote(phone(2))
    first, second = ready(journey), ready(journey, to=phone(2))
    ticket = sending.settle(first)
    assert ticket is not None
    waiting = walk(second.id)
    assert (waiting.state, waiting.waiting_for, waiting.seated) == ("ready", "limit", True)
    journey.faults({"error": 131026})
    conclusion.conclude(first, ticket, sending.transmit(ticket))
    assert loaded(first.id).state == State.REFUSED
    assert walk(second.id).state == State.SENT
    assert journey.used() == (1, 1)


def test_a_raised_limit_lets_go_what_the_old_one_would_refuse(journey: Journey) -> None:
    journey.site.set_account(daily_limit=1)
    journey.send()
    journey.site.set_account(daily_limit=2)
    assert journey.send().state == State.SENT
    assert journey.send().error == "daily_message_limit_exceeded"


def test_the_month_limits_though_the_day_has_room(journey: Journey) -> None:
    journey.site.set_account(monthly_limit=1)
    assert journey.send().state == State.SENT
    refused = journey.send()
    assert refused.error == "daily_message_limit_exceeded"
    assert decisions(refused)[-1][1] == "monthly_limit_is_not_reached"


def test_a_new_day_begins_at_the_accounts_midnight(journey: Journey) -> None:
    riyadh = ZoneInfo("Asia/Riyadh")
    midnight = int(datetime(2026, 11, 23, tzinfo=riyadh).timestamp() * 1000)
    clock.freeze(midnight - DAY_MS // 2)
    journey.site.set_account(timezone="Asia/Riyadh", daily_limit=1)
    assert journey.site.account.zone_at(clock.now_ms()).key == "UTC"
    clock.freeze(midnight + DAY_MS // 2)  # the new zone holds since the day after the change
    journey.wrote()
    assert journey.send().state == State.SENT
    assert journey.send().error == "daily_message_limit_exceeded"
    clock.freeze(midnight + DAY_MS - 1)
    assert journey.send().error == "daily_message_limit_exceeded"
    clock.turn(1)
    assert journey.send().state == State.SENT


def test_two_who_settle_the_same_event_are_one_send(journey: Journey) -> None:
    event = ready(journey)
    tickets = together(8, lambda _: sending.settle(loaded(event.id)))
    assert len([ticket for ticket in tickets if ticket is not None]) == 1
    assert journey.used() == (1, 1)
    assert attempts(event) == [None]


def test_a_step_begun_before_another_failed_does_not_try_again_early(journey: Journey) -> None:
    clock.freeze()
    event, late = ready(journey), loaded_any(journey)
    journey.faults({"error": 131016, "retry_after": 5})
    assert step(event.id).waiting_for == "provider"
    assert late.state == State.READY
    assert sending.settle(late) is None
    assert attempts(event) == ["failed"]


def test_settling_takes_a_lease_that_outlives_the_send(journey: Journey) -> None:
    clock.freeze()
    event = ready(journey)
    assert sending.settle(event) is not None
    row = loaded(event.id)
    assert (row.state, row.lease_until_ms) == ("sending", clock.now_ms() + 25_000)
    assert row.due_at_ms == row.lease_until_ms


def test_a_slot_that_went_by_goes_back_to_throttle(journey: Journey) -> None:
    clock.freeze()
    event = ready(journey)
    clock.turn(2_001)
    back = step(event.id)
    assert (back.state, back.slot_at_ms) == ("allowed", None)
    assert journey.received() == []
    assert walk(event.id).state == State.SENT


def test_a_slot_still_to_come_is_waited_for(journey: Journey) -> None:
    clock.freeze()
    event = ready(journey)
    change(event, slot_at_ms=clock.now_ms() + 1_500)
    waiting = step(event.id)
    assert (waiting.waiting_for, waiting.seated) == ("slot", True)
    assert waiting.due_at_ms == clock.now_ms() + 1_500
    clock.turn(1_000)
    assert step(event.id).state == State.READY
    clock.turn(500)
    assert step(event.id).state == State.SENT


def test_a_long_wait_for_a_slot_gives_the_seat_away(journey: Journey) -> None:
    clock.freeze()
    event = ready(journey)
    change(event, slot_at_ms=clock.now_ms() + 2_001)
    assert step(event.id).seated is False


def test_the_next_of_a_conversation_waits_for_the_one_that_is_sending(journey: Journey) -> None:
    first, second = ready(journey), journey.site.event(message_text="And then?")
    assert walk(second.id).waiting_for == "turn"
    assert step(first.id).state == State.SENT
    assert walk(second.id).state == State.SENT
    assert journey.received() == ["Your technician arrives at ten.", "And then?"]


def test_a_pause_that_ends_while_it_is_decided_on_is_not_waited_for(journey: Journey) -> None:
    journey.site.set_account(pause_reason="stocktaking")
    event = walk(journey.site.accept().event_id, to=State.VALID)
    paused = policy.decide(facts.about(event))
    journey.site.set_account(pause_reason=None)

    outbound._follow(event, paused)

    assert loaded(event.id).state == State.ALLOWED
