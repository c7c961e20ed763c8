"""The link by which agents open a customer's file: at our own door, signed, and for seven days."""

import hmac
import re

from core import clock
from models.base import vault
from models.inbound_item import InboundItem

# As long as Meta keeps a file of a webhook (its Cloud API reference, Media).
LINK_MS = 7 * 24 * 60 * 60 * 1000
PATH = "/media/{token}"
_PREFIX = "inb_"
_ID_CHARACTERS, _MAC_CHARACTERS = 26, 16  # 96 bits, for the link goes into a chat of SMS
_TOKEN = re.compile(rf"([0-9a-z]{{{_ID_CHARACTERS}}})([\w-]{{{_MAC_CHARACTERS}}})", re.ASCII)


class Door:
    """Where agents reach the gateway; set once at start. None: there is no address to give."""

    url: str | None = None


def to_file_of(item_id: str) -> str | None:
    """The link to the file of an inbound item; None when we have no public address."""
    if Door.url is None:
        return None
    own = item_id.removeprefix(_PREFIX)
    return Door.url.rstrip("/") + PATH.format(token=own + _mac(own))


def item_behind(token: str) -> InboundItem | None:
    """The inbound item that a link was made for; None when it was forged, or its time is over.

    Only what we signed is looked up.
    """
    found = _TOKEN.fullmatch(token)
    if found is None or not hmac.compare_digest(_mac(found[1]).encode(), found[2].encode()):
        return None
    item: InboundItem | None = InboundItem.get_or_none(InboundItem.id == _PREFIX + found[1])
    if item is None or clock.now_ms() >= item.received_at_ms + LINK_MS:
        return None
    return item


def _mac(own: str) -> str:
    return vault().digest("media", own)[:_MAC_CHARACTERS]
