"""What a customer wrote: as an entry to remember, and as a message of the chat."""

from collections.abc import Mapping
from typing import Any

from app.sandbox.chat import Direction, Message, Status, timestamp_ms
from core import clock


def written(
    phone_number_id: str, customer: str, name: str, node: Mapping[str, Any]
) -> dict[str, Any]:
    """What to remember of a message that a customer wrote, `node` being Meta's form of it."""
    now_ms = clock.now_ms()
    return {
        "kind": "wrote",
        "at_ms": now_ms,
        "wrote_ms": timestamp_ms(node.get("timestamp"), now_ms),
        "message_id": str(node.get("id", "")),
        "phone_number_id": phone_number_id,
        "customer": customer,
        "name": name,
        "type": str(node.get("type", "")),
        "text": _words(node),
    }


def heard_message(entry: Mapping[str, Any]) -> Message:
    """The chat's message that a remembered entry stands for."""
    return Message(
        wamid=entry["message_id"],
        phone_number_id=entry["phone_number_id"],
        customer=entry["customer"],
        direction=Direction.IN,
        type=entry["type"],
        text=entry["text"],
        at_ms=entry["at_ms"],
        status=Status.POSTED,
    )


def _words(node: Mapping[str, Any]) -> str:
    """What a person would see of a message: its text, caption, button title or emoji."""
    part = node.get(str(node.get("type")))
    if not isinstance(part, dict):
        return ""
    inner = next((value for value in part.values() if isinstance(value, dict)), {})
    for key in ("body", "caption", "text", "title", "emoji", "filename", "name"):
        if isinstance(words := part.get(key, inner.get(key)), str):
            return words
    return f"[{node.get('type')}]" if "mime_type" in part else ""
