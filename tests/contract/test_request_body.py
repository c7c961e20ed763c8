"""What a webhook's body may be, and that anything else leaves nothing behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.pbx import encoded
from tests.wire import ask, exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.pbx import Pbx

    Cut = Callable[[bytes], bytes | Iterable[bytes]]

LARGEST = 262_144
TEN_MB = 10 * 1024 * 1024


def body_of(pbx: Pbx, size: int) -> bytes:
    short = encoded(pbx.reply(note=""))
    return encoded(pbx.reply(note="x" * (size - len(short))))


def chunks(body: bytes) -> Iterator[bytes]:
    return (body[at : at + 8_192] for at in range(0, len(body), 8_192))


def head(pbx: Pbx, *lines: str) -> bytes:
    own = [f"{name}: {value!s}" for name, value in pbx.proof]
    return "\r\n".join([f"POST {pbx.path} HTTP/1.1", "Host: gw", *own, *lines, "", ""]).encode()


@pytest.mark.parametrize("cut", [lambda body: body, chunks], ids=["whole", "chunked"])
def test_a_body_of_262144_bytes_is_accepted(pbx: Pbx, cut: Cut) -> None:
    assert pbx.post(body=cut(body_of(pbx, LARGEST))).status == 202
    assert len(pbx.events()) == 1


@pytest.mark.parametrize("size", [LARGEST + 1, TEN_MB])
@pytest.mark.parametrize("cut", [lambda body: body, chunks], ids=["whole", "chunked"])
def test_a_larger_body_is_refused(pbx: Pbx, cut: Cut, size: int) -> None:
    refused = pbx.post(body=cut(body_of(pbx, size)))
    assert refused.refusal == (413, "payload_too_large")
    assert refused.json()["message"] == "Webhook body exceeds 256KB. Reduce payload."
    assert pbx.left_no_trace()


def test_a_body_that_the_server_would_not_even_read_is_refused_alike(pbx: Pbx) -> None:
    refused = exchange(pbx.gateway.address, head(pbx, "Content-Length: 99999999999"))
    assert refused.refusal == (413, "payload_too_large")
    assert pbx.left_no_trace()


NOT_AN_OBJECT = {
    "empty": b"",
    "blank": b" \n",
    "array": b"[]",
    "array of an object": b"[{}]",
    "text": b'"x"',
    "null": b"null",
    "true": b"true",
    "number": b"1",
    "NaN": b"NaN",
    "a field that is NaN": b'{"to": NaN}',
    "a field that is Infinity": b'{"to": -Infinity}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 brackets, closed": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "half an object": b'{"to": "+966',
    "an object and more": b"{} {}",
    "single quotes": b"{'to': 'x'}",
    "a comma too many": b'{"to": "x",}',
    "a comment": b'{"to": "x" /* me */}',
    "lone surrogate": b'{"message_text": "\\ud800"}',
    "lone surrogate in a name": b'{"\\udfff": 1}',
    "surrogates in the wrong order": b'{"message_text": "\\ude00\\ud83d"}',
    "NUL in a text": b'{"message_text": "a\\u0000b"}',
    "NUL in a name": b'{"a\\u0000b": 1}',
    "NUL deep inside": b'{"a": [{"b": ["\\u0000"]}]}',
    "a raw NUL": b'{"a": "\x00"}',
    "a raw line break": b'{"a": "\n"}',
    "invalid UTF-8": b'{"message_text": "\xff\xfe"}',
    "overlong UTF-8": b'{"message_text": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"message_text": "\xed\xa0\x80"}',
    "half a character": b'{"message_text": "\xe2\x82"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"to": "x"}'.encode("utf-16"),
    "form": b"to=%2B966500000001&message=hi",
    "XML": b"<to>+966500000001</to>",
}


@pytest.mark.parametrize("body", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT)
def test_what_is_no_json_object_is_refused(pbx: Pbx, body: bytes) -> None:
    assert pbx.post(body=body).refusal == (400, "invalid_json")
    assert pbx.left_no_trace()


def test_a_request_without_content_length_has_no_body(pbx: Pbx) -> None:
    refused = exchange(pbx.gateway.address, head(pbx) + encoded(pbx.reply()))
    assert refused.refusal == (400, "invalid_json")
    assert pbx.left_no_trace()


@pytest.mark.parametrize("given", ["abc", "-5", "+5", "5, 5", "1e3", "0x10", "", "9" * 5_000])
def test_a_content_length_that_is_no_length_is_refused(pbx: Pbx, given: str) -> None:
    refused = exchange(pbx.gateway.address, head(pbx, f"Content-Length: {given}"), b"{}")
    assert refused.refusal in {(400, "bad_request"), (413, "payload_too_large")}
    assert pbx.left_no_trace()


def test_a_content_length_that_is_too_short_cuts_the_body(pbx: Pbx) -> None:
    body = encoded(pbx.reply())
    refused = exchange(pbx.gateway.address, head(pbx, f"Content-Length: {len(body) - 1}"), body)
    assert refused.refusal == (400, "invalid_json")
    assert pbx.left_no_trace()


def test_a_body_that_ends_before_its_length_is_never_taken(pbx: Pbx) -> None:
    body = encoded(pbx.reply())
    with pytest.raises(ConnectionError):
        exchange(
            pbx.gateway.address, head(pbx, f"Content-Length: {len(body) + 1}"), body, ends=True
        )
    assert pbx.left_no_trace()


def test_a_chunked_body_that_breaks_off_is_never_taken(pbx: Pbx) -> None:
    body = encoded(pbx.reply())
    start = b"%x\r\n%s\r\n" % (len(body), body)
    with pytest.raises(ConnectionError):
        exchange(pbx.gateway.address, head(pbx, "Transfer-Encoding: chunked"), start, ends=True)
    assert pbx.left_no_trace()


def test_of_a_name_that_comes_twice_the_last_value_counts(pbx: Pbx) -> None:
    body = encoded(pbx.reply())[:-1] + b', "message_text": "the last word"}'
    assert pbx.post(body=body, headers=[*pbx.proof, ("Prefer", "wait=10")]).status == 200
    assert [each["text"] for each in pbx.received()] == ["the last word"]


def test_numbers_may_be_numbers(pbx: Pbx) -> None:
    number = int(pbx.customer.lstrip("+"))
    assert pbx.outcome(pbx.reply(to=number, message_text=4711, queue=800)).status == 200
    assert [(each["to"], each["text"]) for each in pbx.received()] == [(pbx.customer, "4711")]


@pytest.mark.parametrize("number", ["1e400", "9" * 400, "-0.0", "1.5e-400"])
def test_a_number_of_any_size_breaks_nothing(pbx: Pbx, number: str) -> None:
    body = encoded(pbx.reply())[:-1] + f', "duration_seconds": {number}}}'.encode()
    assert pbx.post(body=body).status in {202, 400}


@pytest.mark.parametrize("depth", [100, 250, 300, 900, 1_100])
def test_an_object_of_any_depth_breaks_nothing(pbx: Pbx, depth: int) -> None:
    body = encoded(pbx.reply())[:-1] + b', "deep": ' + b"[" * depth + b"]" * depth + b"}"
    answer = pbx.post(body=body)
    if answer.status == 202:
        assert pbx.ended(answer.json()["event_id"])["state"] == "sent"
    else:
        assert answer.refusal == (400, "invalid_json")
        assert pbx.left_no_trace()


def test_a_backslash_before_u0000_is_only_a_backslash(pbx: Pbx) -> None:
    assert pbx.outcome(pbx.reply(message_text="type \\u0000")).status == 200
    assert [each["text"] for each in pbx.received()] == ["type \\u0000"]


@pytest.mark.parametrize("text", ["مرحبا", "👩‍👩‍👧 ok", "\u202eabc", "a\tb\nc", "\x7f", "é" * 100])
def test_any_other_text_arrives_as_it_was_written(pbx: Pbx, text: str) -> None:
    body = json.dumps(pbx.reply(message_text=text), ensure_ascii=False).encode()
    assert pbx.post(body=body, headers=[*pbx.proof, ("Prefer", "wait=10")]).status == 200
    assert [each["text"] for each in pbx.received()] == [text]


WRONG_TYPES = [None, True, 1.5, [], ["+966500000001"], {}, {"a": 1}, "", " ", "[Number]"]


@pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
def test_a_field_of_another_type_counts_as_absent(pbx: Pbx, value: object) -> None:
    payload = pbx.reply() | {"to": value, "phone": pbx.customer, "queue": value}
    assert pbx.outcome(payload).status == 200
    assert [each["to"] for each in pbx.received()] == [pbx.customer]


def test_a_field_that_nobody_knows_is_kept(pbx: Pbx) -> None:
    assert pbx.post(pbx.reply(crm={"ticket": [1, None, "x"]})).status == 202
    assert pbx.events()[0]["body"]["crm"] == {"ticket": [1, None, "x"]}


def test_a_content_type_is_not_needed(pbx: Pbx) -> None:
    answer = ask(pbx.gateway.address, "POST", pbx.path, [pbx.proof[0]], encoded(pbx.reply()))
    assert answer.status == 202
