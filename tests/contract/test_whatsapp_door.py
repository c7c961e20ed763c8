"""Meta's webhook as Meta calls it: what is kept, what is refused, and what comes of it."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from core import clock
from tests.wire import ask

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer, Headers

ENOUGH = 3 * 1024 * 1024
HOUR_S = 60 * 60
NOBODY = "ins_00000000000000000000000000"
SUBSCRIBE = {"hub.mode": "subscribe", "hub.verify_token": "test-key", "hub.challenge": "1158201444"}
VECTOR_SECRET, VECTOR_BODY = "test-app-secret", b'{"object":"whatsapp_business_account"}'
VECTOR = "b6978b21c4467654c466607663db9b43fae44b71083568df403e0a077089208e"

_serial = itertools.count(1)


def somebody() -> str:
    """A customer who has never written to anybody, in E.164."""
    return f"+96659{next(_serial):07}"


def message(
    customer: str, text: str = "Where is it?", *, id_: str | None = None, ago_s: int = 0
) -> dict[str, Any]:
    return {
        "from": customer.lstrip("+"),
        "id": id_ or f"wamid.door-{customer}-{next(_serial)}",
        "timestamp": str(clock.now_ms() // 1000 - ago_s),
        "type": "text",
        "text": {"body": text},
    }


def status(message_id: str, said: str, **more: Any) -> dict[str, Any]:
    timestamp = str(clock.now_ms() // 1000)
    return {"id": message_id, "status": said, "timestamp": timestamp, **more}


def value(pbx: Pbx, **parts: Any) -> dict[str, Any]:
    return {"metadata": {"phone_number_id": pbx.phone_number_id}, **parts}


def change(pbx: Pbx, **parts: Any) -> dict[str, Any]:
    return {"field": "messages", "value": value(pbx, **parts)}


def notification(*changes: object, **more: Any) -> bytes:
    entry = [{"id": "1", "changes": list(changes)}]
    whole = {"object": "whatsapp_business_account", "entry": entry, **more}
    return json.dumps(whole, separators=(",", ":")).encode()


def signature(body: bytes, key: str = "test-key") -> str:
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def door_of(pbx: Pbx) -> str:
    return f"/webhooks/whatsapp/{pbx.instance_id}"


def knock(
    pbx: Pbx, body: bytes, headers: Headers | None = None, *, path: str | None = None
) -> Answer:
    """Post as Meta does, well signed unless other headers are given."""
    sent = [("X-Hub-Signature-256", signature(body))] if headers is None else headers
    return ask(pbx.gateway.address, "POST", path or door_of(pbx), sent, body)


def told(pbx: Pbx, *messages: object, **more: Any) -> None:
    """Have Meta tell of these messages."""
    answer = knock(pbx, notification(change(pbx, messages=list(messages)), **more))
    assert (answer.status, answer.json()) == (200, {"success": True})


def can_be_written_to(pbx: Pbx, customer: str) -> None:
    """Whatever the gateway thinks of it, WhatsApp takes the customer's window for open."""
    phones = pbx.gateway.whatsapp.phones
    phones.opened_window(customer.lstrip("+"), pbx.phone_number_id, clock.now_ms())


def becomes(pbx: Pbx, customer: str) -> str:
    """What becomes of a reply to the customer: `sent`, or the error."""
    can_be_written_to(pbx, customer)
    said = pbx.outcome(pbx.reply(to=customer)).json()
    return str(said["error"] or said["state"])


def hears(pbx: Pbx, customer: str) -> None:
    """Wait until a reply to the customer is sent."""

    def is_sent() -> bool:
        if becomes(pbx, customer) == "sent":
            return True
        clock.sleep(0.2)  # 60 replies a minute are all that the door takes
        return False

    pbx.gateway.wait_until(is_sent)


def has_read_everything(pbx: Pbx) -> None:
    """Wait until what Meta told before has been taken in: what it tells last has its effect."""
    last = somebody()
    can_be_written_to(pbx, last)
    told(pbx, message(last, "STOP"))
    pbx.gateway.wait_until(lambda: last in [each["to"] for each in pbx.received()])


def shake_hands(gateway: Gateway, pbx: Pbx, instance_id: str = "", **changes: str | None) -> Answer:
    asked = {**SUBSCRIBE, **{f"hub.{name}": each for name, each in changes.items()}}
    query = "&".join(f"{name}={each}" for name, each in asked.items() if each is not None)
    path = f"/webhooks/whatsapp/{instance_id or pbx.instance_id}?{query}"
    return ask(gateway.address, "GET", path)


def test_the_handshake_is_answered_with_its_challenge_as_text(gateway: Gateway, pbx: Pbx) -> None:
    answer = shake_hands(gateway, pbx)
    assert (answer.status, answer.body) == (200, b"1158201444")
    assert (answer.header("Content-Type") or "").split(";")[0] == "text/plain"


def test_every_other_handshake_gets_the_same_bytes(gateway: Gateway, pbx: Pbx) -> None:
    answers = [
        shake_hands(gateway, pbx, verify_token="wrong"),
        shake_hands(gateway, pbx, verify_token=None),
        shake_hands(gateway, pbx, verify_token=""),
        shake_hands(gateway, pbx, verify_token="%FF%00"),
        shake_hands(gateway, pbx, mode="unsubscribe"),
        shake_hands(gateway, pbx, mode=None),
        shake_hands(gateway, pbx, NOBODY),
        shake_hands(gateway, pbx, NOBODY, verify_token=""),
        shake_hands(gateway, pbx, "x"),
        ask(gateway.address, "GET", door_of(pbx)),
    ]
    assert answers[0].refusal == (403, "invalid_whatsapp_webhook")
    assert b"1158201444" not in answers[0].body
    assert {each.timeless for each in answers} == {answers[0].timeless}


@pytest.mark.parametrize(
    "form",
    [None, "", "sha256=", "sha256=0", "{}", "sha1={}", "sha256={}0", "sha256=\xff{}", "sha256={},"],
)
def test_what_meta_did_not_sign_is_refused_and_not_kept(pbx: Pbx, form: str | None) -> None:
    customer = somebody()
    body = notification(change(pbx, messages=[message(customer)]))
    right = signature(body).removeprefix("sha256=")
    given = [] if form is None else [("X-Hub-Signature-256", form.format(right).encode("latin-1"))]
    refused = knock(pbx, body, given)
    assert refused.refusal == (403, "invalid_whatsapp_webhook")
    assert right.encode() not in refused.body
    has_read_everything(pbx)
    assert becomes(pbx, customer) == "conversation_window_closed"


def test_who_signs_wrongly_cannot_tell_which_instances_there_are(pbx: Pbx) -> None:
    body = notification(change(pbx, messages=[message(somebody())]))
    wrong = [("X-Hub-Signature-256", signature(body, "wrong"))]
    paths = [door_of(pbx), f"/webhooks/whatsapp/{NOBODY}", "/webhooks/whatsapp/x"]
    answers = [knock(pbx, body, wrong, path=each) for each in paths]
    # Rightly signed, too, with the secret of somebody else's.
    answers += [knock(pbx, body, path=each) for each in paths[1:]]
    assert answers[0].refusal == (403, "invalid_whatsapp_webhook")
    assert {each.timeless for each in answers} == {answers[0].timeless}


def test_a_changed_body_is_refused(pbx: Pbx) -> None:
    customer = somebody()
    body = notification(change(pbx, messages=[message(customer)]))
    signed = [("X-Hub-Signature-256", signature(body))]
    assert knock(pbx, body + b" ", signed).status == 403
    has_read_everything(pbx)
    assert becomes(pbx, customer) == "conversation_window_closed"


def test_the_documented_vector_is_taken(gateway: Gateway) -> None:
    pbx = gateway.pbx(instance={"app_secret": VECTOR_SECRET})
    answer = knock(pbx, VECTOR_BODY, [("X-Hub-Signature-256", f"sha256={VECTOR}")])
    assert (answer.status, answer.json()) == (200, {"success": True})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', b"1", b"hello", b'{"entry":', b"\xff\xfe", b"[" * 100_000]
)
def test_a_signed_body_that_is_no_object_is_no_json(pbx: Pbx, body: bytes) -> None:
    assert knock(pbx, body).refusal == (400, "invalid_json")


def padded(pbx: Pbx, customer: str, size: int) -> bytes:
    changes = change(pbx, messages=[message(customer)])
    return notification(changes, padding="x" * (size - len(notification(changes, padding=""))))


def test_three_megabytes_are_taken(pbx: Pbx) -> None:
    customer = somebody()
    assert len(body := padded(pbx, customer, ENOUGH)) == ENOUGH
    assert knock(pbx, body).status == 200
    hears(pbx, customer)


def test_more_than_three_megabytes_are_refused(pbx: Pbx) -> None:
    customer = somebody()
    body = padded(pbx, customer, ENOUGH + 1)
    assert knock(pbx, body).refusal == (413, "payload_too_large")
    pieces = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    signed = [("X-Hub-Signature-256", signature(body))]
    chunked = ask(pbx.gateway.address, "POST", door_of(pbx), signed, pieces)
    assert chunked.refusal == (413, "payload_too_large")
    has_read_everything(pbx)
    assert becomes(pbx, customer) == "conversation_window_closed"


def test_every_message_of_a_thousand_takes_effect(pbx: Pbx) -> None:
    customers = [somebody() for _ in range(1_000)]
    goers = set(customers[49::50])
    for each in goers:
        can_be_written_to(pbx, each)
    told(pbx, *[message(each, "STOP" if each in goers else "Hello") for each in customers])
    pbx.gateway.wait_until(lambda: {each["to"] for each in pbx.received()} == goers, 90)
    for each in [customers[place] for place in (0, 98, 500, 998)]:
        hears(pbx, each)
    assert len(pbx.received()) == len(goers) + 4


def test_every_entry_and_change_counts(pbx: Pbx) -> None:
    customers = [somebody() for _ in range(4)]
    changes = [change(pbx, messages=[message(each)]) for each in customers]
    body = json.dumps({"entry": [{"changes": changes[:2]}, {"changes": changes[2:]}]}).encode()
    assert knock(pbx, body).status == 200
    for each in customers:
        hears(pbx, each)


def test_what_comes_five_times_takes_effect_once(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    body = notification(change(pbx, messages=[message(pbx.customer, "STOP")]))
    assert [each.status for each in crowd.map(lambda _: knock(pbx, body), range(5))] == [200] * 5
    pbx.gateway.wait_until(pbx.received)
    told(pbx, message(pbx.customer, "START"))
    hears(pbx, pbx.customer)
    # Days later Meta may tell it once more: it takes nothing back.
    assert knock(pbx, body).status == 200
    has_read_everything(pbx)
    assert becomes(pbx, pbx.customer) == "sent"
    texts = [each["text"] for each in pbx.received() if each["to"] == pbx.customer]
    assert len([each for each in texts if "Write START" in each]) == 1


@pytest.mark.parametrize("word", ["STOP", " stop. ", "إيقاف", "ARRÊT"])
def test_an_opt_out_is_confirmed_once_and_heeded_until_start(pbx: Pbx, word: str) -> None:
    told(pbx, message(pbx.customer, word))
    pbx.gateway.wait_until(pbx.received)
    refused = pbx.outcome()
    assert refused.refusal == (403, "recipient_suppressed")
    told(pbx, message(pbx.customer, word))
    has_read_everything(pbx)
    assert becomes(pbx, pbx.customer) == "recipient_suppressed"
    assert len([each for each in pbx.received() if each["to"] == pbx.customer]) == 1
    told(pbx, message(pbx.customer, "START"))
    hears(pbx, pbx.customer)


def test_an_item_goes_to_the_instance_that_its_number_is(gateway: Gateway, pbx: Pbx) -> None:
    other, customer = gateway.pbx(), somebody()
    body = notification(change(other, messages=[message(customer)]))
    assert knock(pbx, body).status == 200
    hears(other, customer)
    assert becomes(pbx, customer) == "conversation_window_closed"


def test_an_item_for_a_number_behind_another_secret_is_left(gateway: Gateway, pbx: Pbx) -> None:
    other, ours, theirs = gateway.pbx(instance={"app_secret": "other"}), somebody(), somebody()
    changes = [change(each, messages=[message(to)]) for each, to in ((other, theirs), (pbx, ours))]
    assert knock(pbx, notification(*changes)).status == 200
    hears(pbx, ours)
    assert becomes(other, theirs) == "conversation_window_closed"
    assert becomes(pbx, theirs) == "conversation_window_closed"


def test_an_item_for_a_number_of_nobody_is_left(pbx: Pbx) -> None:
    ours, lost = somebody(), somebody()
    nobody = change(pbx, messages=[message(lost)])
    nobody["value"]["metadata"]["phone_number_id"] = "1"
    body = notification(nobody, change(pbx, messages=[message(ours)]))
    assert knock(pbx, body).status == 200
    hears(pbx, ours)
    assert becomes(pbx, lost) == "conversation_window_closed"


GARBAGE: list[Any] = [
    None, 5, "x", [], {}, [[]], {"id": None}, {"id": {}, "from": [], "type": 7}, {"id": "x\u0000"},
    {"id": "wamid.a", "type": "text", "text": "not an object"},
    {"id": "wamid.b", "from": "me", "timestamp": "soon", "type": "text", "text": {"body": 5}},
    {"id": "wamid.c", "from": "966500000001", "timestamp": "9" * 400, "type": "\ud800"},
    {"id": "w" * 100_000, "from": "0" * 10_000, "timestamp": -1, "type": "interactive"},
]  # fmt: skip


def test_garbage_costs_its_neighbours_nothing(pbx: Pbx) -> None:
    first, *between, last = [somebody() for _ in range(len(GARBAGE) + 1)]
    mixed: list[object] = [message(first)]
    for rubbish, customer in zip(GARBAGE, [*between, last], strict=True):
        mixed += [rubbish, message(customer)]
    deep = json.loads("[" * 300 + "]" * 300)
    strange = [None, 5, {}, {"field": 5, "value": []}, {"field": "messages", "value": deep}]
    rubbish_parts = change(pbx, messages={"a": 1}, statuses=GARBAGE, errors="x", contacts=GARBAGE)
    told_of = change(pbx, messages=mixed, contacts=GARBAGE)
    assert knock(pbx, notification(*strange, rubbish_parts, told_of)).status == 200
    for each in (last, first, *between):
        hears(pbx, each)


@pytest.mark.parametrize(
    ("ago_s", "then"),
    [(25 * HOUR_S, "conversation_window_closed"), (23 * HOUR_S, "sent"), (-HOUR_S, "sent")],
)
def test_a_messages_own_time_decides_about_the_window(pbx: Pbx, ago_s: int, then: str) -> None:
    customer = somebody()
    told(pbx, message(customer, ago_s=ago_s))
    has_read_everything(pbx)
    pbx.gateway.wait_until(lambda: becomes(pbx, customer) == then)


def test_an_older_message_that_comes_later_closes_nothing(pbx: Pbx) -> None:
    told(pbx, message(pbx.customer, ago_s=48 * HOUR_S))
    has_read_everything(pbx)
    assert becomes(pbx, pbx.customer) == "sent"


def delivery_of_one(pbx: Pbx) -> tuple[str, str]:
    """Sends a reply of which WhatsApp tells nothing by itself; gives its id and WhatsApp's."""
    pbx.gateway.whatsapp.faults.set([{"silent": True, "customer": pbx.customer}])
    event_id = pbx.outcome().json()["event_id"]
    return event_id, pbx.received()[0]["message_id"]


def test_the_delivery_only_ever_goes_forward(pbx: Pbx) -> None:
    event_id, message_id = delivery_of_one(pbx)
    for said, shown in [
        ("delivered", "delivered"), ("sent", "delivered"), ("read", "read"),
        ("delivered", "read"), ("failed", "read"), ("nonsense", "read"),
    ]:  # fmt: skip
        update = status(message_id, said, errors=[{"code": 131026}] if said == "failed" else [])
        assert knock(pbx, notification(change(pbx, statuses=[update]))).status == 200
        pbx.gateway.wait_until(lambda: pbx.status(event_id).json()["delivery"] == shown)  # noqa: B023
        has_read_everything(pbx)
        assert pbx.status(event_id).json()["delivery"] == shown, said
    assert pbx.status(event_id).json()["state"] == "sent"


def test_a_failed_message_is_shown_as_failed(pbx: Pbx) -> None:
    event_id, message_id = delivery_of_one(pbx)
    updates = [status(message_id, "failed", errors=[{"code": 131026}]), status(message_id, "sent")]
    assert knock(pbx, notification(change(pbx, statuses=updates))).status == 200
    pbx.gateway.wait_until(lambda: pbx.status(event_id).json()["delivery"] == "failed")
    has_read_everything(pbx)
    assert pbx.status(event_id).json()["delivery"] == "failed"


def test_a_status_of_another_instances_message_changes_nothing(gateway: Gateway, pbx: Pbx) -> None:
    event_id, message_id = delivery_of_one(pbx)
    other = gateway.pbx()
    assert knock(other, notification(change(other, statuses=[status(message_id, "read")])))
    has_read_everything(other)
    assert pbx.status(event_id).json()["delivery"] == "sent"
