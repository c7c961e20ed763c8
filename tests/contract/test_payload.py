"""How a payload is read: the customer's number, the text, the event type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.gateway import Gateway
    from tests.pbx import Pbx

REPLIES = ("outbound_message", "inbound_reply", "test")
CALLS = ("missed_call", "voicemail", "call_ended", "queue_callback", "after_hours")
REPLY_ORDER = ("to", "customer_phone", "phone", "caller", "from")
CALL_ORDER = ("customer_phone", "caller", "phone", "from", "to")
NUMBERS = {name: f"+96650000010{place}" for place, name in enumerate(REPLY_ORDER)}
OWN_NUMBER = "+966 11 000 0000"


ORDERS = [(kind, REPLY_ORDER) for kind in REPLIES] + [(kind, CALL_ORDER) for kind in CALLS]


@pytest.mark.parametrize(("kind", "order"), ORDERS)
def test_the_first_field_that_holds_a_number_is_the_customer_s(
    pbx: Pbx, kind: str, order: tuple[str, ...]
) -> None:
    rest = {"event_type": kind, "message_text": "hi", "message_purpose": "support"}
    for place in range(len(order)):
        usable = {name: NUMBERS[name] for name in order[place:]}
        assert pbx.post(rest | usable).status == 202
    assert [each["to"] for each in pbx.events()] == [NUMBERS[name] for name in order]


@pytest.mark.parametrize(
    "unusable", ["", " ", "[Number]", "Anonymous", "12", "+", None, [], {}, True, OWN_NUMBER]
)
@pytest.mark.parametrize(("kind", "order"), [(REPLIES[0], REPLY_ORDER), (CALLS[0], CALL_ORDER)])
def test_a_field_without_a_usable_number_is_passed_over(
    gateway: Gateway, kind: str, order: tuple[str, ...], unusable: object
) -> None:
    pbx = gateway.pbx(instance={"display_phone_number": OWN_NUMBER})
    payload = {"event_type": kind, order[0]: unusable, order[1]: "+966500000199"}
    assert pbx.post(payload).status == 202
    assert pbx.events()[0]["to"] == "+966500000199"


@pytest.mark.parametrize(
    ("region", "written", "read"),
    [
        ("SA", "+966501234567", "+966501234567"),
        ("SA", "00966501234567", "+966501234567"),
        ("SA", "0501234567", "+966501234567"),
        ("SA", "501234567", "+966501234567"),
        ("SA", "966501234567", "+966501234567"),
        ("SA", " +966 (50) 123-45.67 ", "+966501234567"),
        ("SA", "٠٥٠١٢٣٤٥٦٧", "+966501234567"),
        ("SA", "\u202a+966501234567\u202c", "+966501234567"),
        ("SA", 966501234567, "+966501234567"),
        ("DE", "030 901820", "+4930901820"),
        ("DE", "+966501234567", "+966501234567"),
        ("US", "(212) 555-0123", "+12125550123"),
        ("IT", "06 698 12345", "+390669812345"),
        ("BR", "(11) 96123-4567", "+5511961234567"),
        (None, "+966501234567", "+966501234567"),
        (None, "0501234567", None),
        ("SA", "+96650123456789012", None),
        ("SA", "+966 50 CALL", None),
    ],
)
def test_a_number_comes_as_people_store_it(
    gateway: Gateway, region: str | None, written: object, read: str | None
) -> None:
    pbx = gateway.pbx(default_region=region)
    assert pbx.post(pbx.reply(to=written)).status == 202
    assert pbx.events()[0]["to"] == read


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        ({"message_text": "one", "message": "two"}, "one"),
        ({"message": "two"}, "two"),
        ({"message_text": "", "message": "two"}, "two"),
        ({"message_text": " \n", "message": "two"}, "two"),
        ({"message_text": "[Text]", "message": "two"}, "two"),
        ({"message_text": None, "message": "two"}, "two"),
        ({"message_text": ["one"], "message": "two"}, "two"),
        ({"message_text": 0, "message": "two"}, "0"),
        ({"message_text": "see [Number] below"}, "see [Number] below"),
    ],
)
def test_message_text_comes_before_message(pbx: Pbx, texts: dict[str, Any], chosen: str) -> None:
    payload = pbx.reply(message_text=None) | texts
    assert pbx.outcome(payload).status == 200
    assert [each["text"] for each in pbx.received()] == [chosen]


@pytest.mark.parametrize("length", [4_096, 4_097, 10_000])
@pytest.mark.parametrize("letter", ["x", "ش", "🙂"])
def test_a_long_text_goes_out_in_parts_in_order(pbx: Pbx, length: int, letter: str) -> None:
    text = "".join(f"{place:07} " if place % 8 == 0 else "" for place in range(length))
    text = (text + letter * length)[:length]
    assert pbx.outcome(pbx.reply(message_text=text)).status == 200
    parts = [each["text"] for each in pbx.received()]
    assert len(parts) == -(-length // 4_096)
    assert all(len(each) <= 4_096 for each in parts)
    assert "".join(parts) == text


def test_each_part_is_a_message_of_the_limit(gateway: Gateway) -> None:
    pbx = gateway.pbx(account={"daily_limit": 2})
    refused = pbx.outcome(pbx.reply(message_text="x" * 10_000))
    assert refused.refusal == (429, "daily_message_limit_exceeded")
    assert refused.json()["details"]["limit"] == refused.json()["details"]["used"]
    assert len(pbx.received()) == 2


def test_the_limit_is_exact_to_the_last_part(gateway: Gateway) -> None:
    pbx = gateway.pbx(account={"daily_limit": 3})
    assert pbx.outcome(pbx.reply(message_text="x" * 10_000)).status == 200
    assert len(pbx.received()) == 3


@pytest.mark.parametrize("kind", ["outbound_message", "inbound_reply"])
@pytest.mark.parametrize(
    "purpose", ["support", "operational", "transactional", "internal_team", "authentication"]
)
def test_a_reply_with_an_allowed_purpose_is_sent(pbx: Pbx, kind: str, purpose: str) -> None:
    answer = pbx.outcome(pbx.reply(event_type=kind, message_purpose=purpose))
    assert (answer.status, answer.json()["state"]) == (200, "sent")
    (message,) = pbx.received()
    assert (message["to"], message["text"]) == (pbx.customer, "Your parcel is on its way.")
    assert message["body"]["to"].startswith("+")


@pytest.mark.parametrize("kind", ["call_started", "queue_event"])
@pytest.mark.parametrize("more", [{}, {"caller": "+966500000001", "queue": "800"}])
def test_what_only_informs_is_recorded(pbx: Pbx, kind: str, more: dict[str, str]) -> None:
    said = pbx.outcome({"event_type": kind} | more).json()
    assert (said["state"], said["reason"], said["error"]) == ("recorded", None, None)
    assert not pbx.received()


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_event_without_its_template_is_recorded(gateway: Gateway, kind: str) -> None:
    pbx = gateway.pbx(call_events=True, outbound=False)
    said = pbx.outcome({"event_type": kind, "caller": pbx.customer}).json()
    assert (said["state"], said["reason"], said["error"]) == ("recorded", "template_disabled", None)
    assert not pbx.received()


def test_a_call_event_needs_a_number_too(gateway: Gateway) -> None:
    pbx = gateway.pbx(call_events=True)
    assert pbx.outcome({"event_type": "missed_call"}).refusal == (422, "missing_phone")


REHEARSALS: dict[str | None, tuple[dict[str, Any], dict[str, Any]]] = {
    None: ({}, {}),
    "missing_phone": ({}, {"to": None}),
    "missing_message_text": ({}, {"message_text": None}),
    "outbound_disabled": ({"outbound": False}, {"message_purpose": "political"}),
    "message_purpose_not_allowed": ({}, {"message_purpose": "political", "to": "+966599999999"}),
    "conversation_window_closed": ({}, {"to": "+966599999999"}),
    "policy_violation": ({}, {"message_text": "see bit.ly/x"}),
    "sending_throttled": ({"pause_reason": "by a test"}, {}),
    "daily_message_limit_exceeded": ({"account": {"daily_limit": 0}}, {}),
}


@pytest.mark.parametrize("reason", REHEARSALS)
def test_a_test_is_recorded_with_the_first_refusal_it_would_have_met(
    gateway: Gateway, reason: str | None
) -> None:
    settings, changes = REHEARSALS[reason]
    pbx = gateway.pbx(**settings)
    answer = pbx.outcome(pbx.reply(event_type="test", **changes))
    said = answer.json()
    assert answer.status == 200
    assert (said["state"], said["reason"], said["error"]) == ("recorded", reason, None)
    assert not pbx.received()


def test_a_test_runs_every_check_and_logs_it(pbx: Pbx) -> None:
    payload = pbx.reply(event_type="test", message_purpose="x", to="+966599999999")
    event_id = pbx.outcome(payload).json()["event_id"]
    logged = pbx.gateway.clerk.do("decisions", event_id=event_id)
    refused = [each["check_name"] for each in logged if each["outcome"] == "refuse"]
    assert refused == ["purpose_is_allowed", "conversation_window_is_open"]
    assert len(logged) == 13


def test_a_test_costs_nothing_of_the_limit(gateway: Gateway) -> None:
    pbx = gateway.pbx(account={"daily_limit": 1})
    for _ in range(3):
        assert pbx.outcome(pbx.reply(event_type="test")).json()["reason"] is None
    assert pbx.outcome().json()["state"] == "sent"


def test_everything_of_the_payload_is_kept_with_the_event(pbx: Pbx) -> None:
    payload = pbx.reply(
        conversation_id="c-1", agent_extension="101", queue="800", call_time="2026-11-22 09:00",
        call_type="Inbound", duration_seconds=42, anything=[1, {"else": None}],
    )  # fmt: skip
    assert pbx.post(payload).status == 202
    assert pbx.events()[0]["body"] == payload
