"""The emulator of the Cloud API holds what Meta's pages say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.sandbox import Number
from core import clock
from tests.app.sandbox_world import CUSTOMER, KEY, NUMBER_ID, SECRET, World, a_world

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_S = 24 * 60 * 60


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as one:
        yield one


@pytest.fixture(scope="module")
def quiet_world() -> Iterator[World]:
    with a_world() as one:
        yield one


def refusal(answer: Any) -> tuple[int, int, int | None]:
    error = answer.json()["error"]
    assert error["message"]
    assert error["fbtrace_id"]
    assert error["type"] in ("OAuthException", "GraphMethodException")
    return answer.status, error["code"], error.get("error_subcode")


def test_an_accepted_message_is_answered_as_meta_answers(world: World) -> None:
    world.write()
    answer = world.send()
    assert answer.status == 200
    body = answer.json()
    assert body["messaging_product"] == "whatsapp"
    assert body["contacts"] == [{"input": CUSTOMER, "wa_id": KEY}]
    assert body["messages"][0]["id"].startswith("wamid.")


def test_no_two_messages_have_the_same_id(world: World) -> None:
    ids = {world.send().json()["messages"][0]["id"] for _ in range(50)}
    assert len(ids) == 50


def test_sent_then_delivered_is_reported_with_the_correlation(world: World) -> None:
    world.write()
    wamid = world.send(biz_opaque_callback_data="evt_1.1").json()["messages"][0]["id"]
    assert world.gateway.statuses(2) == ["sent", "delivered"]
    for status in world.gateway.values("statuses"):
        assert status["id"] == wamid
        assert status["recipient_id"] == KEY
        assert status["biz_opaque_callback_data"] == "evt_1.1"
        assert status["timestamp"].isdecimal()


def test_every_webhook_has_metas_envelope(world: World) -> None:
    world.write("Grüße, مرحبا")
    (raw, headers), (webhook,) = world.gateway.posts[0], world.gateway.webhooks()
    assert webhook["object"] == "whatsapp_business_account"
    change = webhook["entry"][0]["changes"][0]
    assert change["field"] == "messages"
    assert change["value"]["metadata"] == {
        "display_phone_number": "966110000000",
        "phone_number_id": NUMBER_ID,
    }
    assert headers["Content-Type"] == "application/json"
    assert raw.isascii()
    assert rb"Gr\u00fc\u00dfe" in raw


def test_the_signature_matches_the_published_vector() -> None:
    from app.sandbox.envelope import sign

    signature = sign("test-app-secret", b'{"object":"whatsapp_business_account"}')
    vector = "b6978b21c4467654c466607663db9b43fae44b71083568df403e0a077089208e"
    assert signature == f"sha256={vector}"


@pytest.mark.parametrize("token", ["", "EAAwrong", "EAAtést"])
def test_a_missing_or_wrong_token_is_190(quiet_world: World, token: str) -> None:
    assert refusal(quiet_world.post({}, token=token)) == (401, 190, None)


def test_an_unknown_number_is_100_with_subcode_33(quiet_world: World) -> None:
    assert refusal(quiet_world.post({}, number_id="999")) == (400, 100, 33)


def test_another_numbers_token_does_not_open_this_number(world: World) -> None:
    world.sandbox.register(Number("2", "+49301234567", "EAAother", SECRET, world.gateway.url))
    assert refusal(world.post({}, token="EAAother")) == (400, 100, 33)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"messaging_product": None}, 100),
        ({"messaging_product": "sms"}, 100),
        ({"to": None}, 100),
        ({"to": "not a number"}, 131009),
        ({"to": "0501234567"}, 131009),
        ({"to": 966500000001}, 131009),
        ({"to": "+966110000000"}, 131021),
        ({"recipient_type": "group"}, 100),
        ({"type": "hologram"}, 100),
        ({"type": 7}, 100),
        ({"text": None}, 131008),
        ({"text": {}}, 100),
        ({"text": {"body": ""}}, 100),
        ({"text": {"body": 7}}, 100),
        ({"text": {"body": "x" * 4097}}, 100),
        ({"biz_opaque_callback_data": "x" * 513}, 100),
        ({"biz_opaque_callback_data": 7}, 100),
        ({"context": {}}, 131009),
        ({"type": "image", "image": {}}, 131008),
        ({"type": "image", "image": {"id": "1", "link": "https://a.example/b"}}, 131008),
        ({"type": "image", "image": {"link": "file:///etc/passwd"}}, 131009),
        ({"type": "image", "image": {"id": "1", "caption": "x" * 1025}}, 100),
        ({"type": "audio", "audio": {"id": "1", "caption": "hum"}}, 100),
        ({"status": "read"}, 100),
        ({"status": "read", "message_id": "wamid.x", "typing_indicator": {"type": "song"}}, 100),
        ({"status": "eaten", "message_id": "wamid.x"}, 100),
        ({"status": "read", "message_id": "wamid.unknown"}, 100),
    ],
)
def test_a_bad_request_is_refused_and_nothing_is_received(
    quiet_world: World, changes: dict[str, Any], code: int
) -> None:
    assert refusal(quiet_world.send(**changes)) == (400, code, None)
    assert quiet_world.received() == []


@pytest.mark.parametrize("body", ["[]", "null", "{", ""])
def test_a_body_that_is_no_json_object_is_100(quiet_world: World, body: str) -> None:
    url = f"{quiet_world.sandbox.base_url}/v26.0/{NUMBER_ID}/messages"
    headers = {"Authorization": "Bearer EAAtest"}
    answer = quiet_world.http.request("POST", url, body=body, headers=headers)
    assert refusal(answer) == (400, 100, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": {"body": "😀" * 4096}},
        {"biz_opaque_callback_data": "x" * 512},
        {"context": {"message_id": "wamid.before"}},
        {"type": "image", "image": {"id": "1", "caption": "a cat"}},
        {"type": "document", "document": {"link": "https://a.example/b", "filename": "b.pdf"}},
        {"type": "audio", "audio": {"id": "1"}},
        {"to": None, "recipient": "US.13491208655302741918"},
    ],
)
def test_what_meta_takes_is_taken(world: World, changes: dict[str, Any]) -> None:
    assert world.send(**changes).status == 200
    assert len(world.received()) == 1


def test_outside_the_window_a_message_is_accepted_and_fails_with_131047(world: World) -> None:
    long_ago_s = clock.now_ms() // 1000 - DAY_S
    world.write(timestamp=long_ago_s)
    assert world.send(biz_opaque_callback_data="evt_1").status == 200
    assert world.gateway.statuses(1) == ["failed"]
    (status,) = world.gateway.values("statuses")
    assert status["errors"][0]["code"] == 131047
    assert status["biz_opaque_callback_data"] == "evt_1"


def test_who_never_wrote_has_no_window(world: World) -> None:
    world.send()
    assert world.gateway.statuses(1) == ["failed"]


def test_a_message_of_a_moment_before_a_day_ago_keeps_the_window_open(world: World) -> None:
    world.write(timestamp=clock.now_ms() // 1000 - DAY_S + 60)
    world.send()
    assert world.gateway.statuses(2) == ["sent", "delivered"]


def test_an_old_message_that_comes_late_does_not_close_the_window(world: World) -> None:
    world.write()
    world.write(timestamp=1)
    world.send()
    assert world.gateway.statuses(2) == ["sent", "delivered"]


@pytest.mark.parametrize("timestamp", ["soon", 4102444800, 4102444800000])
def test_a_time_that_makes_no_sense_counts_as_now(world: World, timestamp: object) -> None:
    world.write(timestamp=timestamp)
    assert world.gateway.values("messages")[0]["timestamp"] == str(timestamp)
    world.send()
    assert world.gateway.statuses(2) == ["sent", "delivered"]


def test_a_reaction_does_not_open_the_window(world: World) -> None:
    world.api(
        "POST",
        f"api/customers/{KEY}/messages",
        {"reaction": {"message_id": "wamid.x", "emoji": "👍"}},
    )
    world.send()
    assert world.gateway.statuses(1) == ["failed"]


def test_a_person_with_only_a_user_id_is_answered_by_it(world: World) -> None:
    user_id = "US.13491208655302741918"
    world.write(customer=user_id)
    (message,) = world.gateway.values("messages")
    assert message["from_user_id"] == user_id
    assert "from" not in message
    answer = world.send(to=None, recipient=user_id)
    assert answer.json()["contacts"] == [{"input": user_id, "user_id": user_id}]
    assert world.gateway.statuses(2) == ["sent", "delivered"]
    status = world.gateway.values("statuses")[0]
    assert status["recipient_user_id"] == user_id
    assert "recipient_id" not in status


def test_reading_and_typing_are_accepted_and_shown(world: World) -> None:
    wamid = world.write().json()["message_id"]
    answer = world.post(
        {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": wamid,
            "typing_indicator": {"type": "text"},
        }
    )
    assert (answer.status, answer.json()) == (200, {"success": True})
    assert world.chat()[0]["status"] == "read"
    assert "typing" in world.api("GET", f"?customer={KEY}").data.decode()
    assert world.received() == []


def test_a_status_that_is_not_taken_is_sent_again_before_the_next(world: World) -> None:
    world.write()
    world.gateway.answers.extend([500, 404])
    world.send()
    assert world.gateway.statuses(4) == ["sent", "sent", "sent", "delivered"]


def test_a_method_that_the_graph_does_not_have_is_refused_in_its_shape(world: World) -> None:
    answer = world.http.request("GET", f"{world.sandbox.base_url}/v26.0/{NUMBER_ID}/messages")
    assert answer.status == 404
    assert answer.json()["error"]["code"] == 100


def test_an_unknown_path_is_refused(world: World) -> None:
    url = f"{world.sandbox.base_url}/latest/{NUMBER_ID}/messages"
    answer = world.http.request("POST", url, json={}, headers={"Authorization": "Bearer EAAtest"})
    assert refusal(answer) == (400, 2500, None)


def test_a_request_without_a_length_is_refused(world: World) -> None:
    url = f"{world.sandbox.base_url}/v26.0/{NUMBER_ID}/messages"
    answer = world.http.request("POST", url, body=iter([b"{}"]), chunked=True)
    assert refusal(answer) == (400, 100, None)
