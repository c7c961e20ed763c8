"""A repeat gets the first answer again and causes nothing; two equal texts are two messages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.pbx import encoded

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer

KEY = ("Idempotency-Key", "3cx-4711")


@pytest.fixture
def signing(gateway: Gateway) -> Pbx:
    return gateway.pbx(auth_mode="secret_and_signature")


def is_repeat(first: Answer, second: Answer) -> bool:
    assert (first.status, second.status) == (202, 202)
    assert "duplicate" not in first.json()
    return bool(second.json() == first.json() | {"duplicate": True})


def was_sent_once(pbx: Pbx) -> bool:
    (event,) = pbx.events()
    assert pbx.ended(event["id"])["state"] == "sent"
    return len(pbx.received()) == 1


def test_two_equal_texts_without_a_key_are_two_messages(pbx: Pbx) -> None:
    ids = [pbx.post().json()["event_id"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert [pbx.ended(each)["state"] for each in ids] == ["sent", "sent"]
    assert len(pbx.received()) == 2


def test_the_same_key_and_body_are_a_repeat(pbx: Pbx) -> None:
    assert is_repeat(pbx.post(None, KEY), pbx.post(None, KEY))
    assert was_sent_once(pbx)


def test_the_same_key_with_another_body_is_a_conflict(pbx: Pbx) -> None:
    pbx.post(None, KEY)
    refused = pbx.post(pbx.reply(message_text="Something else."), KEY)
    assert refused.refusal == (422, "idempotency_conflict")
    assert was_sent_once(pbx)


def test_a_space_makes_another_body(pbx: Pbx) -> None:
    pbx.post(None, KEY)
    assert pbx.post(None, KEY, body=encoded(pbx.reply()) + b" ").refusal == (
        422,
        "idempotency_conflict",
    )


def test_a_key_belongs_to_one_integration(gateway: Gateway) -> None:
    for _ in range(2):
        pbx = gateway.pbx()
        assert "duplicate" not in pbx.post(None, KEY).json()


def test_another_key_makes_another_message(pbx: Pbx) -> None:
    pbx.post(None, KEY)
    assert "duplicate" not in pbx.post(None, ("Idempotency-Key", "3CX-4711")).json()
    assert len(pbx.events()) == 2


@pytest.mark.parametrize("key", ["!", "~", "k" * 255, '"quoted"', "a,b;c=d"])
def test_a_key_is_any_1_to_255_visible_ascii_characters(pbx: Pbx, key: str) -> None:
    answers = [pbx.post(None, ("Idempotency-Key", key)) for _ in range(2)]
    assert is_repeat(*answers)


@pytest.mark.parametrize(
    "key",
    ["", "a b", "k" * 256, "a\tb", b"caf\xc3\xa9", b"\xff", "k" * 10_000],
    ids=["empty", "blank", "256", "tab", "UTF-8", "Latin-1", "10,000"],
)
def test_any_other_key_is_refused(pbx: Pbx, key: str | bytes) -> None:
    refused = pbx.post(None, ("Idempotency-Key", key))
    assert refused.refusal == (400, "invalid_idempotency_key")
    assert pbx.left_no_trace()


def test_two_keys_are_none(pbx: Pbx) -> None:
    refused = pbx.post(None, KEY, KEY)
    assert refused.refusal == (400, "invalid_idempotency_key")
    assert pbx.left_no_trace()


@pytest.mark.parametrize("event_id", ["call-77", 77, "\u0667\u0667"])
def test_the_same_event_id_with_an_identical_body_is_a_repeat(pbx: Pbx, event_id: object) -> None:
    payload = pbx.reply(event_id=event_id)
    assert is_repeat(pbx.post(payload), pbx.post(payload))
    assert was_sent_once(pbx)


def test_the_same_event_id_with_another_body_is_another_message(pbx: Pbx) -> None:
    pbx.post(pbx.reply(event_id="call-77"))
    assert pbx.post(pbx.reply(event_id="call-77", message_text="More.")).status == 202
    assert len(pbx.events()) == 2


@pytest.mark.parametrize("event_id", ["", " ", "[EventId]", None, True, [], {}], ids=repr)
def test_an_event_id_that_is_none_makes_no_repeat(pbx: Pbx, event_id: object) -> None:
    payload = pbx.reply() | {"event_id": event_id}
    assert "duplicate" not in pbx.post(payload).json()
    assert "duplicate" not in pbx.post(payload).json()
    assert len(pbx.events()) == 2


def test_a_signed_post_that_is_replayed_is_a_repeat(signing: Pbx) -> None:
    body = encoded(signing.reply())
    headers = signing.signed(body)
    replayed = [*headers[:3], (headers[3][0], f"sha256={str(headers[3][1]).upper()}")]
    first = signing.post(body=body, headers=headers)
    assert is_repeat(first, signing.post(body=body, headers=headers))
    assert is_repeat(first, signing.post(body=body, headers=replayed))
    assert was_sent_once(signing)


def test_a_replay_with_another_key_is_still_a_repeat(signing: Pbx) -> None:
    body = encoded(signing.reply())
    headers = signing.signed(body)
    first = signing.post(body=body, headers=headers)
    assert is_repeat(first, signing.post(None, KEY, body=body, headers=headers))
    assert was_sent_once(signing)


def test_the_same_text_signed_at_another_time_is_another_message(signing: Pbx) -> None:
    body = encoded(signing.reply())
    at_s = int(signing.signed(body)[2][1])
    for each in (at_s, at_s - 1):
        answer = signing.post(body=body, headers=signing.signed(body, at_s=each))
        assert "duplicate" not in answer.json()
    assert len(signing.events()) == 2


def test_a_refused_request_does_not_use_its_key_up(pbx: Pbx) -> None:
    assert pbx.post(None, KEY, body=b"[]").status == 400
    assert pbx.post(None, KEY, headers=[("X-WhatsApp-Gateway-3CX-Secret", "wrong")]).status == 401
    assert "duplicate" not in pbx.post(None, KEY).json()


def test_a_repeat_that_waits_gets_the_outcome_of_the_first(pbx: Pbx) -> None:
    wait = ("Prefer", "wait=10")
    first = pbx.post(None, KEY, wait).json()
    assert first["state"] == "sent"
    again = pbx.post(None, KEY, wait)
    assert again.status == 200
    assert again.json() | {"delivery": None} == first | {"duplicate": True, "delivery": None}


def test_a_repeat_of_a_refused_message_gets_the_refusal_again(pbx: Pbx) -> None:
    payload, wait = pbx.reply(message_purpose="marketing"), ("Prefer", "wait=10")
    first = pbx.post(payload, KEY, wait)
    again = pbx.post(payload, KEY, wait)
    assert first.refusal == (422, "message_purpose_not_allowed")
    assert again.status == 422
    assert again.json() == first.json() | {"duplicate": True}


@pytest.mark.parametrize("kind", ["key", "event_id", "signature"])
def test_of_sixteen_equal_requests_at_once_one_becomes_a_message(
    gateway: Gateway, crowd: ThreadPoolExecutor, kind: str
) -> None:
    mode = "secret_and_signature" if kind == "signature" else "secret"
    pbx = gateway.pbx(auth_mode=mode)
    body = encoded(pbx.reply(event_id="call-78") if kind == "event_id" else pbx.reply())
    headers = [*pbx.signed(body), *([KEY] if kind == "key" else [])]
    answers = list(crowd.map(lambda _: pbx.post(body=body, headers=headers), range(48)))
    assert {each.status for each in answers} == {202}
    assert len({each.json()["event_id"] for each in answers}) == 1
    assert Counter("duplicate" in each.json() for each in answers) == {True: 47, False: 1}
    assert was_sent_once(pbx)


def test_of_sixteen_bodies_with_one_key_one_becomes_a_message(
    pbx: Pbx, crowd: ThreadPoolExecutor
) -> None:
    answers = list(crowd.map(lambda n: pbx.post(pbx.reply(note=n), KEY), range(16)))
    assert Counter(each.status for each in answers) == {202: 1, 422: 15}
    assert was_sent_once(pbx)
