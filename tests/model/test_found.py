"""What the model found in the gateway, told as stories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import clock
from core.words import State
from models import provisioning
from tests.factories import change, loaded
from tests.journey import attempts, step, walk
from workers import conclusion, sending, upkeep
from workers.providers import ProviderError, Receipt

if TYPE_CHECKING:
    from models.event import Event
    from tests.journey import Journey

LEASE_MS = 25_000


def begin_anew(event: Event) -> Event:
    """A person says so, whatever may have become of it."""
    provisioning.requeue([event.id], even_if_uncertain=True, due_at_once=False)
    return loaded(event.id)


def test_a_message_that_begins_anew_again_is_valid_no_longer_than_the_first_time(
    journey: Journey,
) -> None:
    clock.freeze()
    event = journey.site.event()
    validity_ms = event.expires_at_ms - event.received_at_ms
    for _ in range(3):
        clock.turn(validity_ms)
        walk(event.id)
        event = begin_anew(event)
        assert event.expires_at_ms == clock.now_ms() + validity_ms


@pytest.mark.parametrize(
    "answer",
    [Receipt("wamid.late"), ProviderError("passing"), ProviderError("for good", permanent=True)],
    ids=["sent", "passing", "permanent"],
)
def test_an_answer_to_an_earlier_try_says_nothing_of_one_that_began_anew(
    journey: Journey, answer: Receipt | ProviderError
) -> None:
    clock.freeze()
    event = walk(journey.site.accept().event_id, to=State.READY)
    slow = sending.settle(event)
    assert slow is not None
    clock.turn(LEASE_MS)
    upkeep.sweep()
    begin_anew(event)
    journey.faults({"reset": "after"})
    assert walk(event.id).state == State.UNCERTAIN
    conclusion.conclude(event, slow, answer)
    change(loaded(event.id), due_at_ms=clock.now_ms())
    walk(event.id)
    assert loaded(event.id).state == State.UNCERTAIN
    assert len(journey.received()) == 1


def test_the_end_of_the_validity_is_no_reason_to_ask_again_early(journey: Journey) -> None:
    clock.freeze()
    journey.faults({"error": 131016, "retry_after": 5})
    event = journey.site.event()
    clock.freeze(event.expires_at_ms - 1)
    walk(event.id)
    step(event.id)
    assert attempts(event) == ["failed"]
    clock.turn(1)
    assert step(event.id).error == "gateway_send_failed"
