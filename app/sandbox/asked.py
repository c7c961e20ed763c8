"""What a caller of the sandbox's own API asks for, read from a request."""

from collections.abc import Mapping
from typing import Any

import falcon
import orjson

from app.sandbox.chat import customer_key
from app.sandbox.guard import Refused

BODY_BYTES = 1024 * 1024


def read_body(req: falcon.Request) -> bytes:
    """The request's body, of at most 1 MB; raises Refused."""
    body = req.bounded_stream.read(BODY_BYTES + 1)
    if len(body) > BODY_BYTES:
        raise Refused(413, "payload_too_large", "The sandbox reads at most 1 MB.")
    return body


def json_of(req: falcon.Request) -> Any:
    """The body as JSON; raises Refused."""
    try:
        return orjson.loads(read_body(req))
    except orjson.JSONDecodeError:
        raise Refused(400, "invalid_json", "The body is not valid JSON.") from None


def json_object(req: falcon.Request) -> dict[str, Any]:
    """The body as a JSON object; raises Refused."""
    parsed = json_of(req)
    if not isinstance(parsed, dict):
        raise Refused(400, "invalid_json", "The body must be a JSON object.")
    return parsed


def optional(asked: Mapping[str, Any], key: str, kind: type) -> Any:
    """A value of this type, or None where there is none; raises Refused."""
    value = asked.get(key)
    if value is not None and not isinstance(value, kind):
        raise Refused(400, "invalid_request", f"{key} has the wrong type.")
    return value


def customer_of(written: str) -> str:
    """The customer of a path; raises Refused."""
    key = customer_key(written)
    if key is None:
        words = "The customer must be an international phone number or a user id."
        raise Refused(400, "invalid_request", words)
    return key


def message_node(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A customer's message as Meta writes it, from the API's JSON; raises Refused.

    `text` is a string; any other type is given as Meta's node under its own name (`button`,
    `interactive`, `image`, …); `raw` is the whole message and taken as it is.
    """
    if (raw := optional(asked, "raw", dict)) is not None:
        return dict(raw)
    known = {"phone_number_id", "name", "contact", "timestamp", "context", "type"}
    kind = optional(asked, "type", str) or next((key for key in asked if key not in known), "")
    part = asked.get(kind)
    if kind == "text" and isinstance(part, str):
        part = {"body": part}
    if not isinstance(part, (dict, list)):
        raise Refused(400, "invalid_request", "Say a text, or give the message's own node, or raw.")
    if kind == "interactive" and isinstance(part, dict) and "type" not in part:
        part = {"type": next(iter(part), ""), **part}
    node: dict[str, Any] = {"type": kind, kind: part}
    if (timestamp := asked.get("timestamp")) is not None:
        node["timestamp"] = str(timestamp)
    if (context := optional(asked, "context", dict)) is not None:
        node["context"] = context
    return node
