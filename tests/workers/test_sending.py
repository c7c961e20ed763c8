"""A message is handed to WhatsApp once, and what comes of it is written down."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from core import clock
from core.words import State
from models import provisioning
from models.customer import address_hash
from models.delivery import Delivery
from models.event import UNCERTAIN_HOLD_MS, Event
from models.instance import Instance
from models.suppression import Suppression
from tests.factories import CUSTOMER, NOON_MS, TEXT, change, loaded, phone
from tests.journey import attempts, deliveries, step, walk
from workers import conclusion, sending, upkeep
from workers.providers import ProviderError, Receipt

if TYPE_CHECKING:
    from tests.journey import Journey


def taken(journey: Journey, **payload: Any) -> tuple[Event, sending.Ticket]:
    """An event that has moved to `sending`, with its ticket."""
    event = walk(journey.site.accept(**payload).event_id, to=State.READY)
    ticket = sending.settle(event)
    assert ticket is not None
    return event, ticket


def sweep_later(by_ms: int) -> None:
    """Let time go by, and the sweep do what is due then."""
    clock.turn(by_ms)
    upkeep.sweep()


def test_a_message_that_whatsapp_took_is_sent_and_counted(journey: Journey) -> None:
    event = journey.send()
    assert (event.state, event.error, event.lease_until_ms) == ("sent", None, None)
    assert journey.received() == [TEXT]
    assert (deliveries(event), attempts(event)) == (["accepted"], ["sent"])
    assert journey.used() == (1, 1)


def test_whatsapp_gets_the_number_with_its_plus_and_our_correlation(journey: Journey) -> None:
    event = journey.send(to="0500000001")
    (entry,) = journey.taken()
    assert entry["to"] == CUSTOMER
    assert entry["biz_opaque_callback_data"] == f"{event.id}:0"


def test_another_address_in_the_answer_is_the_same_person_from_then_on(journey: Journey) -> None:
    event, ticket = taken(journey)
    receipt = Receipt("wamid.1", wa_id="+966500000099", user_id="SA.1349")
    conclusion.conclude(event, ticket, receipt)
    for address in ("+966500000099", "SA.1349"):
        assert journey.site.window(address) == journey.site.window(CUSTOMER)


@pytest.mark.parametrize("code", [131026, 131049, 131050, 100, 131051, 132001])
def test_what_whatsapp_refuses_for_good_is_refused_and_given_back(
    journey: Journey, code: int
) -> None:
    journey.faults({"error": code})
    event = journey.send()
    assert (event.state, event.error) == ("refused", "gateway_send_failed")
    assert f"({code})" in (event.reason or "")
    assert not event.dead
    assert (deliveries(event), attempts(event)) == (["failed"], ["failed"])
    assert journey.used() == (0, 0)


def test_a_passing_failure_is_tried_again_until_it_goes(journey: Journey) -> None:
    clock.freeze()
    journey.faults({"error": 131016, "times": 3})
    event = journey.send()
    for tries in range(3):
        assert (event.state, event.waiting_for) == ("ready", "provider")
        assert event.due_at_ms <= clock.now_ms() + (1_000 << tries)
        assert journey.used() == (0, 0)
        clock.freeze(event.due_at_ms)
        event = walk(event.id)
    assert event.state == State.SENT
    assert attempts(event) == ["failed", "failed", "failed", "sent"]
    assert journey.received() == [TEXT]
    assert journey.used() == (1, 1)


def test_a_message_that_waits_for_the_provider_is_not_tried_early(journey: Journey) -> None:
    clock.freeze()
    journey.faults({"error": 131016, "retry_after": 1})
    event = journey.send()
    clock.turn(900)
    step(event.id)
    assert attempts(event) == ["failed"]
    clock.turn(100)
    assert walk(event.id).state == State.SENT


@pytest.mark.parametrize("wait_s", [1, 5])
def test_a_wait_is_over_for_the_sweep_too(journey: Journey, wait_s: int) -> None:
    clock.freeze()
    journey.faults({"error": 131016, "retry_after": wait_s})
    event = journey.send()
    assert event.seated is (wait_s < 2)
    sweep_later(wait_s * 1_000)
    assert walk(event.id).state == State.SENT


@pytest.mark.parametrize("ahead_ms", [1_500, 5_000])
def test_a_slot_that_has_come_is_used_when_the_sweep_wakes_it(
    journey: Journey, ahead_ms: int
) -> None:
    clock.freeze()
    event = walk(journey.site.accept().event_id, to=State.READY)
    change(event, slot_at_ms=clock.now_ms() + ahead_ms)
    assert step(event.id).waiting_for == "slot"
    sweep_later(ahead_ms)
    assert walk(event.id).state == State.SENT


def test_an_unknown_failure_is_tried_three_times_and_then_refused(journey: Journey) -> None:
    clock.freeze()
    journey.faults({"error": 999_999, "times": None})
    event = journey.send()
    while not event.finished:
        clock.freeze(event.due_at_ms)
        event = walk(event.id)
    assert event.error == "gateway_send_failed"
    assert attempts(event) == ["failed"] * 3


def test_an_unreachable_whatsapp_is_tried_again(journey: Journey) -> None:
    clock.freeze()
    provisioning.change_instance(journey.site.instance_id, {"base_url": "http://127.0.0.1:9"})
    event = journey.send()
    assert (event.state, event.waiting_for) == ("ready", "provider")
    assert journey.used() == (0, 0)


def test_a_number_told_to_slow_down_holds_all_its_messages_that_long(journey: Journey) -> None:
    clock.freeze()
    journey.wrote(phone(2))
    journey.faults({"error": 130429, "retry_after": 7})
    slowed, other = journey.send(), journey.send(to=phone(2))
    assert (slowed.waiting_for, other.waiting_for) == ("provider", "slot")
    assert slowed.due_at_ms == clock.now_ms() + 7_000
    assert other.slot_at_ms is not None
    assert other.slot_at_ms >= clock.now_ms() + 7_000
    assert journey.received() == []
    clock.turn(7_100)
    assert [walk(event.id).state for event in (slowed, other)] == ["sent", "sent"]


def test_a_slot_taken_before_the_word_to_slow_down_waits_too(journey: Journey) -> None:
    clock.freeze()
    journey.wrote(phone(2))
    early = walk(journey.site.accept(to=phone(2)).event_id, to=State.READY)
    clock.turn(20)
    journey.faults({"error": 130429, "retry_after": 7})
    journey.send()
    assert walk(early.id).waiting_for == "slot"
    assert loaded(early.id).due_at_ms == clock.now_ms() + 7_000


def test_a_pair_told_to_slow_down_holds_nobody_else(journey: Journey) -> None:
    clock.freeze()
    journey.wrote(phone(2))
    journey.faults({"error": 131056})
    slowed = journey.send()
    assert slowed.due_at_ms == clock.now_ms() + 1_000
    clock.turn(20)
    assert journey.send(to=phone(2)).state == State.SENT


def test_an_error_for_a_person_pauses_the_number_and_its_messages_wait_in_order(
    journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    clock.freeze()
    journey.wrote(phone(2))
    journey.faults({"error": 190, "times": 1})
    with caplog.at_level(logging.ERROR):
        first = journey.send(message_text="one")
    others = [journey.send(message_text="two"), journey.send(to=phone(2), message_text="three")]
    assert "is paused" in caplog.text
    assert "token" in (journey.site.instance.pause_reason or "")
    assert (first.state, first.waiting_for) == ("ready", "pause")
    assert journey.received() == []
    assert journey.used() == (0, 0)
    clock.turn(120_000)
    for event in (others[0], first, others[1]):
        walk(event.id)
    assert journey.received() == []
    journey.site.resume(Instance)
    clock.turn(100)
    for event in (others[1], others[0], first, others[0]):
        walk(event.id)
        clock.turn(100)
    assert journey.received() == ["three", "one", "two"]


def test_a_pause_that_stands_keeps_its_first_reason(journey: Journey) -> None:
    conclusion.pause_instance(journey.site.instance_id, "the first")
    conclusion.pause_instance(journey.site.instance_id, "the second")
    assert journey.site.instance.pause_reason == "the first"


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        ({"reset": "before"}, 0),
        ({"reset": "after"}, 1),
        ({"garbage": True}, 0),
        ({"garbage": True, "accept": True}, 1),
        ({"status": 500}, 0),
        ({"status": 502, "accept": True}, 1),
    ],
)
def test_what_may_have_gone_rests_uncertain_and_is_never_sent_again(
    journey: Journey, fault: dict[str, Any], arrived: int
) -> None:
    clock.freeze()
    journey.faults(fault)
    event = journey.send()
    assert (event.state, event.reason) == ("uncertain", "maybe_sent")
    assert attempts(event) == ["uncertain"]
    assert journey.used() == (1, 1)
    for _ in range(3):
        sweep_later(40_000)
        walk(event.id)
    assert loaded(event.id).state == State.UNCERTAIN
    assert len(journey.received()) == arrived


def test_a_person_whom_the_business_blocked_is_suppressed(journey: Journey) -> None:
    journey.faults({"error": 130403})
    event = journey.send()
    assert event.error == "recipient_suppressed"
    hashed = address_hash(journey.site.account_id, CUSTOMER)
    assert Suppression.of(journey.site.account_id, hashed) == "block"
    assert journey.send().error == "recipient_suppressed"
    assert journey.used() == (0, 0)


def test_a_window_that_whatsapp_knows_shut_is_shut_for_us_too(journey: Journey) -> None:
    journey.faults({"error": 131047})
    assert journey.send().error == "conversation_window_closed"
    assert journey.site.window() is None
    assert journey.send().error == "conversation_window_closed"
    assert journey.used() == (0, 0)
    journey.wrote()
    assert journey.send().state == State.SENT


def test_a_process_that_stood_still_after_settling_writes_nothing(journey: Journey) -> None:
    clock.freeze()
    event, ticket = taken(journey)
    clock.turn(10_001)
    conclusion.conclude(event, ticket, sending.transmit(ticket))
    assert journey.received() == []
    assert (loaded(event.id).state, attempts(event)) == ("ready", ["failed"])
    assert journey.used() == (0, 0)
    clock.turn(60_000)
    assert walk(event.id).state == State.SENT


def test_a_process_that_stood_within_the_lease_still_sends(journey: Journey) -> None:
    clock.freeze()
    event, ticket = taken(journey)
    clock.turn(10_000)
    conclusion.conclude(event, ticket, sending.transmit(ticket))
    assert loaded(event.id).state == State.SENT


def test_a_send_of_which_nobody_heard_rests_uncertain_when_its_lease_ends(
    journey: Journey,
) -> None:
    clock.freeze()
    event, _ = taken(journey)
    sweep_later(24_999)
    assert loaded(event.id).state == State.SENDING
    sweep_later(1)
    row = loaded(event.id)
    assert (row.state, row.reason, row.finished_at_ms) == (
        "uncertain",
        "lease_lapsed",
        clock.now_ms(),
    )


def test_the_end_of_a_lease_wakes_the_next_of_the_conversation(journey: Journey) -> None:
    clock.freeze()
    taken(journey)
    second = journey.send(message_text="next")
    assert second.waiting_for == "turn"
    change(second, due_at_ms=clock.now_ms() + 60_000)
    sweep_later(25_000)
    assert loaded(second.id).seated
    second = walk(second.id)
    assert second.waiting_for == "turn"
    assert second.due_at_ms == clock.now_ms() + UNCERTAIN_HOLD_MS
    sweep_later(UNCERTAIN_HOLD_MS)
    assert walk(second.id).state == State.SENT


@pytest.mark.parametrize(
    ("answer", "state", "used"),
    [
        (Receipt("wamid.late"), "sent", 1),
        (ProviderError("passing"), "ready", 0),
        (ProviderError("for good", permanent=True), "refused", 0),
        (ProviderError("unclear", maybe_sent=True), "uncertain", 1),
    ],
    ids=["sent", "passing", "permanent", "unclear"],
)
def test_an_answer_after_the_lease_still_settles(
    journey: Journey, answer: Receipt | ProviderError, state: str, used: int
) -> None:
    clock.freeze()
    event, ticket = taken(journey)
    sweep_later(25_000)
    assert loaded(event.id).state == State.UNCERTAIN
    conclusion.conclude(event, ticket, answer)
    row = loaded(event.id)
    assert row.state == event.state == state
    assert row.finished == (state != "ready")
    assert journey.used() == (used, used)


@pytest.mark.parametrize(
    "answer",
    [
        Receipt("wamid.late"),
        ProviderError("passing"),
        ProviderError("for good", permanent=True),
        ProviderError("unclear", maybe_sent=True),
    ],
    ids=["sent", "passing", "permanent", "unclear"],
)
def test_an_answer_that_comes_very_late_leaves_the_next_part_alone(
    journey: Journey, answer: Receipt | ProviderError
) -> None:
    clock.freeze()
    journey.faults({"reset": "after"})
    late, old_ticket = taken(journey, message_text=LONG)
    sending.transmit(old_ticket)
    sweep_later(25_000)
    journey.status_of(late, "sent")
    event = walk(late.id, to=State.READY)
    ticket = sending.settle(event)
    assert ticket is not None
    conclusion.conclude(late, old_ticket, answer)
    assert (loaded(event.id).state, loaded(event.id).part) == ("sending", 1)
    assert journey.used() == (2, 2)
    conclusion.conclude(event, ticket, sending.transmit(ticket))
    until_sent(event)
    assert len(journey.received()) == 3


@pytest.mark.parametrize("lapsed", [False, True], ids=["unclear answer", "lease ended"])
def test_a_status_that_came_before_the_doubt_settles_it(journey: Journey, *, lapsed: bool) -> None:
    clock.freeze()
    journey.faults({"reset": "after"})
    event, ticket = taken(journey)
    answer = sending.transmit(ticket)
    journey.status_of(event, "delivered")
    if lapsed:
        sweep_later(25_000)
    else:
        conclusion.conclude(event, ticket, answer)
    assert (loaded(event.id).state, loaded(event.id).reason) == ("sent", None)
    assert deliveries(event) == ["delivered"]


def test_a_failure_that_was_told_before_the_doubt_settles_it(journey: Journey) -> None:
    journey.faults({"reset": "after"})
    event, ticket = taken(journey)
    answer = sending.transmit(ticket)
    journey.status_of(event, "failed", fails=131026)
    conclusion.conclude(event, ticket, answer)
    assert (loaded(event.id).state, loaded(event.id).error) == ("refused", "gateway_send_failed")
    assert journey.used() == (0, 0)


def test_a_status_faster_than_the_answer_is_not_taken_back(journey: Journey) -> None:
    event, ticket = taken(journey)
    answer = sending.transmit(ticket)
    journey.status_of(event, "delivered")
    conclusion.conclude(event, ticket, answer)
    assert loaded(event.id).state == State.SENT
    assert deliveries(event) == ["delivered"]


LONG = "one " * 1_024 + "two " * 1_024 + "three"


def test_a_long_text_goes_out_as_parts_in_order(journey: Journey) -> None:
    clock.freeze()
    event = journey.send(message_text=LONG)
    while event.state == State.READY:
        clock.freeze(event.due_at_ms)
        event = walk(event.id)
    assert event.state == State.SENT
    assert journey.received() == ["one " * 1_024, "two " * 1_024, "three"]
    assert deliveries(event) == ["accepted"] * 3
    assert journey.used() == (3, 3)
    callbacks = [each["biz_opaque_callback_data"] for each in journey.taken()]
    assert callbacks == [f"{event.id}:{part}" for part in range(3)]


def test_an_uncertain_part_stops_the_rest_until_a_status_settles_it(journey: Journey) -> None:
    journey.faults({"reset": "after"})
    event = journey.send(message_text=LONG)
    assert (event.state, event.part) == ("uncertain", 0)
    assert len(journey.received()) == 1
    journey.status_of(event, "sent")
    row = loaded(event.id)
    assert (row.state, row.part, row.finished_at_ms, row.seated) == ("allowed", 1, None, True)
    until_sent(event)
    assert journey.received() == ["one " * 1_024, "two " * 1_024, "three"]
    assert deliveries(event) == ["sent", "accepted", "accepted"]


def until_sent(event: Event) -> None:
    """Walk, and wait for slots."""
    while walk(event.id).state != State.SENT:
        clock.turn(50)


def test_a_limit_in_the_middle_of_a_text_stops_it_there(journey: Journey) -> None:
    journey.site.set_account(daily_limit=2)
    event = journey.send(message_text=LONG)
    while not event.finished:
        clock.turn(50)
        event = walk(event.id)
    assert (event.state, event.error, event.part) == (
        "refused",
        "daily_message_limit_exceeded",
        2,
    )
    assert len(journey.received()) == 2
    assert journey.used() == (2, 2)


def test_a_settled_part_of_an_event_that_went_on_changes_nothing(journey: Journey) -> None:
    event = journey.send(message_text=LONG)
    until_sent(event)
    journey.status_of(event, "failed", part=0, fails=131026)
    assert loaded(event.id).state == State.SENT
    assert deliveries(event) == ["failed", "accepted", "accepted"]


def test_a_revived_message_gets_a_delivery_of_its_own(journey: Journey) -> None:
    journey.faults({"error": 131026})
    event = journey.send()
    assert deliveries(event) == ["failed"]
    assert loaded(event.id).revive()
    assert walk(event.id).state == State.SENT
    assert deliveries(event) == ["accepted"]


def test_a_message_id_is_kept_to_find_the_message_by(journey: Journey) -> None:
    event = journey.send()
    (entry,) = journey.taken()
    (delivery,) = Delivery.select().where(Delivery.event_id == event.id)
    assert delivery.message_id == entry["message_id"]


def test_messages_to_one_person_go_out_in_the_order_of_acceptance(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.wrote()
    events = [journey.site.event(message_text=f"message {number}") for number in range(5)]
    for _ in events:
        for event in reversed(events):
            walk(event.id)
        clock.turn(50)
    for event in events:
        change(event, rescues=0)
        walk(event.id)
    assert journey.received() == [f"message {number}" for number in range(5)]
