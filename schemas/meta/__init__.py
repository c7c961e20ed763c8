"""What WhatsApp's side sends us: Meta's webhooks."""

from schemas.meta.document import MalformedWebhook
from schemas.meta.items import (
    IdentityChange,
    InboundMessage,
    Item,
    Other,
    StatusUpdate,
    from_bytes,
)
from schemas.meta.notification import items
from schemas.meta.signature import verify

__all__ = [
    "IdentityChange",
    "InboundMessage",
    "Item",
    "MalformedWebhook",
    "Other",
    "StatusUpdate",
    "from_bytes",
    "items",
    "verify",
]
