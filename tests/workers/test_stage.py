"""A step is done once, however often its message comes, and a broken one is counted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from dramatiq.middleware import SkipMessage

from core import clock
from core.words import State
from models import backlog
from models.event import RESCUE_MS, Event
from models.unavailable import DatabaseUnavailable
from models.usage import Usage
from tests.backends import together
from tests.factories import CUSTOMER, TEXT, change, loaded, phone
from tests.journey import attempts, decisions, step, walk
from workers import outbound, upkeep
from workers.stage import MAX_TRIES, resume

if TYPE_CHECKING:
    from dramatiq.broker import Broker

    from tests.backends import Store
    from tests.journey import Journey


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was told of broken things, in order."""
    return [record.getMessage() for record in caplog.records if record.name == "gateway"]


def test_a_step_comes_back_from_two_messages_as_one(journey: Journey) -> None:
    event = walk(journey.site.accept().event_id, to=State.READY)
    together(6, lambda _: step(event.id))
    assert loaded(event.id).state == State.SENT
    assert journey.received() == [TEXT]
    assert attempts(event) == ["sent"]


@pytest.mark.parametrize("state", [state for state in State if state is not State.RECEIVED])
def test_a_message_for_a_step_that_is_past_does_nothing(journey: Journey, state: State) -> None:
    event = journey.site.event_in(state)
    with pytest.raises(SkipMessage):
        outbound.validate(event.id)
    assert loaded(event.id).state == state


@pytest.mark.usefixtures("journey")
def test_a_message_for_an_event_that_is_gone_does_nothing() -> None:
    with pytest.raises(SkipMessage):
        outbound.validate("evt_00000000000000000000000000")


def test_a_decision_is_one_line_of_the_policy_log(journey: Journey) -> None:
    event = journey.send()
    assert decisions(event) == [("decide", "all", "allow", None)]
    refused = journey.send(message_purpose="marketing")
    assert decisions(refused) == [
        ("decide", "purpose_is_allowed", "refuse", "message_purpose_not_allowed")
    ]


def test_two_who_decide_at_once_write_one_decision(journey: Journey) -> None:
    event = walk(journey.site.accept().event_id, to=State.VALID)
    together(6, lambda _: outbound_step(event.id))
    assert len(decisions(event)) == 1


def outbound_step(event_id: str) -> None:
    """Decide, as several workers may."""
    try:
        outbound.decide(event_id)
    except (SkipMessage, dramatiq.Retry):
        return


BROKEN = "this is not what a payload looks like"


def test_a_broken_step_backs_off_and_dies_after_five_tries(
    journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    clock.freeze()
    event = journey.site.event()
    change(event, payload=BROKEN)
    waits = []
    for tries in range(1, MAX_TRIES):
        row = step(event.id)
        assert (row.state, row.tries, row.seated, row.dead) == ("received", tries, False, False)
        waits.append(row.due_at_ms - clock.now_ms())
        step(event.id)
        assert loaded(event.id).tries == tries
        clock.freeze(row.due_at_ms)
        assert [each.id for each in backlog.claim_due(64)] == [event.id]
    ended = step(event.id)
    assert (ended.state, ended.error, ended.dead) == ("refused", "gateway_send_failed", True)
    assert waits == [2_000, 4_000, 8_000, 16_000]
    told = reports(caplog)
    assert len(told) == MAX_TRIES
    assert all(f"event_id={event.id}" in line and "stage=received" in line for line in told)
    assert [line.partition("attempt=")[2][0] for line in told] == ["1", "2", "3", "4", "5"]
    assert BROKEN not in caplog.text


def test_a_dead_event_lets_the_next_of_its_conversation_go(journey: Journey) -> None:
    clock.freeze()
    broken, healthy = journey.site.event(), journey.send()
    assert healthy.waiting_for == "turn"
    change(broken, payload=BROKEN, tries=MAX_TRIES - 1)
    step(broken.id)
    assert loaded(healthy.id).seated
    assert walk(healthy.id).state == State.SENT


def test_a_step_that_takes_its_process_along_is_given_up_after_five_rescues(
    journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    clock.freeze()
    event = journey.site.event()
    change(event, tries=MAX_TRIES, rescues=MAX_TRIES)
    ended = step(event.id)
    assert (ended.state, ended.dead) == ("refused", True)
    assert "StepNeverEnded" in caplog.text


def test_a_step_rescued_less_often_is_done(journey: Journey) -> None:
    event = journey.site.event()
    change(event, tries=MAX_TRIES - 1, rescues=1)
    assert walk(event.id).state == State.SENT


def test_waiting_in_order_is_never_a_failed_try(journey: Journey) -> None:
    clock.freeze()
    journey.site.set_account(daily_limit=1)
    journey.wrote(phone(2))
    holding = journey.site.event_in(State.READY, to=phone(2))
    change(holding, state="sending", lease_until_ms=clock.now_ms() + 600_000)
    use_up(journey)
    event = journey.send()
    for _ in range(3 * MAX_TRIES):
        clock.turn(1_000)
        backlog.claim_due(64)
        event = step(event.id)
        assert (event.state, event.waiting_for) == ("valid", "limit")
    assert not event.dead


def use_up(journey: Journey) -> None:
    """Let the one unit of the day be in flight."""
    now = clock.now_ms()
    Usage.take(journey.site.account_id, journey.site.account.zone_at(now), now)


def test_a_database_that_is_away_leaves_the_row_to_the_sweep(
    store: Store, journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    event = journey.site.event()
    with store.away(), caplog.at_level(logging.WARNING), pytest.raises(SkipMessage):
        outbound.validate(event.id)
    assert "the sweep begins again" in caplog.text
    assert reports(caplog) == []
    row = loaded(event.id)
    assert (row.state, row.tries, row.dead) == ("received", 0, False)
    clock.turn(RESCUE_MS)
    assert [each.id for each in backlog.claim_due(64)] == [event.id]
    assert walk(event.id).state == State.SENT


def test_a_sweep_over_a_database_that_is_away_says_so(store: Store, journey: Journey) -> None:
    event = journey.site.event()
    with store.away(), pytest.raises(DatabaseUnavailable):
        upkeep.sweep()
    assert loaded(event.id).rescues == 0


@pytest.mark.parametrize(
    ("payload", "state", "error", "reason"),
    [
        ({"event_type": "test"}, "recorded", None, None),
        (
            {"event_type": "test", "message_purpose": "marketing"},
            "recorded",
            None,
            "message_purpose_not_allowed",
        ),
        ({"event_type": "test", "to": None}, "recorded", None, "missing_phone"),
        ({"event_type": "call_started"}, "recorded", None, None),
        ({"event_type": "queue_event", "to": None}, "recorded", None, None),
        ({"event_type": "missed_call"}, "refused", "call_events_disabled", None),
        ({"event_type": "opt_in"}, "refused", "unsupported_event_type", None),
        ({"event_type": None}, "refused", "unsupported_event_type", None),
        ({"to": None}, "refused", "missing_phone", None),
        ({"to": "[Number]"}, "refused", "missing_phone", None),
        ({"message_text": " "}, "refused", "missing_message_text", None),
        ({"message_text": None}, "refused", "missing_message_text", None),
        ({"message_purpose": None}, "refused", "message_purpose_not_allowed", None),
        ({"to": "+966511111111"}, "refused", "conversation_window_closed", None),
        ({"event_type": "inbound_reply"}, "sent", None, None),
    ],
)
def test_each_kind_of_event_ends_as_the_contract_says(
    journey: Journey, payload: dict[str, Any], state: str, error: str | None, reason: str | None
) -> None:
    event = journey.send(**payload)
    assert (event.state, event.error, event.reason) == (state, error, reason)
    assert len(journey.received()) == (state == "sent")


def test_a_call_event_with_call_events_on_waits_for_its_template(journey: Journey) -> None:
    journey.site.set_integration(call_events=True)
    event = journey.send(event_type="missed_call", caller=CUSTOMER)
    assert (event.state, event.reason) == ("recorded", "template_disabled")


def test_a_broadcast_is_refused_from_the_twentieth_person_on(journey: Journey) -> None:
    text = "Our branch on the corniche is closed on Friday, dear customer."
    errors = []
    for number in range(21):
        journey.wrote(phone(number))
        event = walk(journey.site.accept(to=phone(number), message_text=text).event_id)
        errors.append(event.error)
        clock.turn(20)
    assert errors == [None] * 19 + ["policy_violation"] * 2


def test_messages_carry_ids_and_nothing_else(journey: Journey, broker: Broker) -> None:
    event = journey.site.event()
    resume(event.id, State.RECEIVED)
    assert broker.get_declared_queues() >= {"outbound", "inbound"}
    assert outbound.validate.message(event.id).args == (event.id,)
    assert Event.select().count() == 1
