"""What a request looked like, without what it said: names, kinds, lengths, and masked numbers."""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from app.body import parse_object
from core.errors import Refused
from core.redact import scrub
from core.words import PUBLISHED_TYPES, Purpose

_DEEPEST, _MOST_ITEMS = 6, 50
_AROUND = 20  # characters on each side of where a body breaks
_LONGEST_HEADER = 120
_NUMBER_DIGITS = 5  # fewer are an extension, a count, or a code
_SHOWN_DIGITS = 2

_SHOWN_HEADERS = frozenset({"content-type", "content-length", "user-agent", "transfer-encoding"})
_SCHEME = re.compile(r"(?i)(bearer|basic|digest)\s")
# A name that somebody chose, and neither a token nor a number that stands in its place.
_NAME = re.compile(r"(?=.{1,40}\Z)(?=(?:\D*\d){0,3}\D*\Z)[A-Za-z][\w.\-]*", re.ASCII)

_COUNTS = frozenset({"agent_extension", "queue", "duration_seconds", "duration"})
_TEXTS = frozenset({"message_text", "message", "text", "body", "caption"})
_TIMES = re.compile("(?i)time|date|duration")
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?: ?[AaPp][Mm])?(?:Z|[+\-]\d{2}:?\d{2})?"
_DAY = r"(?:(?:19|20)\d{2}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.](?:19|20)\d{2})"
_TIME = re.compile(rf"{_CLOCK}|{_DAY}(?:[T ]{_CLOCK})?")
_WORDS = frozenset(PUBLISHED_TYPES) | frozenset(Purpose) | {
    # The purposes that are blocked by name (webhook contract), and 3CX's [CallType].
    *("marketing", "promotion", "cold_outreach", "bulk_campaign", "political", "unknown"),
    *("inbound", "outbound", "missed", "notanswered"),
}  # fmt: skip
# What a 3CX template may leave unfilled (its ReportCall scenario and its lookup).
_VARIABLES = (
    "CallType CallDirection Number Name Agent AgentEmail AgentFirstName AgentLastName "
    "QueueExtension Duration DurationTimespan DateTime CallStartTimeLocal CallStartTimeUTC "
    "CallEstablishedTimeUTC CallEndTimeUTC EntityId EntityType Message Text Caller Purpose"
)
_VARIABLE = re.compile(rf"\[(?:{'|'.join(_VARIABLES.split())})\]")
_UNFILLED = re.compile(r"\[\w*\]")


def of_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers' names, with the values of those that are harmless."""
    given = [(name.lower(), value) for name, value in _first(headers.items())]
    return {_name(name): _header(name, value) for name, value in given}


def of_query(query: str) -> list[str]:
    """The names of a query string's parameters."""
    return [_name(each.partition("=")[0]) for each in query.split("&")[:_MOST_ITEMS] if each]


def of_body(body: bytes) -> dict[str, Any]:
    """A body: its `length` in bytes, its `json`, and where it is no object, how it is `broken`.

    Known words, unfilled [Variables], times, extensions and what is empty are shown. Of another
    number the last two digits are, of every other text its length.
    """
    shape: dict[str, Any] = {"length": len(body)}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as failure:
        return shape | _break(body, failure)
    shape["json"] = _value("", value, _DEEPEST)
    if not isinstance(value, dict):
        return shape | {"broken": "it is JSON, and not an object"}
    try:
        parse_object(body)
    except Refused:
        shape["broken"] = "it holds a character U+0000, or too many levels"
    return shape


def _header(name: str, value: str) -> str:
    if name in _SHOWN_HEADERS:
        shown = scrub(value)[:_LONGEST_HEADER]
        return "".join(char if char.isprintable() else "\ufffd" for char in shown)
    scheme = _SCHEME.match(value) if name == "authorization" else None
    return f"present ({scheme[1].capitalize()})" if scheme else "present"


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) else f"<name, {len(name)} characters>"


def _break(body: bytes, failure: orjson.JSONDecodeError) -> dict[str, Any]:
    if not body:
        return {"broken": "it is empty"}
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        return {"broken": f"it is not UTF-8, from byte {wrong.start + 1} on"}
    place = f"line {failure.lineno}, column {failure.colno}"
    around = text[max(0, failure.pos - _AROUND) : failure.pos + _AROUND]
    return {"broken": f"{failure.msg} ({place})", "around": "".join(map(_outline, around))}


def _outline(char: str) -> str:
    if char in '{}[]":,\\ =&':
        return char
    if char in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char]
    return "0" if char.isdecimal() else "x"


def _value(key: str, value: Any, levels: int) -> Any:
    if isinstance(value, dict | list):
        return _children(key, value, levels - 1) if levels else "<deeper levels>"
    if isinstance(value, str):
        return _text(key, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = _masked(key, str(value))
        return value if text == str(value) else f"<number, {text}>"
    return value


def _children(key: str, value: dict[str, Any] | list[Any], levels: int) -> Any:
    more = len(value) - _MOST_ITEMS
    if isinstance(value, list):
        items = [_value(key, each, levels) for each in value[:_MOST_ITEMS]]
        return [*items, f"<{more} more>"] if more > 0 else items
    shown = {_name(name): _value(name, each, levels) for name, each in _first(value.items())}
    return shown | {f"<{more} more>": None} if more > 0 else shown


def _first(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    return islice(items, _MOST_ITEMS)


def _text(key: str, text: str) -> str:
    bare = text.strip()
    if not text or _VARIABLE.fullmatch(bare):
        return text
    if _UNFILLED.fullmatch(bare):
        return f"<unfilled variable, {len(text)} characters>"
    if key.lower() not in _TEXTS:
        if bare.lower() in _WORDS or (_TIMES.search(key) and _TIME.fullmatch(bare)):
            return text
        if _is_number(text):
            return _masked(key, text)
    variables = sorted(set(_VARIABLE.findall(text)))
    return f"<text, {len(text)} characters{', with ' if variables else ''}{' '.join(variables)}>"


def _is_number(text: str) -> bool:
    return len(text) <= 64 and _digits(text) > 0 and not any(map(str.isalpha, text))  # noqa: PLR2004


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))


def _masked(key: str, text: str) -> str:
    digits = _digits(text)
    hidden = digits - _SHOWN_DIGITS
    if digits < _NUMBER_DIGITS:
        hidden = 0 if key in _COUNTS else digits
    shown = ""
    for char in text:
        if char.isdecimal():
            shown += "•" if hidden > 0 else char
            hidden -= 1
        else:
            shown += char if char in "+ ()-./#*" else "\ufffd"
    return shown
