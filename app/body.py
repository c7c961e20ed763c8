"""Request bodies: read within a bound, and parsed into what can be stored."""

from collections.abc import Iterable
from typing import Any

import falcon
import orjson

from core.errors import ErrorCode, Refused

WEBHOOK_BYTES = 262_144  # 256 KB (webhook contract, Request)

_DEEPEST = 200  # levels; what is nested deeper can be read, but not written again


def read_body(req: falcon.Request, at_most: int = WEBHOOK_BYTES) -> bytes:
    """The raw bytes of a body.

    Args:
        req: the request; the server has put a chunked body together already.
        at_most: bytes.

    Raises:
        Refused: `payload_too_large`.
    """
    if (req.content_length or 0) > at_most:
        raise Refused(ErrorCode.PAYLOAD_TOO_LARGE)
    body: bytes = req.bounded_stream.read(at_most + 1)
    if len(body) > at_most:
        raise Refused(ErrorCode.PAYLOAD_TOO_LARGE)
    req.context.body = body  # for app.capture, which sees requests only after their answer
    return body


def parse_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object.

    Raises:
        Refused: `invalid_json`; also for what cannot be kept: a text with U+0000, or more than
            200 levels of nesting.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(ErrorCode.INVALID_JSON) from None
    if not isinstance(payload, dict):
        raise Refused(ErrorCode.INVALID_JSON)
    if b"\\u0000" in body and _holds_nul(payload):
        raise Refused(ErrorCode.INVALID_JSON)
    if body.count(b"[") + body.count(b"{") > _DEEPEST and _is_too_deep(payload):
        raise Refused(ErrorCode.INVALID_JSON)
    return payload


def _holds_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting.extend(each)
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, str) and "\x00" in each:
            return True
    return False


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in _children(each)]
    return any(isinstance(each, dict | list) for each in level)


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
