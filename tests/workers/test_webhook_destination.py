"""A webhook of the customer's: signed by the contract's rule, one id for all tries, our words."""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from core import clock
from core.words import EventType
from models import provisioning
from models.destination import Destination, Kind, News
from models.event import Event
from models.forward import Forward
from tests.factories import CUSTOMER, TEXT, change
from tests.journey import walk
from workers import forwarding

if TYPE_CHECKING:
    from tests.journey import Journey
    from tests.trunk import Heard, Trunk

SECRET = "whsec-of-the-customers-own"
WINDOW_CLOSED, BLOCKED, UNDELIVERABLE = 131047, 130403, 131026


def listens(journey: Journey, trunk: Trunk, *events: News) -> Destination:
    """The webhook listens to these alone; the trunk's chat is gone."""
    provisioning.remove_destination(trunk.destination_id)
    return provisioning.set_destination(
        journey.site.integration_id, Kind.WEBHOOK, trunk.url, events=events, secret=SECRET
    )


def deliver() -> None:
    """Have everything delivered whose time has come."""
    for each in list(Forward.select(Forward.id).order_by(Forward.seq)):
        forwarding.deliver(each.id)


def heard(trunk: Trunk) -> list[dict[str, Any]]:
    """What the webhook got, in order."""
    deliver()
    return [each.body for each in trunk.taken]


def verify(heard: Heard, secret: str) -> bool:
    """Whether a request is signed as the contract says, written without our own code."""
    timestamp = heard.headers["X-WhatsApp-Gateway-Timestamp"]
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + heard.raw, sha256).hexdigest()
    return hmac.compare_digest(heard.headers["X-WhatsApp-Gateway-Signature"], f"sha256={signed}")


def test_a_message_is_told_in_our_words_and_signed(journey: Journey, trunk: Trunk) -> None:
    clock.freeze()
    destination = listens(journey, trunk, News.MESSAGE_RECEIVED)
    journey.customer_says("Hello?")
    (body,) = heard(trunk)
    (request,) = trunk.heard
    assert verify(request, SECRET)
    assert not verify(request, "another")
    assert abs(int(request.headers["X-WhatsApp-Gateway-Timestamp"]) - clock.now_ms() / 1000) <= 1
    assert request.headers["Content-Type"] == "application/json"
    (forward,) = Forward.select()
    conversation_id = body.pop("conversation_id")
    assert conversation_id.startswith("con_")
    sent_at, received_at = body.pop("sent_at"), body.pop("received_at")
    assert body == {
        "event": "message.received",
        "event_id": forward.id,
        "instance_id": journey.site.instance_id,
        "from": CUSTOMER,
        "user_id": None,
        "customer_name": "Sara",
        "text": "Hello?",
        "type": "text",
        "media": None,
        "did": None,
    }
    for moment in (sent_at, received_at):
        told_ms = datetime.fromisoformat(moment).timestamp() * 1000
        assert abs(told_ms - clock.now_ms()) < 2_000
    assert destination.secret == SECRET
    assert SECRET.encode() not in request.raw


def test_a_repeat_has_the_same_id_and_body_and_a_proof_of_its_own(
    journey: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    listens(journey, trunk, News.MESSAGE_RECEIVED)
    trunk.answers = [503, 500]
    journey.customer_says("Hello?")
    for _ in range(3):
        deliver()
        clock.turn(5_000)
        forwarding.sweep()
    assert [each.status for each in trunk.heard] == [503, 500, 200]
    assert len({each.id for each in trunk.heard}) == 1
    assert len({each.raw for each in trunk.heard}) == 1
    stamps = [each.headers["X-WhatsApp-Gateway-Timestamp"] for each in trunk.heard]
    assert len(set(stamps)) == 3, "an old proof would be stale by then"
    assert all(verify(each, SECRET) for each in trunk.heard)


def test_what_it_did_not_choose_is_left_out(journey: Journey, trunk: Trunk) -> None:
    listens(journey, trunk, News.RECIPIENT_OPTED_OUT)
    event = journey.send()
    journey.status_of(event, "delivered")
    journey.customer_says("Hello?")
    journey.site.set_integration(outbound=False)
    journey.send()
    assert heard(trunk) == []
    assert Forward.select().count() == 0


def test_opting_out_and_in_again_is_told_once_each(journey: Journey, trunk: Trunk) -> None:
    listens(journey, trunk, News.RECIPIENT_OPTED_OUT)
    for number, word in enumerate(["STOP", "STOP", "START", "START"]):
        at_s = clock.now_ms() // 1000 + number
        journey.customer_says(word, id=f"wamid.{number}", timestamp=str(at_s))
    told = heard(trunk)
    assert [(each["event"], each["opted_out"]) for each in told] == [
        ("recipient.opted_out", True),
        ("recipient.opted_out", False),
    ]
    assert {each["from"] for each in told} == {CUSTOMER}
    assert "text" not in told[0]


def test_statuses_are_told_as_far_as_they_lead(journey: Journey, trunk: Trunk) -> None:
    listens(journey, trunk, News.MESSAGE_STATUS_UPDATED)
    event = journey.send()
    for status in ("sent", "delivered", "sent", "read"):
        journey.status_of(event, status)
    told = heard(trunk)
    assert [each["status"] for each in told] == ["sent", "delivered", "read"]
    first = told[0]
    assert first.pop("event_id").startswith("fwd_")
    assert first.pop("sent_at") is not None
    assert first.pop("received_at") is not None
    assert first == {
        "event": "message.status_updated",
        "source_event_id": event.id,
        "event_type": "outbound_message",
        "instance_id": journey.site.instance_id,
        "from": CUSTOMER,
        "user_id": None,
        "part": 0,
        "status": "sent",
        "error": None,
        "did": None,
    }


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (WINDOW_CLOSED, "conversation_window_closed"),
        (BLOCKED, "recipient_suppressed"),
        (UNDELIVERABLE, "gateway_send_failed"),
        (999_999, "gateway_send_failed"),
    ],
)
def test_a_failed_status_has_the_code_that_we_publish(
    journey: Journey, trunk: Trunk, code: int, error: str
) -> None:
    listens(journey, trunk, News.MESSAGE_STATUS_UPDATED)
    journey.status_of(journey.send(), "failed", fails=code)
    (told,) = heard(trunk)
    assert (told["status"], told["error"]) == ("failed", error)


def test_a_reply_that_was_not_sent_is_told_with_its_code(journey: Journey, trunk: Trunk) -> None:
    listens(journey, trunk, News.REPLY_NOT_SENT)
    journey.site.set_integration(outbound=False)
    event = journey.send()
    (told,) = heard(trunk)
    assert told["event_id"] != event.id
    assert told["text"].startswith(f"⚠ Not delivered “{TEXT}”")
    wanted = {
        "event": "reply.not_sent",
        "source_event_id": event.id,
        "event_type": "outbound_message",
        "outcome": "refused",
        "error": "outbound_disabled",
        "reason": None,
        "from": CUSTOMER,
        "user_id": None,
        "type": "notice",
        "did": None,
    }
    assert {name: told[name] for name in wanted} == wanted


def test_an_automatic_message_is_told_to_everybody_of_the_number(
    journey: Journey, trunk: Trunk
) -> None:
    listens(journey, trunk, News.AUTOMATIC_MESSAGE_SENT)
    journey.customer_says("STOP")
    event = Event.get(Event.event_type == EventType.OPT_OUT_CONFIRMATION.value)
    walk(event.id)
    (told,) = heard(trunk)
    assert (told["event"], told["source_event_id"]) == ("message.automatic_sent", event.id)
    assert told["text"].startswith("↪ Sent automatically: You will get no more")


def test_who_has_no_number_is_told_by_their_user_id(journey: Journey, trunk: Trunk) -> None:
    listens(journey, trunk, News.REPLY_NOT_SENT)
    journey.site.set_integration(outbound=False)
    user_id = "SA.ENT.11815799212886844830"
    event = journey.site.event()
    change(event, payload=orjson.dumps(event.content | {"to": user_id}).decode())
    walk(event.id)
    (told,) = heard(trunk)
    assert (told["from"], told["user_id"]) == (None, user_id)


@pytest.mark.parametrize("status", [408, 425, 429])
def test_nothing_is_lost_to_whoever_asks_to_wait_and_does_not_say_how_long(
    journey: Journey, trunk: Trunk, status: int
) -> None:
    clock.freeze()
    listens(journey, trunk, News.MESSAGE_RECEIVED)
    trunk.answers = [status] * 10
    journey.customer_says("hello")
    for _ in range(11):
        deliver()
        clock.turn(600_000)
        forwarding.sweep()
    assert trunk.texts == ["hello"]
