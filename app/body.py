"""Request bodies: read within a bound, and parsed into what can be stored."""

from typing import Any

import falcon
import orjson

from core.errors import ErrorCode, Refused

WEBHOOK_BYTES = 262_144  # 256 KB (webhook contract, Request)


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
    return body


def parse_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object.

    Raises:
        Refused: `invalid_json`; also for a text with U+0000, which no database keeps.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(ErrorCode.INVALID_JSON) from None
    if not isinstance(payload, dict):
        raise Refused(ErrorCode.INVALID_JSON)
    if b"\\u0000" in body and _holds_nul(payload):
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
