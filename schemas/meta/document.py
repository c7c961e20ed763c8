"""Reads a body as JSON, giving up only when there is no object in it."""

import json
import re
from typing import Any

import orjson

# Far above what Meta nests (about 10), far below what any JSON writer refuses (254).
MAX_DEPTH = 64
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")
_LONGEST_INTEGER = 18


class MalformedWebhook(ValueError):
    """The body is not a JSON object."""


def read(body: bytes) -> dict[str, Any]:
    r"""The object in a body, such that it can be written as JSON and kept in Postgres.

    NULs and lone surrogates, which Postgres and UTF-8 refuse, are taken out of every string, and
    what is nested deeper than 64 levels becomes null: one such item must not cost its neighbours.

    Raises:
        MalformedWebhook: the body is not a JSON object; its text is not quoted.
    """
    found = _quick(body)
    if found is None:
        found = _patient(body)
    if not isinstance(found, dict):
        raise MalformedWebhook("the body is not a JSON object")
    return found


def _quick(body: bytes) -> Any:
    """The object as orjson reads it, or None when something needs mending."""
    if b"\\u0000" in body:
        return None
    try:
        found = orjson.loads(body)
        # Reading allows deeper nesting than writing does.
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return found


def _patient(body: bytes) -> Any:
    text = _shallow(body).decode("utf-8-sig", "replace")
    try:
        found = json.loads(
            text, strict=False, parse_int=_integer, parse_constant=lambda _name: None
        )
    except ValueError:
        return None
    return _clean(found)


def _shallow(body: bytes) -> bytes:
    """The body with null in place of everything nested too deep."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(body):
        if token[0] in {b"[", b"{"}:
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept.append(body[start : token.start()])
        elif token[0] in {b"]", b"}"}:
            if depth == MAX_DEPTH + 1:
                kept.append(b"null")
                start = token.end()
            depth -= 1
    if depth <= MAX_DEPTH:
        kept.append(body[start:])
    return b"".join(kept)


def _integer(digits: str) -> float:
    # Python refuses to read integers of thousands of digits, and 64 bits are all that is written.
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value.replace("\x00", ""))
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
