"""An agent's reply marks the customer's message as read; what comes of that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.sandbox.chat import Direction, Message, Status, customer_key, new_wamid
from core import clock
from core.words import State
from models.event import Event
from tests.backends import until, working
from tests.factories import CUSTOMER
from tests.journey import attempts, walk
from workers import outbound, seen
from workers.providers import PROVIDERS

if TYPE_CHECKING:
    from dramatiq.broker import Broker

    from tests.backends import Store
    from tests.journey import Journey


class Asked:
    """The actor's messages, which no worker has taken."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def send(self, event_id: str) -> None:
        """Be asked once more."""
        self.ids.append(event_id)


@pytest.fixture
def asked(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Who was asked to mark something as read, at a site where it is on."""
    journey.site.set_integration(mark_read=True)
    asked = Asked()
    monkeypatch.setattr(seen.mark_read, "send", asked.send)
    return asked


def customer_writes(journey: Journey) -> Message:
    """The customer's message, on their phone and with us."""
    key, wamid = customer_key(CUSTOMER), new_wamid()
    assert key is not None
    number_id = journey.number.phone_number_id
    message = Message(
        wamid, number_id, key, Direction.IN, "text", "hello", clock.now_ms(), Status.POSTED
    )
    journey.sandbox.phones.add(message)
    clock.turn(1_000)  # Meta's timestamps are whole seconds
    journey.customer_says("hello", id=wamid)
    return message


def is_typing(journey: Journey) -> bool:
    """Whether the customer sees that somebody types."""
    key = customer_key(CUSTOMER)
    assert key is not None
    return journey.sandbox.phones.is_typing(key, journey.number.phone_number_id)


def test_a_reply_whose_turn_has_come_marks_the_message_as_read_and_shows_typing(
    journey: Journey, asked: Asked
) -> None:
    message = customer_writes(journey)
    event = walk(journey.site.accept().event_id, to=State.READY)
    assert asked.ids == [event.id]
    seen.mark_read(event.id)
    assert message.status == Status.READ
    assert is_typing(journey)
    assert walk(event.id).state == State.SENT
    assert not is_typing(journey)
    assert attempts(event) == ["sent"]
    assert journey.used() == (1, 1)


def test_one_message_of_the_customers_is_marked_once(journey: Journey, asked: Asked) -> None:
    first = customer_writes(journey)
    event, later = journey.send(), journey.send()
    seen.mark_read(event.id)
    first.status = Status.DELIVERED
    seen.mark_read(event.id)
    seen.mark_read(later.id)
    assert first.status == Status.DELIVERED
    second = customer_writes(journey)
    seen.mark_read(later.id)
    assert second.status == Status.READ
    assert len(asked.ids) == 2


def test_after_the_reply_has_gone_nobody_is_typing(journey: Journey, asked: Asked) -> None:
    message = customer_writes(journey)
    event = journey.send()
    assert asked.ids == [event.id]
    seen.mark_read(event.id)
    assert message.status == Status.READ
    assert not is_typing(journey)


@pytest.mark.parametrize(
    "quiet",
    [{"mark_read": False}, {"outbound": False}],
    ids=["switched off", "refused"],
)
def test_nothing_is_asked_for(journey: Journey, asked: Asked, quiet: dict[str, Any]) -> None:
    journey.site.set_integration(**quiet)
    message = customer_writes(journey)
    journey.send()
    journey.send(event_type="test")
    assert asked.ids == []
    assert message.status == Status.POSTED


def test_a_confirmation_of_an_opt_out_marks_nothing(journey: Journey, asked: Asked) -> None:
    journey.customer_says("STOP")
    for each in list(Event.select()):
        assert walk(each.id).state == State.SENT
    assert asked.ids == []


def test_what_whatsapp_says_to_it_is_nobodys_failure(
    journey: Journey, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    clock.turn(1_000)
    journey.customer_says("hello", id="wamid.that.it.never.heard.of")
    event = walk(journey.site.accept().event_id, to=State.READY)
    with caplog.at_level("INFO"):
        seen.mark_read(event.id)
    assert f"event {event.id}: not marked as read" in caplog.text
    assert "wamid" not in caplog.text
    assert asked.ids
    assert walk(event.id).state == State.SENT


def test_a_whatsapp_that_does_not_answer_holds_no_reply_up(
    store: Store, broker: Broker, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.site.set_integration(mark_read=True)
    message = customer_writes(journey)
    begun: list[float] = []
    send = type(PROVIDERS["cloud"]).mark_read

    def slow(*given: Any, **more: Any) -> None:
        begun.append(given[3])
        clock.sleep(0.5)
        send(*given, **more)

    monkeypatch.setattr(type(PROVIDERS["cloud"]), "mark_read", slow)
    with working(store.settings, broker):
        event_id = journey.site.accept().event_id
        outbound.begin(event_id)
        until(lambda: len(journey.received()) == 1)
        assert message.status == Status.POSTED, "the reply was not waiting for it"
        until(lambda: message.status == Status.READ)
    assert len(begun) == 1
    assert begun[0] - clock.monotonic() <= seen.DEADLINE_S
