"""A request to send, judged as Meta judges it (its reference page of POST /messages)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.sandbox.chat import customer_key, is_user_id
from app.sandbox.errors import MetaError, invalid, missing

TEXT_CHARACTERS = 4_096
CAPTION_CHARACTERS = 1_024
CALLBACK_CHARACTERS = 512
_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Send:
    """A message to a customer that passed Meta's checks."""

    customer: str = field(repr=False)
    written: str = field(repr=False)
    type: str
    text: str = field(repr=False)
    callback: str | None = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class MarkRead:
    """The business has read a customer's message, and may show that it is typing."""

    wamid: str
    typing: bool
    body: Mapping[str, Any] = field(repr=False)


def parse(raw: bytes) -> Send | MarkRead:
    """Turn the bytes of a POST into a request; raises MetaError with Meta's own code."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise invalid("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The request body must be a JSON object.")
    if "messaging_product" not in body:
        raise missing("messaging_product")
    if body["messaging_product"] != "whatsapp":
        raise invalid("Param messaging_product must be one of {WHATSAPP}.")
    return _mark_read(body) if "status" in body else _send(body)


def _mark_read(body: dict[str, Any]) -> MarkRead:
    if body["status"] != "read":
        raise invalid("Param status must be one of {READ}.")
    wamid = body.get("message_id")
    if not isinstance(wamid, str) or not wamid:
        raise missing("message_id")
    typing = body.get("typing_indicator")
    if typing is not None and typing != {"type": "text"}:
        raise invalid("Param typing_indicator['type'] must be one of {TEXT}.")
    return MarkRead(wamid, typing is not None, body)


def _send(body: dict[str, Any]) -> Send:
    written, customer = _recipient(body)
    if body.get("recipient_type", "individual") != "individual":
        raise invalid("Param recipient_type must be one of {INDIVIDUAL}.")
    kind = body.get("type", "text")
    if not isinstance(kind, str) or kind not in _KINDS:
        names = ", ".join(name.upper() for name in _KINDS)
        raise invalid(f"Param type must be one of {{{names}}}.")
    node = body.get(kind)
    if not isinstance(node, dict):
        raise MetaError(131008, f"Parameter '{kind}' is mandatory for type '{kind}'")
    callback = _string(body, "biz_opaque_callback_data", CALLBACK_CHARACTERS)
    _context(body)
    return Send(customer, written, kind, _KINDS[kind](node, kind), callback, body)


def _recipient(body: dict[str, Any]) -> tuple[str, str]:
    if not (name := next((name for name in ("to", "recipient") if body.get(name)), None)):
        raise missing("to")
    written = body[name]
    customer = customer_key(written) if isinstance(written, str) else None
    if customer is None or is_user_id(customer) is not (name == "recipient"):
        raise MetaError(131009, f"Parameter '{name}' is not a valid WhatsApp recipient.")
    return written, customer


def _context(body: dict[str, Any]) -> None:
    context = body.get("context")
    if context is None:
        return
    if not isinstance(context, dict) or not isinstance(context.get("message_id"), str):
        raise MetaError(131009, "Parameter 'context' must hold a message_id.")


def _text(node: dict[str, Any], _kind: str) -> str:
    body = _string(node, "body", TEXT_CHARACTERS, "text['body']")
    if not body:
        raise missing("text['body']")
    return body


def _media(node: dict[str, Any], kind: str) -> str:
    media_id, link = _string(node, "id"), _string(node, "link")
    if bool(media_id) is bool(link):
        raise MetaError(131008, f"Parameter '{kind}' needs either an id or a link.")
    if link and not _LINK.fullmatch(link):
        raise MetaError(131009, f"Parameter '{kind}' holds a link that is not a URL.")
    caption = _string(node, "caption", CAPTION_CHARACTERS)
    if caption and kind in {"audio", "sticker"}:
        raise invalid(f"Param {kind} has no caption.")
    return caption or _string(node, "filename") or link or f"[{kind}]"


_KINDS: dict[str, Callable[[dict[str, Any], str], str]] = {
    "text": _text,
    "image": _media,
    "document": _media,
    "audio": _media,
    "video": _media,
    "sticker": _media,
}
_FILE_TYPES = re.compile(r"(?:image|audio|video|text|application)/[\w.+-]{1,100}")


def takes(mime_type: str) -> bool:
    """Whether a file of this type may be uploaded at all."""
    return _FILE_TYPES.fullmatch(mime_type) is not None


def _string(node: dict[str, Any], name: str, longest: int = 0, shown: str = "") -> str | None:
    value = node.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid(f"Param {shown or name} must be a string.")
    if longest and len(value) > longest:
        raise invalid(f"Param {shown or name} must be at most {longest} characters long.")
    return value
