"""What a request looked like is told, and nothing that it said."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import shape
from core import clock


def shown(key: str, value: Any) -> Any:
    (found,) = shape.of_body(json.dumps({key: value}).encode())["json"].values()
    return found


@pytest.mark.parametrize(
    ("key", "value", "seen"),
    [
        ("event_type", "outbound_message", "outbound_message"),
        ("event_type", " Missed_Call", " Missed_Call"),
        ("event_type", "parcel", "<text, 6 characters>"),
        ("message_purpose", "marketing", "marketing"),
        ("call_type", "Notanswered", "Notanswered"),
        ("to", "+966512345678", "+••••••••••78"),
        ("to", "(05) 12-34 56.78", "(••) ••-•• ••.78"),
        ("to", "٠٥١٢٣٤٥٦٧٨", "••••••••٧٨"),
        ("to", "[Number]", "[Number]"),
        ("to", "[Nummer]", "<unfilled variable, 8 characters>"),
        ("to", "", ""),
        ("to", "nobody", "<text, 6 characters>"),
        ("to", 966512345678, "<number, ••••••••••78>"),
        ("anything", "0512345678", "••••••••78"),
        ("anything", "\u200e0512345678\u200f", "\ufffd••••••••78\ufffd"),
        ("pin", "4839", "••••"),
        ("pin", 4839, "<number, ••••>"),
        ("anything", "Sara", "<text, 4 characters>"),
        ("message_text", "0512345678", "<text, 10 characters>"),
        ("message_text", "support", "<text, 7 characters>"),
        ("message_text", "Dear [Name], ok", "<text, 15 characters, with [Name]>"),
        ("message_text", "  ", "<text, 2 characters>"),
        ("agent_extension", "100", "100"),
        ("duration_seconds", 75, 75),
        ("duration_seconds", "00:01:15", "00:01:15"),
        ("call_time", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("call_time", "22/11/2026 10:00 AM", "22/11/2026 10:00 AM"),
        ("call_time", "0512345678", "••••••••78"),
        ("call_time", "0512-34-5678", "••••-••-••78"),
        ("flag", True, True),
        ("flag", None, None),
        ("list", ["support", "Sara", 1], ["support", "<text, 4 characters>", "<number, •>"]),
        ("object", {"to": "+966512345678"}, {"to": "+••••••••••78"}),
        ("object", {}, {}),
        ("list", [""] * 60, [""] * 50 + ["<10 more>"]),
    ],
)
def test_a_value_is_shown_as_far_as_it_is_harmless(key: str, value: Any, seen: Any) -> None:
    assert shown(key, value) == seen


@pytest.mark.parametrize(
    "name", ["966512345678", "Sara Ahmed", "whsec_" + "a1b2c3" * 8, "سارة", "a" * 41, "x1234"]
)
def test_a_name_that_may_be_more_than_a_name_is_hidden(name: str) -> None:
    assert list(shape.of_body(json.dumps({name: 1}).encode())["json"]) == [
        f"<name, {len(name)} characters>"
    ]
    assert shape.of_query(f"{name}=1") == [f"<name, {len(name)} characters>"]


@pytest.mark.parametrize(
    ("body", "broken", "around"),
    [
        (b"", "it is empty", None),
        (b'{"to": "\xff"}', "it is not UTF-8, from byte 9 on", None),
        (b'{"a": "He said "hi" now"}', "(line 1, column 17)", '{"x": "xx xxxx "xx" xxx"}'),
        (b'{"a": "x\ny"}', "control character in string (line 1, column 9)", '{"x": "x\\nx"}'),
        (b'{"a": 12', "unexpected end of data (line 1, column 9)", '{"x": 00'),
        (b"to=%2B966&text=hi", "(line 1, column 1)", "xx=x0x000&xxxx=xx"),
        (b"[1]", "it is JSON, and not an object", None),
        (b'{"a": "\\u0000"}', "it holds a character U+0000, or too many levels", None),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "or too many levels", None),
    ],
)
def test_a_body_that_is_no_object_says_where_it_broke(
    body: bytes, broken: str, around: str | None
) -> None:
    found = shape.of_body(body)
    assert broken in found["broken"]
    assert found.get("around") == around
    assert found["length"] == len(body)


def test_headers_are_named_and_only_harmless_values_shown() -> None:
    assert shape.of_headers(
        {
            "CONTENT-TYPE": "application/json",
            "USER-AGENT": "3CX/20 +966512345678\x1b[2J",
            "AUTHORIZATION": "Bearer hush",
            "COOKIE": "hush=1",
            "X-WHATSAPP-GATEWAY-3CX-SECRET": "whsec_hush",
            "X-WHATSAPP-GATEWAY-SIGNATURE": "sha256=hush",
            "X-A1B2C3D4": "hush",
        }
    ) == {
        "content-type": "application/json",
        "user-agent": "3CX/20 [phone]\ufffd[2J",
        "authorization": "present (Bearer)",
        "cookie": "present",
        "x-whatsapp-gateway-3cx-secret": "present",
        "x-whatsapp-gateway-signature": "present",
        "<name, 10 characters>": "present",
    }


_NUMBER = "966512345678"
_TEXT = "the parcel is on its way"
_PLACES = st.recursive(
    st.sampled_from([_TEXT, f"+{_NUMBER}", _NUMBER, int(_NUMBER), f"Call {_NUMBER}, {_TEXT}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_PLACES, st.integers(0, 200))
def test_no_number_and_no_text_comes_through_wherever_it_stood(value: Any, cut: int) -> None:
    body = orjson.dumps({"message_text": _TEXT, "to": f"+{_NUMBER}", "more": value})
    for each in (body, body[:-cut]):
        seen = json.dumps(shape.of_body(each), ensure_ascii=False)
        assert _NUMBER[:-2] not in seen
        assert _TEXT[:10] not in seen


@pytest.mark.parametrize("part", ["time", "date", "[Number]", "a.", "1:", "[[", "+ "])
def test_no_body_takes_long_to_be_looked_at(part: str) -> None:
    long = part * (60_000 // len(part)) + "\n"
    began = clock.monotonic()
    shape.of_body(json.dumps({long: long}).encode())
    assert clock.monotonic() - began < 1


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_body_has_a_shape(body: bytes) -> None:
    assert orjson.dumps(shape.of_body(body))
