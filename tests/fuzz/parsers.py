"""The parsers that meet strangers' input, and what must be true of whatever they read."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
from urllib3 import HTTPHeaderDict
from waitress.adjustments import Adjustments

from app import server
from app.body import parse_object
from core import optout, phone, redact
from core.crypto import Vault
from core.errors import ErrorCode, Refused
from models.base import use_vault
from schemas import lookup, meta, sms, threecx
from tests.backends import ENCRYPTION_KEY, HASH_KEY
from tests.fuzz import documents, garble
from workers import lines
from workers.lines import Beside, of_message
from workers.providers import ProviderError, cloud
from workers.providers.errors import judge
from workers.retry_after import LONGEST_RETRY_AFTER_MS
from workers.text import PART_CHARACTERS, parts, text_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")

_COLUMN = range(-(2**31), 2**31)  # of an integer in Postgres
_LONGEST_KEY = 200
_DAY_MS = 86_400_000


def _is_address(text: str) -> bool:
    return bool(_E164.fullmatch(text) or phone.USER_ID.fullmatch(text))


# The payload of 3CX's webhook.


def threecx_body(rng: Random) -> bytes:
    return garble.body(rng, documents.THREECX)


@contextmanager
def payload_reader() -> Iterator[Callable[[bytes], None]]:
    use_vault(Vault([ENCRYPTION_KEY], HASH_KEY))
    try:
        yield payload_is_read
    finally:
        use_vault(None)


def payload_is_read(raw: bytes) -> None:
    """As the door reads it: refused as JSON, or understood as far as it goes and kept."""
    try:
        payload = parse_object(raw)
    except Refused as refused:
        if refused.code is ErrorCode.INVALID_JSON:
            return
        raise
    for region in (None, "SA"):
        arrival = threecx.read(payload, region, frozenset())
        _is_sound(arrival)
        if arrival.to is not None:
            assert threecx.read(payload, region, frozenset({arrival.to})).to != arrival.to
    own_id = threecx.own_id(payload)
    assert own_id is None or own_id.strip() == own_id != ""
    for column in (arrival.event_type, own_id or ""):
        assert "\x00" not in column
        column.encode()
    kept = orjson.dumps({"to": arrival.to, "text": arrival.text, "body": payload})
    assert orjson.loads(kept)["body"] == payload
    if arrival.text is not None:
        text_hash("acc", arrival.text)


def _is_sound(arrival: threecx.Arrival) -> None:
    assert len(arrival.event_type) <= 64
    assert arrival.event_type != "opt_out_confirmation"
    assert arrival.to is None or _is_address(arrival.to)
    assert arrival.text is None or arrival.text.strip()
    assert arrival.purpose is None or arrival.purpose.strip()


# What Generic SMS and the contact lookup send.


def chat_body(rng: Random) -> bytes:
    return garble.body(rng, documents.CHAT)


def chat_is_read(raw: bytes) -> None:
    """As the doors read it: refused as JSON, or understood as far as it goes and answered."""
    try:
        payload = parse_object(raw)
    except Refused as refused:
        if refused.code is ErrorCode.INVALID_JSON:
            return
        raise
    for region in (None, "SA"):
        said = sms.read(payload, region, frozenset())
        assert said.did is None or _E164.fullmatch(said.did)
        assert said.to is None or _is_address(said.to)
        assert said.text is None or said.text.strip()
        assert all(url.strip() == url != "" for url in said.media)
        if said.to is not None:
            assert sms.read(payload, region, frozenset({said.to})).to is None
    assert orjson.loads(orjson.dumps({"body": payload, "text": said.text}))["text"] == said.text
    asked = lookup.number(payload)
    assert isinstance(asked, str)
    asked.encode()


# Meta's webhook.


def meta_body(rng: Random) -> bytes:
    return garble.body(rng, documents.META)


def notification_is_read(raw: bytes) -> None:
    """Refused as no object, or read item by item, each the same when it is read again."""
    try:
        items = list(meta.items(raw))
    except meta.MalformedWebhook:
        return
    again = list(meta.items(raw))
    assert [each.dedup_key for each in again] == [each.dedup_key for each in items]
    for item in items:
        kept = item.to_bytes()
        assert b"\\u0000" not in kept
        read = meta.from_bytes(kept)
        assert read.to_bytes() == kept
        assert read.dedup_key == item.dedup_key
        assert len(item.dedup_key) <= _LONGEST_KEY
        _fits_its_columns(item)


def _fits_its_columns(item: meta.Item) -> None:
    if isinstance(item, meta.StatusUpdate):
        assert all(code in _COLUMN for code in item.errors)
        assert item.at_ms is None or 0 < item.at_ms < 2**63
    if isinstance(item, meta.InboundMessage):
        assert item.from_phone is None or _E164.fullmatch(item.from_phone)
        assert item.sent_at_ms is None or 0 < item.sent_at_ms < 2**63
        optout.read(item.opt_out_candidates)
        optout.language(item.opt_out_candidates)


# What agents read of it.


def lines_are_read(raw: bytes) -> None:
    """A line for every message, bounded, none of whose lines passes for one of ours but its own."""
    try:
        items = list(meta.items(raw))
    except meta.MalformedWebhook:
        return
    for item in items:
        if isinstance(item, meta.InboundMessage):
            line = of_message(item, Beside("ar", "https://gw.example/media/x", item.text))
            assert line.strip()
            assert len(line) < _LONGEST_LINE
            line.encode()
            file = meta.media_of(item.raw)
            assert file is None or _MEDIA_ID.fullmatch(file.media_id)
            assert lines.refers_to(item) is None or isinstance(lines.refers_to(item), str)


def customers_text(rng: Random) -> str:
    seen = rng.choice((*_OWN_MARKS, "a", ""))
    around = rng.choice((*documents.AROUND, "\n", "\r", "\u2028", "\x85", "\u2800", "\u2066"))
    return garble.text(rng)[:60] + around + rng.choice(documents.UNSEEN) + seen + garble.text(rng)


def text_is_harmless(text: str) -> None:
    """Nothing unseen is left, and no line begins as ours do."""
    shown = lines.harmless(text)
    for each in shown.splitlines():
        assert not each.strip().startswith(_OWN_MARKS)
    assert len(shown) <= 3 * lines.TEXT_CHARACTERS + 1
    assert "\n" not in lines.one_line(text)


_OWN_MARKS = ("⚠", "✓", "↪", "[")
_MEDIA_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_LONGEST_LINE = 10_000


# What Meta answers to a request.


def meta_answer(rng: Random) -> tuple[int, dict[str, str], bytes]:
    status = rng.choice((200, 201, 204, 301, 400, 401, 404, 429, 500, 503, 599))
    headers = {}
    if rng.random() < 0.5:
        headers["Retry-After"] = garble.text(rng).replace("\n", "") or "7"
        if rng.random() < 0.6:
            headers["retry-after"] = rng.choice(documents.RETRY_AFTER)
    return status, headers, garble.body(rng, documents.ANSWERS)


def answer_is_judged(made: tuple[int, dict[str, str], bytes]) -> None:
    """A receipt that can be kept, or an error that says how to go on."""
    status, headers, raw = made
    receipt = cloud._receipt(raw)
    if receipt is not None:
        assert receipt.provider_message_id
        receipt.provider_message_id.encode()
        assert receipt.wa_id is None or _E164.fullmatch(receipt.wa_id)
    error = judge(status, HTTPHeaderDict(headers), raw)
    assert isinstance(error, ProviderError)
    assert error.code is None or error.code in _COLUMN
    assert error.retry_after_ms is None or 0 <= error.retry_after_ms <= LONGEST_RETRY_AFTER_MS
    for tries in (0, 3, 1_000):
        assert 0 <= error.wait_ms(tries) <= _DAY_MS
        error.gives_up(tries)
    assert str(error)


# Numbers.


def number(rng: Random) -> tuple[Any, str | None]:
    region = rng.choice((None, "SA", "US", "DE", "IT", "XX", ""))
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(documents.NOT_TEXTS), region
    if kind < 0.2:
        return rng.randrange(10 ** rng.randrange(1, 20)), region
    if kind < 0.3:
        return garble.text(rng), region
    digits = str(rng.randrange(10 ** rng.randrange(1, 17)))
    return _as_people_write(rng, rng.choice(documents.PREFIXES) + digits), region


def _as_people_write(rng: Random, digits: str) -> str:
    script = rng.choice(documents.DIGITS)
    return "".join(
        (script[int(each)] if each.isdecimal() else each)
        + (rng.choice(documents.GAPS) if rng.random() < 0.2 else "")
        for each in digits
    )


def number_is_normalised(made: tuple[Any, str | None]) -> None:
    """E.164 that reads as itself, also with gaps; or nothing."""
    value, region = made
    found = phone.normalise(value, region)
    if found is None:
        return
    assert _E164.fullmatch(found)
    assert phone.normalise(found, region) == phone.normalise(found, None) == found
    assert phone.normalise(" -".join(found), None) == found
    assert found[1:] not in phone.mask(found)


# Words to stop and to start.


def said(rng: Random) -> tuple[str, optout.Keyword | None]:
    if rng.random() < 0.5:
        return garble.text(rng), None
    word = rng.choice(optout.WORDS)
    text = rng.choice((str.upper, str.lower, str.title, str))(word.text)
    text = "".join(each + rng.choice(documents.UNSEEN) for each in text)
    around = rng.choice(documents.AROUND)
    return f"{around}{text}{around}", word.keyword


def word_is_heard(made: tuple[str, optout.Keyword | None]) -> None:
    """A word counts in any spelling; folding what is folded changes nothing."""
    text, keyword = made
    folded = optout.fold(text)
    assert optout.fold(folded) == folded
    heard = optout.read([text], _EVERY_WORD)
    assert heard is keyword or keyword is None
    optout.language([text])


_EVERY_WORD = optout.Vocabulary.of(
    [word.text for word in optout.WORDS if word.keyword is optout.Keyword.STOP],
    [word.text for word in optout.WORDS if word.keyword is optout.Keyword.START],
)


# Long texts.


def long_text(rng: Random) -> str:
    seed = "".join(garble.text(rng) for _ in range(rng.randrange(1, 4)))[:200]
    return (seed * rng.choice((1, 10, 100, 1_000)))[: rng.choice((4_095, 4_096, 4_097, 30_000))]


def text_is_cut(text: str) -> None:
    """Into pieces that WhatsApp takes, which are the whole text but for blanks."""
    pieces = parts(text)
    assert all(len(piece) <= PART_CHARACTERS for piece in pieces)
    assert all(piece.strip() for piece in pieces)
    left = text
    for piece in pieces:
        blanks, _, left = left.partition(piece)
        assert not blanks.strip()
    assert not left.strip()


# What goes to a log.


def log_line(rng: Random) -> tuple[str, str]:
    digits = str(rng.randrange(10**9, 10**13))
    # With dots it may read as an address of the network, which stays.
    written = rng.choice(("+", "00", "")) + _as_people_write(rng, digits).replace(".", "-")
    around = [garble.text(rng)[:200] + rng.choice(documents.BESIDE) for _ in range(2)]
    return f"{around[0]} {written} {around[1]}", digits


def line_is_scrubbed(made: tuple[str, str]) -> None:
    """No number in it is left."""
    line, digits = made
    shown = "".join(str(int(each)) for each in redact.scrub(line) if each.isdecimal())
    assert digits not in shown
    redact.scrub_any({"line": line, line: [line]})


# The head of a request.


def pieces_of_http(rng: Random) -> list[bytes]:
    raw = rng.choice(documents.HTTP)
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        raw = rng.choice((garble.garbled, _with_header))(rng, raw)
    cut = sorted(rng.randrange(len(raw) + 1) for _ in range(rng.choice((0, 0, 1, 3))))
    return [raw[a:b] for a, b in zip([0, *cut], [*cut, len(raw)], strict=True)]


def _with_header(rng: Random, raw: bytes) -> bytes:
    first, end, rest = raw.partition(b"\r\n")
    return first + end + rng.choice(documents.HEADERS) + b"\r\n" + rest


def request_is_parsed(pieces: list[bytes]) -> None:
    """However it is cut: parsed, refused, or waited for; never a crash of the socket's thread."""
    parser = server._Parser(_ADJUSTMENTS)
    for piece in pieces:
        left = piece
        while left:
            taken = parser.received(left)
            assert 0 < taken <= len(left)
            left = left[taken:]
            if parser.completed:
                refused = parser.error is not None
                parser.close()
                parser = server._Parser(_ADJUSTMENTS)
                if refused:
                    return


_ADJUSTMENTS = Adjustments(max_request_body_size=server._BODY_BYTES)
