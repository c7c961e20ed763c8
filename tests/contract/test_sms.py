"""Agents' chat: what 3CX's Generic SMS posts becomes a message, or is refused so that it shows."""

from __future__ import annotations

import itertools
from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from tests.pbx import DID, SECRET, encoded
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer, Headers

JSON = ("Content-Type", "application/json")
TEXT = "Your parcel is on its way."

_people = itertools.count(1918)


@pytest.fixture
def chat(gateway: Gateway) -> Pbx:
    """A phone system whose agents chat, and that nobody has used yet."""
    pbx = gateway.pbx()
    pbx.connect()
    return pbx


def taken(answer: Answer) -> str:
    """The id of what was taken, in the one answer that 3CX understands."""
    assert answer.status == 200, answer
    event_id: str = answer.json()["data"]["id"]
    receipt = {"id": event_id, "record_type": "message", "payload": {"id": event_id}}
    assert answer.json() == {"data": receipt}
    return event_id


def test_what_an_agent_writes_is_sent_to_the_customer(chat: Pbx) -> None:
    event_id = taken(chat.says())
    assert chat.ended(event_id)["state"] == "sent"
    (received,) = chat.received()
    assert (received["to"], received["text"]) == (chat.customer, TEXT)


def test_a_customer_who_has_only_a_user_id_can_be_answered(gateway: Gateway) -> None:
    chat = gateway.pbx(f"US.1349120865530274{next(_people)}")
    chat.connect()
    assert chat.ended(taken(chat.says()))["state"] == "sent"
    (received,) = chat.received()
    assert (received["to"], received["text"]) == (chat.customer, TEXT)


def test_it_is_kept_as_a_reply_with_what_came(chat: Pbx) -> None:
    said = chat.sms(text="See it here.", media_urls=["https://pbx.example/a.png"], note=[1])
    taken(chat.says(body=encoded(said)))
    (event,) = chat.events()
    assert event["event_type"] == "outbound_message"
    assert (event["to"], event["text"]) == (chat.customer, "See it here.")
    assert (event["purpose"], event["did"]) == ("support", DID)
    assert [each["url"] for each in event["media"]] == ["https://pbx.example/a.png"]
    assert event["body"] == said


def test_the_purpose_is_the_integration_s(gateway: Gateway) -> None:
    chat = gateway.pbx(default_purpose="transactional")
    chat.connect()
    taken(chat.says())
    assert [each["purpose"] for each in chat.events()] == ["transactional"]


def test_the_did_picks_the_number_that_sends(gateway: Gateway) -> None:
    chat, other = gateway.pbx(), gateway.pbx()
    gateway.clerk.do(
        "change",
        table="instance",
        row_id=other.instance_id,
        values={"account": chat.account_id},
    )
    routes = [["+966112000001", chat.instance_id], ["+966112000002", other.instance_id]]
    gateway.clerk.do("connect", integration_id=chat.integration_id, routes=routes)
    gateway.clerk.do(
        "customer_wrote",
        account_id=chat.account_id,
        instance_id=other.instance_id,
        phone=chat.customer,
        ms_ago=0,
    )
    gateway.whatsapp.phones.opened_window(
        chat.customer.lstrip("+"), other.phone_number_id, 2 * 10**12
    )
    event_id = taken(chat.says(**{"from": "+966112000002"}))
    assert chat.ended(event_id)["state"] == "sent"
    assert not chat.received()
    assert [each["text"] for each in other.received()] == [TEXT]


# The key.


KEYS: dict[str, Callable[[Pbx], tuple[Headers, str]]] = {
    "as a bearer": lambda pbx: (pbx.bearer, ""),
    "as a bearer, in capitals": lambda pbx: ([("Authorization", f"BEARER  {pbx.secret} ")], ""),
    "in the path": lambda pbx: ([JSON], f"/{pbx.secret}"),
    "in the query": lambda pbx: ([JSON], f"?key={pbx.secret}"),
    "behind a slash": lambda pbx: ([JSON], f"/?key={pbx.secret}"),
    "in the path, beside another scheme": lambda pbx: (
        [("Authorization", "Basic YTpi")],
        f"/{pbx.secret}",
    ),
    "in the path, beside an empty bearer": lambda pbx: (
        [("Authorization", "Bearer ")],
        f"/{pbx.secret}",
    ),
    "first as a bearer": lambda pbx: (pbx.bearer, "/wrong?key=wrong"),
    "first in the path": lambda pbx: ([JSON], f"/{pbx.secret}?key=wrong"),
}


@pytest.mark.parametrize("given", KEYS.values(), ids=KEYS)
def test_the_key_is_taken(chat: Pbx, given: Callable[[Pbx], tuple[Headers, str]]) -> None:
    headers, behind = given(chat)
    taken(chat.says(headers=headers, path=chat.sms_path + behind))


def test_an_integration_whose_webhook_is_signed_chats_by_its_key(gateway: Gateway) -> None:
    chat = gateway.pbx(auth_mode="secret_and_signature")
    chat.connect()
    taken(chat.says())


def test_after_a_rotation_both_keys_are_taken(chat: Pbx) -> None:
    new = chat.gateway.clerk.do("rotate", integration_id=chat.integration_id, grace_ms=3_600_000)
    for key in (chat.secret, new):
        taken(chat.says(headers=[JSON], path=f"{chat.sms_path}/{key}"))


STRANGERS: dict[str, Callable[[Pbx], tuple[Headers, str]]] = {
    "no key": lambda pbx: ([JSON], pbx.sms_path),
    "a wrong bearer": lambda pbx: ([("Authorization", "Bearer wrong")], pbx.sms_path),
    "a wrong bearer, the right path": lambda pbx: (
        [("Authorization", "Bearer wrong")],
        f"{pbx.sms_path}/{pbx.secret}",
    ),
    "a wrong path, the right query": lambda pbx: ([], f"{pbx.sms_path}/x?key={pbx.secret}"),
    "a wrong query": lambda pbx: ([JSON], f"{pbx.sms_path}?key=wrong"),
    "an empty query": lambda pbx: ([JSON], f"{pbx.sms_path}?key="),
    "the webhook's header": lambda pbx: ([(SECRET, pbx.secret)], pbx.sms_path),
    "a bearer without its scheme": lambda pbx: ([("Authorization", pbx.secret)], pbx.sms_path),
    "non-ASCII": lambda pbx: ([], f"{pbx.sms_path}/%D8%B3%FF%00"),
    "10,000 characters": lambda pbx: ([], f"{pbx.sms_path}/{'x' * 10_000}"),
    "another integration": lambda pbx: (
        pbx.bearer,
        "/integrations/3cx/int_00000000000000000000000000/sms",
    ),
    "the id in capitals": lambda pbx: (pbx.bearer, pbx.sms_path.replace("int_", "INT_")),
    "more behind the key": lambda pbx: (pbx.bearer, f"{pbx.sms_path}/{pbx.secret}/more"),
    "a slash behind the key": lambda pbx: (pbx.bearer, f"{pbx.sms_path}/{pbx.secret}/"),
    "no door": lambda pbx: (pbx.bearer, f"/integrations/3cx/{pbx.integration_id}"),
    "another door": lambda pbx: (pbx.bearer, f"/integrations/3cx/{pbx.integration_id}/mms"),
    "no door, by the webhook's header": lambda pbx: (
        pbx.proof,
        f"/integrations/3cx/{pbx.integration_id}/mms",
    ),
    "no id": lambda pbx: (pbx.bearer, "/integrations/3cx/"),
}


@pytest.mark.parametrize("given", STRANGERS.values(), ids=STRANGERS)
def test_a_stranger_gets_the_very_bytes_that_the_webhook_s_strangers_get(
    chat: Pbx, given: Callable[[Pbx], tuple[Headers, str]]
) -> None:
    headers, path = given(chat)
    stranger = ask(chat.gateway.address, "POST", "/integrations/3cx/webhook/int_nobody", [], b"{}")
    assert chat.says(headers=headers, path=path).timeless == stranger.timeless
    assert chat.left_no_trace()


def test_an_integration_that_is_off_and_an_address_that_is_not_allowed_are_strangers(
    gateway: Gateway, chat: Pbx
) -> None:
    stranger = chat.says(headers=[])
    for settings in ({"enabled": False}, {"allowed_ips": ["203.0.113.7"]}):
        other = gateway.pbx(**settings)
        other.connect()
        assert other.says().timeless == stranger.timeless
        assert other.left_no_trace()


def test_too_many_wrong_keys_are_refused_unseen(fenced: Gateway) -> None:
    chat = fenced.pbx()
    chat.connect()

    def says(key: str) -> Answer:
        headers = [("Authorization", f"Bearer {key}"), ("X-Forwarded-For", "203.0.113.77")]
        return chat.says(headers=headers)

    strangers = [says("wrong").timeless for _ in range(5)]
    assert says(chat.secret).timeless == strangers[0]


def test_the_size_is_looked_at_before_the_key(chat: Pbx) -> None:
    huge = encoded(chat.sms(text="x" * 262_144))
    assert chat.says(body=huge, headers=[]).refusal == (413, "payload_too_large")
    chunks = (huge[at : at + 65_536] for at in range(0, len(huge), 65_536))
    assert chat.says(body=chunks, headers=[]).refusal == (413, "payload_too_large")


def test_the_logs_know_no_key_no_number_and_no_text(fenced: Gateway) -> None:
    chat = fenced.pbx("+966598765432")
    chat.connect()
    text = "The code for the gate is kumquat."
    for at in range(3):
        paths = (f"/{chat.secret}", f"?key={chat.secret}", f"/{chat.secret}/", f"//{chat.secret}")
        for path in (*paths, f"/x/{chat.secret}"):
            forwarded = ("X-Forwarded-For", f"203.0.113.{at}")
            chat.says(("X-Note", "x"), forwarded, headers=[], path=chat.sms_path + path, text=text)
    said = chat.gateway.said()
    for secret in (chat.secret, chat.secret[:20], "598765432", "kumquat"):
        assert secret not in said


# What is refused.


@pytest.mark.parametrize(
    "did",
    [None, "", "+966112000009", "Sales", "[DID]", 7, [], {}, True, "9" * 10_000, DID + "0"],
    ids=lambda each: repr(each)[:20],
)
def test_a_did_that_stands_for_no_number_is_refused(chat: Pbx, did: object) -> None:
    assert chat.says(**{"from": did}).refusal == (422, "unknown_did")
    assert chat.left_no_trace()


def test_an_integration_without_a_chat_knows_no_did(pbx: Pbx) -> None:
    assert pbx.says().refusal == (422, "unknown_did")


@pytest.mark.parametrize(
    "number",
    [None, "", "[Number]", "Sara", "+1", "9" * 10_000, [], {}, True, 1.5, "+966\u0661"],
    ids=lambda each: repr(each)[:20],
)
def test_a_customer_without_a_usable_number_is_refused_at_once(chat: Pbx, number: object) -> None:
    assert chat.says(to=number).refusal == (422, "missing_phone")
    assert chat.left_no_trace()


@pytest.mark.parametrize("own", [DID, DID.lstrip("+"), "011 200 0000"])
def test_a_number_of_our_own_is_no_customer_s(chat: Pbx, own: str) -> None:
    assert chat.says(to=own).refusal == (422, "missing_phone")


@pytest.mark.parametrize("text", [None, "", " \n\t", [], {}, True, "\u2003"], ids=repr)
def test_a_message_without_text_and_files_is_refused_at_once(chat: Pbx, text: object) -> None:
    assert chat.says(text=text).refusal == (422, "missing_message_text")
    assert chat.says(text=text, media_urls=["", " ", 7, None]).refusal[0] == 422
    assert chat.left_no_trace()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], []),
        (None, []),
        ("https://a.example/1", ["https://a.example/1"]),
        ([" https://a.example/1 ", 7, None, {}, ""], ["https://a.example/1"]),
        ({"url": "https://a.example/1"}, []),
        ([f"https://a.example/{n}" for n in range(10)], 10),
    ],
)
def test_files_are_addresses(chat: Pbx, given: object, kept: Any) -> None:
    taken(chat.says(body=encoded(chat.sms() | {"media_urls": given})))
    (event,) = chat.events()
    urls = [each["url"] for each in event["media"]]
    assert urls == kept or len(urls) == kept


def test_more_files_than_ten_are_refused(chat: Pbx) -> None:
    urls = [f"https://a.example/{n}" for n in range(11)]
    assert chat.says(media_urls=urls).refusal == (422, "too_many_files")
    assert chat.left_no_trace()


@pytest.mark.parametrize("written", ["+{}", "00{}", "{}", "0{local}", "+{} ", "+{spaced}"])
def test_numbers_come_as_people_write_them(chat: Pbx, written: str) -> None:
    digits = chat.customer.lstrip("+")
    spaced = " ".join((digits[:3], digits[3:5], digits[5:]))
    taken(chat.says(to=written.format(digits, local=digits.removeprefix("966"), spaced=spaced)))
    assert [each["to"] for each in chat.events()] == [chat.customer]


@pytest.mark.parametrize(
    "did", ["966112000000", "00966112000000", "+966 11 200 0000", 966112000000]
)
def test_so_does_the_did(chat: Pbx, did: object) -> None:
    taken(chat.says(**{"from": did}))
    assert [each["did"] for each in chat.events()] == [DID]


@pytest.mark.parametrize(
    "text", ["[ok]", "[Number]", "  yes  ", 42, "\u0645\u0631\u062d\u0628\u0627"]
)
def test_a_text_is_sent_as_it_was_typed(chat: Pbx, text: object) -> None:
    taken(chat.says(text=text))
    assert [each["text"] for each in chat.events()] == [str(text)]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"text":"\\u0000"}', b"{" * 999])
def test_what_is_no_json_object_is_refused(chat: Pbx, body: bytes) -> None:
    assert chat.says(body=body).refusal == (400, "invalid_json")


def test_without_the_module_nothing_is_taken(gateway: Gateway) -> None:
    chat = gateway.pbx(account={"module_enabled": False})
    chat.connect()
    assert chat.says().refusal == (403, "module_not_enabled")
    assert chat.left_no_trace()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_the_door_takes_posts_alone(chat: Pbx, method: str) -> None:
    for path in (chat.sms_path, f"{chat.sms_path}/{chat.secret}"):
        answer = ask(chat.gateway.address, method, path, chat.bearer)
        assert answer.refusal == (405, "method_not_allowed")


# How fast.


def test_the_door_has_a_limit_of_its_own(chat: Pbx, crowd: ThreadPoolExecutor) -> None:
    light = {"event_type": "call_started"}
    assert set(crowd.map(lambda _: chat.post(light).status, range(60))) == {202}
    assert chat.post(light).status == 429
    answers = Counter(crowd.map(lambda _: chat.says(to="").status, range(301)))
    assert answers == {422: 300, 429: 1}
    refused = chat.says()
    assert refused.refusal == (429, "rate_limited")
    wait_s = int(refused.header("Retry-After") or "")
    assert 0 < wait_s <= 60
    assert refused.header("RateLimit-Policy") == '"sms";q=300;w=60'
    assert refused.header("RateLimit") == f'"sms";r=0;t={wait_s}'
    assert chat.looks_up("+966500000009").status == 200


# Repeats.


def test_two_equal_texts_are_two_messages(chat: Pbx) -> None:
    ids = [taken(chat.says(text="Yes.")) for _ in range(10)]
    assert len(set(ids)) == 10
    assert {chat.ended(each)["state"] for each in ids} == {"sent"}
    assert [each["text"] for each in chat.received()] == ["Yes."] * 10


def test_so_are_equal_texts_that_come_together(chat: Pbx, crowd: ThreadPoolExecutor) -> None:
    ids = list(crowd.map(lambda _: taken(chat.says(text="Yes.")), range(16)))
    assert len(set(ids)) == 16


@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_so_are_equal_texts_at_several_processes(gateway: Gateway, chat: Pbx) -> None:
    doors = cycle([gateway.address, gateway.another_door()])
    body = encoded(chat.sms(text="Yes."))
    answers = [ask(next(doors), "POST", chat.sms_path, chat.bearer, body) for _ in range(20)]
    assert len({taken(each) for each in answers}) == 20


def test_a_repeat_after_a_crash_before_the_answer_is_the_message_that_was_kept(
    start_gateway: Callable[..., Gateway],
) -> None:
    gateway = start_gateway(CRASH_AT="after commit _keep")
    chat = gateway.pbx()
    chat.connect()
    with pytest.raises(OSError):  # noqa: PT011 - reset, or closed without a word
        chat.says(text="Only once.")
    gateway.kill()
    del gateway._environment["CRASH_AT"]
    gateway.start()
    again = taken(chat.says(text="Only once."))
    assert [each["id"] for each in chat.events()] == [again]
    assert chat.ended(again)["state"] == "sent"
    assert taken(chat.says(text="Only once.")) != again
    assert len(chat.events()) == 2
