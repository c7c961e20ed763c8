"""What could not be sent within its validity ends, and never goes out stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import clock
from core.words import State
from tests.factories import NOON_MS, loaded
from tests.journey import attempts, step, walk
from workers import upkeep

if TYPE_CHECKING:
    from tests.journey import Journey

VALIDITY_MS = 900_000


@pytest.mark.parametrize("state", [State.VALID, State.ALLOWED, State.READY])
@pytest.mark.parametrize(
    ("waiting_for", "code"),
    [
        ("slot", "sending_throttled"),
        ("pause", "sending_throttled"),
        ("limit", "sending_throttled"),
        ("turn", "sending_throttled"),
        ("seat", "sending_throttled"),
        ("provider", "gateway_send_failed"),
        (None, "gateway_send_failed"),
    ],
)
def test_the_reason_to_wait_is_the_reason_to_end(
    journey: Journey, state: State, waiting_for: str | None, code: str
) -> None:
    clock.freeze()
    event = journey.site.event_in(state, columns={"waiting_for": waiting_for})
    clock.freeze(event.expires_at_ms)
    ended = step(event.id)
    assert (ended.state, ended.error) == ("refused", code)
    assert journey.received() == []


def test_a_message_goes_in_the_last_millisecond_of_its_validity(journey: Journey) -> None:
    clock.freeze()
    event = journey.site.event()
    clock.freeze(event.expires_at_ms - 1)
    assert walk(event.id).state == State.SENT


def test_the_validity_is_the_integrations(journey: Journey) -> None:
    clock.freeze()
    journey.site.set_integration(validity_s=60)
    event = journey.site.event()
    assert event.expires_at_ms == clock.now_ms() + 60_000


def test_a_slot_beyond_the_validity_is_refused_at_once(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.wrote()
    journey.site.set_integration(validity_s=5)
    events = [journey.site.event(message_text=str(number)) for number in range(46)]
    for event in events:
        while walk(event.id).state == State.READY:
            clock.turn(13)
    states = [loaded(event.id).state for event in events]
    assert states == ["sent"] * 45 + ["refused"]
    assert loaded(events[-1].id).error == "sending_throttled"
    clock.freeze(NOON_MS + 6_000)
    assert journey.send().state == State.SENT


def test_what_a_pause_outlasts_ends_throttled(journey: Journey) -> None:
    clock.freeze()
    journey.site.pause()
    event = journey.send()
    clock.turn(VALIDITY_MS)
    upkeep.sweep()
    assert walk(event.id).error == "sending_throttled"


def test_what_whatsapp_never_took_ends_failed(journey: Journey) -> None:
    clock.freeze()
    journey.faults({"error": 131016, "times": None})
    event = journey.send()
    while not event.finished:
        clock.freeze(event.due_at_ms)
        event = walk(event.id)
    assert event.error == "gateway_send_failed"
    assert clock.now_ms() == event.expires_at_ms
    assert len(attempts(event)) > 10
    assert journey.used() == (0, 0)


def test_what_waited_for_its_turn_too_long_ends_throttled(journey: Journey) -> None:
    clock.freeze()
    journey.site.set_integration(validity_s=7_200)
    first = journey.site.event()
    journey.site.set_integration(validity_s=900)
    second = journey.send()
    assert second.waiting_for == "turn"
    clock.turn(VALIDITY_MS)
    assert walk(second.id).error == "sending_throttled"
    assert not loaded(first.id).finished
