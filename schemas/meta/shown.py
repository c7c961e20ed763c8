"""What agents are shown of a message, read from Meta's own node; nothing in it can be wrong."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas.meta.fields import (
    Lenient,
    LenientField,
    Node,
    Objects,
    Raw,
    Text,
    as_object,
    as_objects,
    as_text,
)

_MEDIA_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
MEDIA_KINDS = ("image", "video", "audio", "document", "sticker")


class _Flag(LenientField[bool]):
    """True for true alone."""

    def read(self, value: Any) -> bool:
        return value is True


class _Degrees(LenientField[float | None]):
    """A number, also as text; None for what is none or not finite."""

    def read(self, value: Any) -> float | None:
        try:
            number = float(as_text(value) or "")
        except ValueError:
            return None
        return number if math.isfinite(number) else None


class _Media(Lenient):
    id = Text()
    mime_type = Text()
    sha256 = Text()
    caption = Text()
    filename = Text()
    voice = _Flag()


class _Location(Lenient):
    latitude = _Degrees()
    longitude = _Degrees()
    name = Text()
    address = Text()


class _ContactName(Lenient):
    formatted_name = Text()
    first_name = Text()
    last_name = Text()


class _Organisation(Lenient):
    company = Text()


class _ContactPhone(Lenient):
    phone = Text()
    wa_id = Text()


class _ContactEmail(Lenient):
    email = Text()


class _Contact(Lenient):
    name = Node(_ContactName())
    org = Node(_Organisation())
    phones = Objects()
    emails = Objects()


class _Choice(Lenient):
    title = Text()
    id = Text()
    description = Text()


class _Form(Lenient):
    name = Text()
    body = Text()
    response_json = Text()


class _Interactive(Lenient):
    button_reply = Node(_Choice())
    list_reply = Node(_Choice())
    nfm_reply = Node(_Form())


class _Button(Lenient):
    text = Text()
    payload = Text()


class _Reaction(Lenient):
    emoji = Text()
    message_id = Text()


class _Edit(Lenient):
    message = Raw()


class _Product(Lenient):
    product_retailer_id = Text()
    quantity = Text()
    item_price = Text()
    currency = Text()


class _Order(Lenient):
    text = Text()
    product_items = Objects()


class _System(Lenient):
    body = Text()


class _Referral(Lenient):
    headline = Text()
    body = Text()
    source_url = Text()


class _Unsupported(Lenient):
    type = Text()


class _Failure(Lenient):
    title = Text()


class _Context(Lenient):
    id = Text()
    forwarded = _Flag()
    frequently_forwarded = _Flag()
    referred_product = Node(_Product())


LOCATION, INTERACTIVE, BUTTON, REACTION = _Location(), _Interactive(), _Button(), _Reaction()
EDIT, ORDER, SYSTEM, REFERRAL, CONTEXT = _Edit(), _Order(), _System(), _Referral(), _Context()
_MEDIA, _CONTACT, _PHONE, _EMAIL = _Media(), _Contact(), _ContactPhone(), _ContactEmail()
_PRODUCT, _UNSUPPORTED, _FAILURE = _Product(), _Unsupported(), _Failure()


@dataclass(frozen=True, slots=True)
class Media:
    """A file that a message brings, by the id under which Meta keeps it."""

    kind: str
    media_id: str = field(repr=False)
    mime_type: str | None
    sha256: str | None = field(repr=False)
    caption: str | None = field(repr=False)
    filename: str | None = field(repr=False)
    voice: bool


def media_of(message: Mapping[str, Any]) -> Media | None:
    """The file of a message, or of what an edited message says now; None where there is none."""
    message = edited(message) or message
    kind = as_text(message.get("type")) or ""
    node = _MEDIA.load(as_object(message.get(kind))) if kind in MEDIA_KINDS else {}
    media_id = node.pop("id", None) or ""
    return Media(kind, media_id, **node) if _MEDIA_ID.fullmatch(media_id) else None


def caption_of(message: Mapping[str, Any]) -> str:
    """What the customer wrote below a picture, video or document."""
    node = as_object(message.get(as_text(message.get("type")) or ""))
    return as_text(node.get("caption")) or ""


def edited(message: Mapping[str, Any]) -> dict[str, Any]:
    """What an edited message says now; empty for a message of another type."""
    if message.get("type") != "edit":
        return {}
    now: dict[str, Any] = EDIT.load(as_object(message.get("edit")))["message"]
    return {} if now.get("type") == "edit" else now


def contacts_of(message: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Of each contact that was sent: a name, which may be empty, and numbers and addresses."""
    return [_contact(_CONTACT.load(each)) for each in as_objects(message.get("contacts"))]


def _contact(contact: Mapping[str, Any]) -> tuple[str, list[str]]:
    name, company = contact["name"], contact["org"]["company"]
    parts = (name["first_name"], name["last_name"])
    full = name["formatted_name"] or " ".join(part for part in parts if part)
    phones = [_PHONE.load(each) for each in contact["phones"]]
    emails = [_EMAIL.load(each)["email"] for each in contact["emails"]]
    reached = [each["phone"] or each["wa_id"] for each in phones] + emails
    return full or company or "", [each for each in reached if each]


def products_of(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items of an order: product_retailer_id, quantity, item_price, currency."""
    return [_PRODUCT.load(each) for each in order["product_items"]]


def answers_of(form: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of a form that was sent back, without its token."""
    try:
        filled = orjson.loads(form["response_json"] or "{}")
    except orjson.JSONDecodeError:
        return []
    answers = ((name, _written(value)) for name, value in as_object(filled).items())
    return [(name, text) for name, text in answers if text and name != "flow_token"]


def _written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(as_text, value)))
    return as_text(value) or ""


def unsupported_type(message: Mapping[str, Any]) -> str:
    """What Meta calls a message that it does not pass on; empty when it does not say."""
    named = _UNSUPPORTED.load(as_object(message.get("unsupported")))["type"]
    errors = as_objects(message.get("errors"))
    return named or (_FAILURE.load(errors[0])["title"] if errors else None) or ""
