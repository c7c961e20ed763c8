"""What Meta's webhooks tell, one thing an item, ready to be stored and read again.

An item's repr shows nothing of a person. Message ids are left out of it too: Meta's wamids hold
the customer's number in base64.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any, ClassVar

import orjson

_LONGEST_PLAIN_KEY = 200


@dataclass(frozen=True, slots=True)
class _Item:
    kind: ClassVar[str]

    @property
    def dedup_key(self) -> str:
        """The same for every delivery of the same thing, at most 200 characters."""
        return self._digest()

    def to_bytes(self) -> bytes:
        """The item as JSON; `from_bytes` reads it."""
        return orjson.dumps({"kind": self.kind, "item": self}, option=orjson.OPT_SORT_KEYS)

    def _digest(self) -> str:
        return f"h:{hashlib.sha256(self.to_bytes()).hexdigest()}"

    def _plain(self, key: str) -> str:
        return key if len(key) <= _LONGEST_PLAIN_KEY else self._digest()


@dataclass(frozen=True, slots=True)
class InboundMessage(_Item):
    """A customer's message, or what stands in a message's place: a reaction, an edit, a notice.

    `text` is what a person would read; `opt_out_candidates` are the strings that, as a whole, may
    be a word to stop or start; `opens_window` says whether this is a message of the customer's
    own. Phones are E.164; `sent_at_ms` is WhatsApp's time, None when it told none.
    """

    kind: ClassVar[str] = "message"

    phone_number_id: str | None
    display_phone_number: str | None
    message_id: str = attribute(repr=False)
    from_phone: str | None = attribute(repr=False)
    user_id: str | None = attribute(repr=False)
    contact_name: str | None = attribute(repr=False)
    sent_at_ms: int | None
    type: str
    text: str = attribute(repr=False)
    opt_out_candidates: tuple[str, ...] = attribute(repr=False)
    opens_window: bool
    raw: dict[str, Any] = attribute(repr=False)

    @property
    def dedup_key(self) -> str:
        """`m:` and the message id."""
        return self._plain(f"m:{self.message_id}")


@dataclass(frozen=True, slots=True)
class StatusUpdate(_Item):
    """What became of a message of ours; `correlation` is what was sent with it."""

    kind: ClassVar[str] = "status"

    phone_number_id: str | None
    provider_message_id: str = attribute(repr=False)
    status: str
    at_ms: int | None
    recipient: str | None = attribute(repr=False)
    recipient_user_id: str | None = attribute(repr=False)
    correlation: str | None
    errors: tuple[int, ...]

    @property
    def dedup_key(self) -> str:
        """`s:`, the message id and the status."""
        return self._plain(f"s:{self.provider_message_id}:{self.status}")


@dataclass(frozen=True, slots=True)
class IdentityChange(_Item):
    """A customer's number or user id changed; None is what Meta did not tell."""

    kind: ClassVar[str] = "identity"

    phone_number_id: str | None
    old_phone: str | None = attribute(repr=False)
    old_user_id: str | None = attribute(repr=False)
    new_phone: str | None = attribute(repr=False)
    new_user_id: str | None = attribute(repr=False)
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Other(_Item):
    """Anything else, kept as it came; `field` is Meta's, with the list it stood in after a dot.

    `at_ms` is the notification's own time: the same news twice, days apart, is news twice.
    """

    kind: ClassVar[str] = "other"

    field: str
    phone_number_id: str | None
    at_ms: int | None
    raw: dict[str, Any] = attribute(repr=False)


Item = InboundMessage | StatusUpdate | IdentityChange | Other

_KINDS: dict[str, Callable[..., Item]] = {
    kind.kind: kind for kind in (InboundMessage, StatusUpdate, IdentityChange, Other)
}


def from_bytes(stored: bytes) -> Item:
    """The item that `to_bytes` wrote."""
    record = orjson.loads(stored)
    # JSON has no tuples, and an item has no lists.
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record["item"].items()
    }
    return _KINDS[record["kind"]](**values)
