"""What stands in a chat between a customer and a business number."""

import base64
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from core.phone import USER_ID

WINDOW_MS = 24 * 60 * 60 * 1000

# Meta's customer-service window: only a message of the customer's own opens it.
_DO_NOT_OPEN = frozenset({"reaction", "edit", "revoke", "system", "unsupported"})
_PHONE = re.compile(r"\+?([1-9][0-9]{6,14})")
_PUNCTUATION = re.compile(r"[\s().-]")
_MILLISECONDS_FROM = 100_000_000_000  # as seconds, this is the year 5138


class Direction(StrEnum):
    """Who wrote: the customer (`in`, as the gateway sees it) or the business (`out`)."""

    IN = "in"
    OUT = "out"


class Status(StrEnum):
    """How far a message has come.

    The business's messages go `accepted sent delivered read`, or end `failed`; the customer's
    are `posted`, then `taken` or `untaken` by the gateway, and `read` once the business says so.
    """

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    POSTED = "posted"
    TAKEN = "taken"
    UNTAKEN = "untaken"


@dataclass
class Message:
    """One message of a chat; `at_ms` is epoch milliseconds, `fails` the code it is to fail with."""

    wamid: str
    phone_number_id: str
    customer: str = field(repr=False)
    direction: Direction
    type: str
    text: str = field(repr=False)
    at_ms: int
    status: Status
    callback: str | None = field(default=None, repr=False)
    fails: int | None = None
    silent: bool = False
    reading: bool = False

    def next_status(self) -> Status | None:
        """What Meta would report next by itself; None when there is nothing more to say."""
        if self.silent or self.direction is Direction.IN:
            return None
        if self.status is Status.ACCEPTED:
            return Status.SENT if self.fails is None else Status.FAILED
        return Status.DELIVERED if self.status is Status.SENT else None

    def as_json(self) -> dict[str, object]:
        """The message as the sandbox's API shows it."""
        return {
            "message_id": self.wamid,
            "direction": self.direction,
            "phone_number_id": self.phone_number_id,
            "type": self.type,
            "text": self.text,
            "at_ms": self.at_ms,
            "status": self.status,
            "error": self.fails if self.status is Status.FAILED else None,
        }


def customer_key(written: str) -> str | None:
    """The one name of a customer, however the address was written.

    Takes an international phone number (with or without `+`, spaces, dashes, brackets) or a
    business-scoped user id; gives the digits or the id, or None when it is neither.
    """
    if USER_ID.fullmatch(written):
        return written
    found = _PHONE.fullmatch(_PUNCTUATION.sub("", written))
    return found[1] if found else None


def is_user_id(customer: str) -> bool:
    """Whether this customer is known by a business-scoped user id, not by a phone number."""
    return not customer.isdecimal()


def opens_window(message_type: str) -> bool:
    """Whether a customer's message of this type opens the 24-hour window."""
    return message_type not in _DO_NOT_OPEN


def timestamp_ms(timestamp: object, now_ms: int) -> int:
    """A webhook's timestamp (seconds, or wrongly milliseconds) as epoch ms; now if unreadable."""
    try:
        number = int(str(timestamp))
    except ValueError:
        return now_ms
    return min(now_ms, number if number >= _MILLISECONDS_FROM else number * 1000)


def new_wamid() -> str:
    """A message id that no other message has, in Meta's look."""
    return "wamid." + base64.b64encode(secrets.token_bytes(27)).decode()
