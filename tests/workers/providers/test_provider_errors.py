"""Meta's error table, row by row, as the facts about the Cloud API have it."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from urllib3 import HTTPHeaderDict

from core import clock
from workers.providers import Backoff, ProviderError
from workers.providers.errors import MEANINGS, judge, of_code

NO_HEADERS = HTTPHeaderDict()
NOON_MS = 1_790_000_000_000


def refusal(code: Any, **more: Any) -> bytes:
    words = {"message": "(#1) about +966500000001", "type": "OAuthException", "fbtrace_id": "A1"}
    return json.dumps({"error": {**words, "code": code, **more}}).encode()


def what_it_does(error: ProviderError) -> dict[str, Any]:
    """Only what differs from an error that is retried until the validity ends."""
    usual = ProviderError("")
    names = (
        "permanent pause backoff maybe_sent max_retries suppress window_closed pair_backoff"
        " least_wait_ms"
    )
    return {
        name: getattr(error, name)
        for name in names.split()
        if getattr(error, name) != getattr(usual, name)
    }


PAUSE = {"pause": True}
FAIL = {"permanent": True}
SLOW = {"backoff": Backoff.INSTANCE}
TABLE: list[tuple[list[int], dict[str, Any]]] = [
    ([0, 190], PAUSE),
    ([3, 10, 200, 250, 299, 131005], PAUSE),
    ([33], PAUSE),
    ([131042], PAUSE),
    ([368, 131031], PAUSE),
    ([131037, 131045, 133000, 133005, 133006, 133008, 133009, 133010, 133015, 134011], PAUSE),
    ([131048, 131064], PAUSE),
    ([4, 80007, 130429], SLOW),
    ([131056], {"backoff": Backoff.RECIPIENT, "pair_backoff": True}),
    ([1], {"max_retries": 2}),
    ([2, 131000, 131016, 133004], {}),
    ([131057], {**SLOW, "least_wait_ms": 60_000}),
    ([131047], {**FAIL, "window_closed": True}),
    ([131026], FAIL),
    ([131049, 130472, 130497, 131030, 131062, 131063], FAIL),
    ([131050], FAIL),
    ([130403], {**FAIL, "suppress": True}),
    ([100, 131008, 131009, 131021, 131051, 135000, 132000, 132001, 132015, 132999], FAIL),
    ([131053], {"max_retries": 2}),
    ([131052], FAIL),
]
ROWS = [(code, does) for codes, does in TABLE for code in codes]


@pytest.mark.parametrize(("code", "does"), ROWS)
@pytest.mark.parametrize("status", [200, 400, 429, 500, 503])
def test_a_code_decides_whatever_the_http_status_is(
    status: int, code: int, does: dict[str, Any]
) -> None:
    error = judge(status, NO_HEADERS, refusal(code))
    assert what_it_does(error) == does
    assert error.code == code
    assert what_it_does(of_code(code)) == does


def test_every_code_the_table_knows_is_in_these_rows() -> None:
    known = {code for codes, _ in MEANINGS for code in codes}
    assert known == {code for code, _ in ROWS} | {*range(200, 300), *range(132000, 133000)}
    assert len(known) == sum(len(tuple(codes)) for codes, _ in MEANINGS)


@pytest.mark.parametrize("code", [199, 300, 131999, 133001, 424242])
def test_a_code_nobody_knows_is_a_refusal_that_is_tried_twice_more(code: int) -> None:
    assert what_it_does(judge(500, NO_HEADERS, refusal(code))) == {"max_retries": 2}
    assert what_it_does(judge(429, NO_HEADERS, refusal(code))) == SLOW


@pytest.mark.parametrize("subcode", [33, "33"])
def test_a_deleted_number_is_told_by_the_subcode(subcode: Any) -> None:
    assert what_it_does(judge(400, NO_HEADERS, refusal(100, error_subcode=subcode))) == PAUSE
    assert what_it_does(judge(400, NO_HEADERS, refusal(100, error_subcode=34))) == FAIL


@pytest.mark.parametrize("details", ["a string", {"details": "x"}, ["x"], None, 7])
def test_error_data_may_be_anything(details: Any) -> None:
    assert judge(400, NO_HEADERS, refusal(131047, error_data=details)).window_closed


@pytest.mark.parametrize("code", ["131047", 131047.0])
def test_a_code_may_be_a_string(code: Any) -> None:
    assert judge(400, NO_HEADERS, refusal(code)).window_closed


UNREADABLE = [
    b"",
    b"<html>502 Bad Gateway</html>",
    b"{",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"error":"no"}',
    b'{"error":[1]}',
    b'{"error":{}}',
    b'{"messages":[]}',
    b"[" * 100_000,
    *(refusal(code) for code in (None, True, "", "x", 1.5, [4], {"code": 4}, "-1")),
]


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize("status", [200, 302, 400, 404, 500, 502])
def test_without_a_code_the_message_may_have_gone(status: int, body: bytes) -> None:
    assert what_it_does(judge(status, NO_HEADERS, body)) == {"maybe_sent": True}


@pytest.mark.parametrize("body", UNREADABLE)
def test_any_429_slows_the_whole_instance(body: bytes) -> None:
    assert what_it_does(judge(429, NO_HEADERS, body)) == SLOW


def test_no_word_of_metas_is_passed_on() -> None:
    for code, _ in ROWS:
        error = judge(400, NO_HEADERS, refusal(code))
        assert "966500000001" not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("value", "retry_after_ms"),
    [
        ("0", 0),
        ("7", 7_000),
        (" 7 ", 7_000),
        ("9" * 5_000, 3_600_000),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 30_000),
        ("Monday, 21-Sep-26 14:13:50 GMT", 30_000),
        ("Mon Sep 21 14:13:50 2026", 30_000),
        ("Mon, 21 Sep 2026 14:00:00 GMT", 0),
        ("Mon, 21 Sep 2099 14:00:00 GMT", 3_600_000),
        *(
            (bad, None)
            for bad in ("", "soon", "-7", "1.5", "7s", "\u0667", "Mon, 99 Sep 2026", "\x00")
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_reason(
    value: str, retry_after_ms: int | None
) -> None:
    clock.freeze(NOON_MS)
    try:
        assert format_datetime(datetime.fromtimestamp(NOON_MS / 1_000, UTC), usegmt=True) == (
            "Mon, 21 Sep 2026 14:13:20 GMT"
        )
        for status, body in ((429, b""), (400, refusal(131056)), (503, b"")):
            error = judge(status, HTTPHeaderDict({"retry-after": value}), body)
            assert error.retry_after_ms == retry_after_ms
    finally:
        clock.reset()
