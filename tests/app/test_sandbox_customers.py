"""The customers' side: writing, reading, what WhatsApp remembers, and who may ask."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from app.sandbox import Number, Sandbox
from app.sandbox.chat import Direction, Message, Status
from app.sandbox.phones import CUSTOMERS, MESSAGES_EACH, RECEIVED, Phones
from tests.app.sandbox_world import CUSTOMER, KEY, NUMBER_ID, SECRET, TOKEN, World, a_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as one:
        yield one


@pytest.fixture(scope="module")
def quiet_world() -> Iterator[World]:
    with a_world() as one:
        yield one


def refusal(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert body["success"] is False
    assert body["message"]
    return answer.status, body["error"]


def test_a_customers_text_reaches_the_gateway_before_the_answer(world: World) -> None:
    answer = world.write("I need help", name="Noura", timestamp=1764000000)
    assert answer.status == 201
    value = world.gateway.webhooks()[0]["entry"][0]["changes"][0]["value"]
    assert value["contacts"] == [{"profile": {"name": "Noura"}, "wa_id": KEY}]
    assert value["messages"] == [
        {
            "from": KEY,
            "id": answer.json()["message_id"],
            "timestamp": "1764000000",
            "type": "text",
            "text": {"body": "I need help"},
        }
    ]


@pytest.mark.parametrize(
    ("asked", "node"),
    [
        (
            {"button": {"payload": "STOP", "text": "Stop"}},
            {"type": "button", "button": {"payload": "STOP", "text": "Stop"}},
        ),
        (
            {"interactive": {"button_reply": {"id": "1", "title": "Yes"}}},
            {
                "type": "interactive",
                "interactive": {
                    "type": "button_reply",
                    "button_reply": {"id": "1", "title": "Yes"},
                },
            },
        ),
        (
            {"type": "image", "image": {"id": "9", "mime_type": "image/png"}},
            {"type": "image", "image": {"id": "9", "mime_type": "image/png"}},
        ),
        (
            {"text": "yes", "context": {"id": "wamid.before"}},
            {"type": "text", "text": {"body": "yes"}, "context": {"id": "wamid.before"}},
        ),
        (
            {"raw": {"id": "wamid.mine", "from": None, "type": "hologram", "hologram": [1]}},
            {"id": "wamid.mine", "type": "hologram", "hologram": [1]},
        ),
    ],
)
def test_a_customer_may_send_more_than_text(world: World, asked: Any, node: Any) -> None:
    assert world.api("POST", f"api/customers/{KEY}/messages", asked).status == 201
    (message,) = world.gateway.values("messages")
    assert {key: message.get(key) for key in node} == node
    if asked.get("raw"):
        assert "from" not in message


def test_a_system_notice_comes_without_contacts(world: World) -> None:
    raw = {"type": "system", "system": {"type": "user_changed_number", "wa_id": "966500000009"}}
    assert world.api("POST", f"api/customers/{KEY}/messages", {"raw": raw}).status == 201
    assert "contacts" not in world.gateway.webhooks()[0]["entry"][0]["changes"][0]["value"]


def test_the_contact_of_a_message_can_be_told_more_exactly(world: World) -> None:
    contact = {"wa_id": None, "user_id": "US.1", "profile": {"username": "noura"}}
    world.write(contact=contact)
    value = world.gateway.webhooks()[0]["entry"][0]["changes"][0]["value"]
    assert value["contacts"] == [{"user_id": "US.1", "profile": {"username": "noura"}}]


def test_a_webhook_that_is_sent_twice_is_one_message_on_the_phone(world: World) -> None:
    raw = {"id": "wamid.twice", "type": "text", "text": {"body": "once"}}
    for _ in range(2):
        world.api("POST", f"api/customers/{KEY}/messages", {"raw": raw})
    assert len(world.gateway.values("messages")) == 2
    assert [each["text"] for each in world.chat()] == ["once"]


def test_few_customers_write_at_the_same_time_so_that_the_door_stays_open(world: World) -> None:
    world.gateway.open.clear()
    writers = [threading.Thread(target=world.write) for _ in range(4)]
    for writer in writers:
        writer.start()
    world.until(lambda: len(world.chat()) == 4)
    assert refusal(world.write()) == (503, "sandbox_busy")
    world.gateway.open.set()
    for writer in writers:
        writer.join()
    assert world.write().status == 201


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b" " * (1024 * 1024 + 1), 413)])
def test_a_body_that_cannot_be_read_is_refused(
    quiet_world: World, body: bytes, status: int
) -> None:
    url = f"{quiet_world.door}/sandbox/api/customers/{KEY}/messages"
    assert refusal(quiet_world.http.request("POST", url, body=body))[0] == status


def test_a_gateway_that_does_not_take_the_webhook_is_told_about(world: World) -> None:
    world.gateway.answers.append(503)
    answer = world.write()
    assert refusal(answer) == (502, "webhook_not_taken")
    assert answer.json()["details"]["status"] == 503
    assert answer.json()["details"]["body"] == "not today"
    assert world.chat()[0]["status"] == "untaken"


def test_a_gateway_that_is_not_there_is_told_about(world: World) -> None:
    world.sandbox.register(Number(NUMBER_ID, "1", TOKEN, SECRET, "http://127.0.0.1:1/"))
    answer = world.write()
    assert refusal(answer) == (502, "webhook_not_taken")
    assert answer.json()["details"]["status"] == 0


@pytest.mark.parametrize(
    ("customer", "asked", "status"),
    [
        (KEY, {}, 400),
        (KEY, {"text": 7}, 400),
        (KEY, {"text": "x", "name": 7}, 400),
        (KEY, {"raw": "x"}, 400),
        (KEY, {"text": "x", "phone_number_id": "999"}, 404),
        (KEY, [], 400),
        ("nobody", {"text": "x"}, 400),
    ],
)
def test_what_a_customer_cannot_write_is_refused(
    quiet_world: World, customer: str, asked: Any, status: int
) -> None:
    answer = quiet_world.api("POST", f"api/customers/{customer}/messages", asked)
    assert refusal(answer)[0] == status
    assert quiet_world.gateway.posts == []


def test_a_number_must_be_named_where_there_are_several(world: World) -> None:
    world.sandbox.register(Number("2", "+966110000009", "t2", SECRET, world.gateway.url))
    assert refusal(world.write()) == (400, "invalid_request")
    assert world.write(phone_number_id="2").status == 201
    assert world.chat()[-1]["phone_number_id"] == "2"


def test_without_any_number_nobody_can_write(world: World) -> None:
    world.sandbox.numbers.clear()
    assert refusal(world.write()) == (404, "unknown_number")


def test_a_sandbox_that_was_stopped_goes_on_where_it_was(world: World) -> None:
    world.write()
    world.gateway.answers.append(500)
    world.send()
    world.gateway.statuses(1)
    world.sandbox.stop()
    world.sandbox.start()
    assert world.gateway.statuses(3) == ["sent", "sent", "delivered"]


def test_the_chat_shows_both_directions_and_how_far_they_came(world: World) -> None:
    world.write("question")
    world.send(text={"body": "answer"})
    world.gateway.statuses(2)
    world.until(lambda: world.chat()[-1]["status"] == "delivered")
    shown = [(each["direction"], each["text"], each["status"]) for each in world.chat()]
    assert shown == [("in", "question", "taken"), ("out", "answer", "delivered")]
    (customer,) = world.api("GET", "api/customers").json()["customers"]
    assert (customer["customer"], customer["last"]["text"]) == (KEY, "answer")


def test_reading_is_reported_once(world: World) -> None:
    world.write()
    world.send()
    world.until(lambda: world.chat()[-1]["status"] == "delivered")
    assert world.api("POST", f"api/customers/{KEY}/read").json()["read"] == 1
    assert world.api("POST", f"api/customers/{KEY}/read").json()["read"] == 0
    assert world.gateway.statuses(3) == ["sent", "delivered", "read"]


def test_received_is_in_order_and_can_be_read_from_a_place(world: World) -> None:
    for text in ("one", "two", "three"):
        world.send(text={"body": text})
    received = world.received()
    assert [entry["text"] for entry in received] == ["one", "two", "three"]
    assert received[0]["body"]["to"] == CUSTOMER
    after = world.api("GET", f"api/received?since={received[1]['seq']}").json()["received"]
    assert [entry["text"] for entry in after] == ["three"]
    assert world.api("DELETE", "api/received").status == 200
    assert world.received() == []
    assert refusal(world.api("GET", "api/received?since=-1")) == (400, "invalid_request")


def test_the_journal_holds_a_line_for_each_accepted_request(tmp_path: Path) -> None:
    journal = tmp_path / "received.jsonl"
    with a_world(journal) as world:
        world.write()
        wamid = world.send(biz_opaque_callback_data="evt_1").json()["messages"][0]["id"]
        world.send(type="hologram")
        (line,) = journal.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["message_id"], entry["biz_opaque_callback_data"]) == (wamid, "evt_1")
    assert journal.stat().st_mode & 0o077 == 0


def test_whatsapp_does_not_forget_when_its_process_dies(tmp_path: Path) -> None:
    journal = tmp_path / "received.jsonl"
    with a_world(journal) as world:
        world.write("before")
        world.gateway.answers.extend([500] * 3)
        wamid = world.send().json()["messages"][0]["id"]
        read = {"messaging_product": "whatsapp", "status": "read"}
        world.post({**read, "message_id": world.chat()[0]["message_id"]})
    with journal.open("ab") as torn:
        torn.write(b'{"kind": "mess')
    with a_world(journal) as world:
        assert world.chat()[0]["status"] == "read"
        assert world.gateway.statuses(2) == ["sent", "delivered"]
        assert world.gateway.values("statuses")[0]["id"] == wamid
        assert [entry["message_id"] for entry in world.received()] == [wamid]
        world.send(text={"body": "the window is still open"})
        assert world.gateway.statuses(4)[2:] == ["sent", "delivered"]
        assert [entry["seq"] for entry in world.received()] == [1, 3]
    *_, torn_line, last = journal.read_text().splitlines()
    assert torn_line == '{"kind": "mess'
    assert json.loads(last)["seq"] == 3


def test_memory_is_bounded() -> None:
    phones = Phones()
    for number in range(MESSAGES_EACH + 5):
        phones.add(a_message(f"wamid.{number}", KEY))
    assert len(phones.chat(KEY)) == MESSAGES_EACH
    assert phones.find("wamid.0") is None
    for number in range(CUSTOMERS + 5):
        phones.add(a_message(f"wamid.c{number}", f"96650{number:07}"))
    assert len(phones.everybody()) == CUSTOMERS
    assert phones.find("wamid.c0") is None
    for _ in range(RECEIVED + 5):
        phones.receive({"kind": "message"})
    assert len(phones.received()) == RECEIVED


def a_message(wamid: str, customer: str) -> Message:
    return Message(wamid, NUMBER_ID, customer, Direction.IN, "text", "x" * 5000, 0, Status.POSTED)


def test_secrets_and_people_stay_out_of_reprs() -> None:
    number = Number(NUMBER_ID, "+966110000000", "the-token", "the-secret", "http://127.0.0.1/")
    shown = repr(number) + repr(a_message("wamid.1", KEY))
    assert not any(word in shown for word in ("the-token", "the-secret", KEY, "xxx"))


def test_an_address_is_there_only_while_it_runs() -> None:
    with pytest.raises(RuntimeError):
        _ = Sandbox().base_url


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": "127.0.0.1@evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "static/phone.js"),
        ("POST", f"?customer={KEY}"),
        ("POST", f"api/customers/{KEY}/messages"),
        ("GET", f"api/customers/{KEY}/messages"),
        ("POST", f"api/customers/{KEY}/read"),
        ("GET", "api/customers"),
        ("PUT", "api/faults"),
        ("DELETE", "api/received"),
    ],
)
def test_other_sites_and_rebound_names_are_kept_out(
    quiet_world: World, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = quiet_world.api(method, path, {"text": "x"} if method == "POST" else None, **headers)
    assert refusal(answer) == (403, "forbidden")
    assert quiet_world.gateway.posts == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:8000", "LOCALHOST:1"])
def test_this_machine_and_its_own_page_are_let_in(quiet_world: World, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert quiet_world.api("GET", "api/customers", **headers).status == 200
