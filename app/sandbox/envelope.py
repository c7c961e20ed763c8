"""Webhooks as Meta writes them (its page "Webhooks: payload examples"), and their signature."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from app.sandbox.chat import Message, Status, is_user_id
from app.sandbox.errors import REENGAGEMENT, title
from app.sandbox.number import Number
from core import clock

_BUSINESS_ACCOUNT_ID = "102290129340398"
_DETAILS = {
    REENGAGEMENT: "Message failed to send because more than 24 hours have passed "
    "since the customer last replied to this number."
}


def sign(app_secret: str, raw: bytes) -> str:
    """The X-Hub-Signature-256 header of these bytes."""
    return "sha256=" + hmac.new(app_secret.encode(), raw, hashlib.sha256).hexdigest()


def inbound(
    number: Number,
    customer: str,
    name: str,
    node: Mapping[str, Any],
    contact: Mapping[str, Any] | None = None,
) -> bytes:
    """The webhook of a customer's message; `contact` goes over ours, null leaves a key out."""
    messages: dict[str, Any] = {"messages": [node]}
    if node.get("type") == "system":  # Meta sends these without contacts
        return _envelope(number, messages)
    profile = {"name": name} if name else {}
    told = {"profile": profile, **_contact(customer), **(contact or {})}
    sender = {key: value for key, value in told.items() if value is not None}
    return _envelope(number, {"contacts": [sender], **messages})


def status(number: Number, message: Message, reached: Status) -> bytes:
    """The webhook that says how far a message of the business has come."""
    node: dict[str, Any] = {
        "id": message.wamid,
        "status": reached,
        "timestamp": str(clock.now_ms() // 1000),
    }
    who = "recipient_user_id" if is_user_id(message.customer) else "recipient_id"
    node[who] = message.customer
    if message.callback is not None:
        node["biz_opaque_callback_data"] = message.callback
    if reached is Status.FAILED:
        node["errors"] = [_error(message.fails or 0)]
        return _envelope(number, {"statuses": [node]})
    if reached in (Status.SENT, Status.DELIVERED):
        node["pricing"] = {
            "billable": False,
            "pricing_model": "PMP",
            "type": "free_customer_service",
            "category": "service",
        }
    return _envelope(number, {"contacts": [_contact(message.customer)], "statuses": [node]})


def _contact(customer: str) -> dict[str, str]:
    return {"user_id" if is_user_id(customer) else "wa_id": customer}


def _error(code: int) -> dict[str, Any]:
    words = title(code)
    return {
        "code": code,
        "title": words,
        "message": words,
        "error_data": {"details": _DETAILS.get(code, words)},
    }


def _envelope(number: Number, said: Mapping[str, Any]) -> bytes:
    metadata = {
        "display_phone_number": number.display_phone_number.lstrip("+"),
        "phone_number_id": number.phone_number_id,
    }
    value = {"messaging_product": "whatsapp", "metadata": metadata, **said}
    envelope = {
        "object": "whatsapp_business_account",
        "entry": [{"id": _BUSINESS_ACCOUNT_ID, "changes": [{"value": value, "field": "messages"}]}],
    }
    # Meta escapes everything beyond ASCII as \uXXXX and signs those bytes, so orjson cannot do it.
    return json.dumps(envelope, ensure_ascii=True, separators=(",", ":")).encode("ascii")
