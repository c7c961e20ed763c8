"""The ways to WhatsApp: a new one is a file here and a line in this table."""

from collections.abc import Mapping

from workers.providers.cloud import CloudApi
from workers.providers.provider import (
    Backoff,
    Provider,
    ProviderError,
    Receipt,
    Sender,
    TextMessage,
    Way,
)

PROVIDERS: Mapping[str, Provider] = {
    "cloud": CloudApi(),
}

__all__ = [
    "PROVIDERS",
    "Backoff",
    "Provider",
    "ProviderError",
    "Receipt",
    "Sender",
    "TextMessage",
    "Way",
]
