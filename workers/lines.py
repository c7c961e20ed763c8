"""What agents read: every kind of message as a line, in their language."""

from schemas import meta


def of_message(told: meta.InboundMessage, _language: str) -> str:
    """A customer's message as an agent reads it."""
    return told.text or f"[{told.type}]"
