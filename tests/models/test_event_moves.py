"""Every step of an event is a compare-and-set of its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import clock
from core.errors import ErrorCode
from core.words import EventType, State
from models.event import RESCUE_MS, Event, Waiting, rescue_after_ms
from tests.backends import together
from tests.factories import a_site, change, loaded

if TYPE_CHECKING:
    from tests.backends import Store


@pytest.mark.usefixtures("store")
def test_of_many_that_move_an_event_at_once_one_wins() -> None:
    event = a_site().event()
    moved = together(8, lambda _: loaded(event.id).move(State.RECEIVED, State.VALID))
    assert sorted(moved) == [False] * 7 + [True]
    assert loaded(event.id).state == State.VALID


@pytest.mark.parametrize(
    "step",
    [
        lambda event: event.move(State.RECEIVED, State.VALID),
        lambda event: event.defer(State.RECEIVED, 0, Waiting.TURN, keep_seat=False),
        lambda event: event.refuse(State.RECEIVED, ErrorCode.MISSING_PHONE),
        lambda event: event.record(State.RECEIVED),
        lambda event: event.sent(State.RECEIVED),
        lambda event: event.doubt(State.RECEIVED, "maybe_sent"),
        lambda event: event.give_up(State.RECEIVED),
    ],
)
@pytest.mark.usefixtures("store")
def test_who_comes_too_late_changes_nothing(step: object) -> None:
    event = a_site().event()
    change(event, state=State.ALLOWED.value)
    before = _row(event)
    assert callable(step)
    assert step(event) is False
    assert _row(event) == before
    assert event.state == State.RECEIVED


def _row(event: Event) -> dict[str, object]:
    return dict(loaded(event.id).__data__)


@pytest.mark.usefixtures("store")
def test_a_move_starts_the_next_step_with_a_clean_slate() -> None:
    clock.freeze()
    event = a_site().event()
    change(event, tries=3, rescues=2, waiting_for=Waiting.PAUSE.value)
    assert event.move(State.RECEIVED, State.VALID, slot_at_ms=7)
    row = loaded(event.id)
    assert (row.tries, row.rescues, row.waiting_for, row.slot_at_ms) == (0, 0, None, 7)
    assert row.due_at_ms == clock.now_ms() + RESCUE_MS
    assert (event.state, event.slot_at_ms) == (row.state, row.slot_at_ms)


@pytest.mark.usefixtures("store")
def test_nothing_waits_beyond_its_validity() -> None:
    event = a_site().event()
    assert event.defer(State.RECEIVED, event.expires_at_ms + 1, Waiting.PAUSE, keep_seat=True)
    assert loaded(event.id).due_at_ms == event.expires_at_ms


@pytest.mark.usefixtures("store")
def test_a_refusal_keeps_its_code_and_ends_the_event() -> None:
    clock.freeze()
    event = a_site().event()
    assert event.refuse(State.RECEIVED, ErrorCode.MISSING_PHONE, reason="because")
    row = loaded(event.id)
    assert (row.state, row.error, row.reason) == ("refused", "missing_phone", "because")
    assert row.finished_at_ms == clock.now_ms()
    assert not row.seated
    assert not row.dead


@pytest.mark.usefixtures("store")
def test_a_refused_test_event_is_recorded_with_the_refusal_as_its_reason() -> None:
    event = a_site().event(event_type=EventType.TEST.value)
    assert event.refuse(State.RECEIVED, ErrorCode.MISSING_PHONE)
    row = loaded(event.id)
    assert (row.state, row.error, row.reason) == ("recorded", None, "missing_phone")


@pytest.mark.usefixtures("store")
def test_what_is_given_up_is_marked_for_a_person() -> None:
    event = a_site().event()
    assert event.give_up(State.RECEIVED)
    row = loaded(event.id)
    assert (row.state, row.error, row.dead) == ("refused", "gateway_send_failed", True)


@pytest.mark.usefixtures("store")
def test_a_revived_event_begins_anew_with_its_whole_validity() -> None:
    event = a_site().event()
    change(event, tries=5, rescues=3)
    validity_ms = event.expires_at_ms - event.received_at_ms
    event.give_up(State.RECEIVED)
    clock.freeze(event.expires_at_ms + 1)
    assert loaded(event.id).revive()
    row = loaded(event.id)
    assert (row.state, row.error, row.dead, row.tries, row.rescues) == (
        "received",
        None,
        False,
        0,
        0,
    )
    assert row.finished_at_ms is None
    assert row.seated
    assert row.expires_at_ms == clock.now_ms() + validity_ms


@pytest.mark.usefixtures("store")
def test_of_two_that_revive_an_event_one_wins() -> None:
    event = a_site().event()
    event.refuse(State.RECEIVED, ErrorCode.MISSING_PHONE)
    refused = loaded(event.id)
    again = loaded(event.id)
    assert refused.revive()
    assert not again.revive()


def test_an_event_keeps_what_came_and_shows_none_of_it(store: Store) -> None:
    event = a_site().event(message_text="the code is 4711", queue="north")
    assert loaded(event.id).content["body"]["queue"] == "north"
    assert "4711" not in repr(loaded(event.id))
    assert b"4711" not in store.everything()


@pytest.mark.usefixtures("store")
def test_tries_are_counted_in_the_row_however_many_count() -> None:
    event = a_site().event()
    together(6, lambda _: loaded(event.id).count_try())
    assert loaded(event.id).tries == 6


def test_rescues_back_off() -> None:
    assert [rescue_after_ms(n) // 1000 for n in range(7)] == [10, 20, 40, 80, 160, 320, 320]
