"""The ways to WhatsApp: a new one is a file here and a line in this table."""

from collections.abc import Mapping

from workers.providers.cloud import CloudApi
from workers.providers.provider import (
    Backoff,
    MediaError,
    MediaMessage,
    Message,
    Provider,
    ProviderError,
    Receipt,
    Sender,
    TextMessage,
    Upload,
    Way,
)

PROVIDERS: Mapping[str, Provider] = {
    "cloud": CloudApi(),
}

__all__ = [
    "PROVIDERS",
    "Backoff",
    "MediaError",
    "MediaMessage",
    "Message",
    "Provider",
    "ProviderError",
    "Receipt",
    "Sender",
    "TextMessage",
    "Upload",
    "Way",
]
