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
from schemas.meta.shown import Media, media_of
from schemas.meta.signature import verify

__all__ = [
    "IdentityChange",
    "InboundMessage",
    "Item",
    "MalformedWebhook",
    "Media",
    "Other",
    "StatusUpdate",
    "from_bytes",
    "items",
    "media_of",
    "verify",
]
