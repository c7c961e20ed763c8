"""What 3CX sends and what it is answered: the webhook contract in marshmallow.

Reading is tolerant: a field of the wrong type counts as absent, an unknown one is kept, and only
the journey says what is missing.
"""

import re
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from core import phone
from core.errors import ErrorCode
from core.words import PUBLISHED_TYPES, DeliveryStatus, EventType, Purpose, State

_REPLY_ORDER = ("to", "customer_phone", "phone", "caller", "from")
_CALL_ORDER = ("customer_phone", "caller", "phone", "from", "to")
_REPLY_TYPES = frozenset({EventType.OUTBOUND_MESSAGE, EventType.INBOUND_REPLY, EventType.TEST})
# A variable, or the formatting of one: [Number], [[CallStartTimeUTC].ToString("HH:mm")].
_UNFILLED = re.compile(r"\[\w*\]|\[\[\w+\]\.[^\[\]]*\]")
_UNFILLED_WITHIN = re.compile(r"\[[A-Z][A-Za-z]+\]")
_OF_A_CALL = re.compile(r"-(?:Inbound|Outbound|Missed|Notanswered)\Z")
_A_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d")
_HOURS_MINUTES_SECONDS = re.compile(r"([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9])")
_SECONDS = re.compile(r"([0-9]{1,9})(?:\.[0-9]+)?")
_EVENT_TYPE_CHARACTERS = 64
# Only the gateway itself confirms an opt-out, to somebody who may get nothing else.
_NOT_FROM_OUTSIDE = frozenset(EventType) - PUBLISHED_TYPES


class LooseText(fields.Field[str]):
    """A text; numbers are taken as their digits, an unfilled 3CX variable and others as absent."""

    def __init__(self, **named: Any) -> None:
        metadata = {"type": ["string", "number", "null"]} | named.pop("metadata", {})
        super().__init__(metadata=metadata, **named)

    def deserialize(self, value: Any, *others: Any, **named: Any) -> Any:
        """Take null as absent too."""
        return super().deserialize("" if value is None else value, *others, **named)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        text = str(value)
        return "" if _UNFILLED.fullmatch(text.strip()) else text


class Seconds(fields.Field[int]):
    """A length of time in seconds, or in hh:mm:ss as 3CX writes it; others count as absent."""

    def __init__(self, **named: Any) -> None:
        metadata = {"type": ["number", "string"]} | named.pop("metadata", {})  # and null
        super().__init__(allow_none=True, metadata=metadata, **named)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        text = str(value).strip()
        if found := _HOURS_MINUTES_SECONDS.fullmatch(text):
            hours, minutes, seconds = map(int, found.groups())
            return hours * 3_600 + minutes * 60 + seconds
        found = _SECONDS.fullmatch(text)
        return int(found[1]) if found else None


def _always(kind: str, value: object) -> fields.Constant[Any]:
    return fields.Constant(value, required=True, metadata={"type": kind, "enum": [value]})


class WebhookPayload(Schema):
    """The body of the webhook."""

    class Meta:
        unknown = INCLUDE

    event_type = LooseText(
        metadata={"description": "What happened", "type": "string", "enum": sorted(PUBLISHED_TYPES)}
    )
    to = LooseText(metadata={"description": "The customer's number, as people store it"})
    from_ = LooseText(data_key="from")
    customer_phone = LooseText()
    caller = LooseText()
    phone = LooseText()
    message_text = LooseText(metadata={"description": "The text; longer ones go out in parts"})
    message = LooseText(metadata={"description": "The text, where there is no message_text"})
    media_url = LooseText(metadata={"description": "A file that goes with the text"})
    message_purpose = LooseText(
        metadata={"description": "Required for replies", "type": "string", "enum": list(Purpose)}
    )
    event_id = LooseText(metadata={"description": "Seen before with an equal body: a repeat"})
    conversation_id = LooseText()
    agent_extension = LooseText()
    queue = LooseText()
    call_time = LooseText()
    call_type = LooseText()
    duration_seconds = Seconds(metadata={"description": "Seconds, or hh:mm:ss"})


class Accepted(Schema):
    """The answer to an accepted webhook."""

    success = _always("boolean", True)
    event_id = fields.String(required=True)
    status = _always("string", "queued")
    duplicate = fields.Boolean(metadata={"description": "Only with a repeat"})


class EventStatus(Schema):
    """How far an event has come."""

    success = _always("boolean", True)
    event_id = fields.String(required=True)
    event_type = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(list(State)))
    error = fields.String(required=True, allow_none=True)
    message = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    delivery = fields.String(
        required=True, allow_none=True, validate=validate.OneOf([*DeliveryStatus, None])
    )
    received_at = fields.DateTime(required=True)
    finished_at = fields.DateTime(required=True, allow_none=True)
    duplicate = fields.Boolean(metadata={"description": "Only with a repeat that waited"})


class Refusal(Schema):
    """Every answer that is not a success."""

    success = _always("boolean", False)
    error = fields.String(required=True, validate=validate.OneOf(list(ErrorCode)))
    message = fields.String(required=True)
    details = fields.Dict(metadata={"description": "Limit, used, retry_after, event_id"})
    duplicate = fields.Boolean(metadata={"description": "Only with a repeat that waited"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the gateway understands of a webhook's payload; the reprs show nothing personal."""

    event_type: str
    to: str | None
    text: str | None
    purpose: str | None
    duration_s: int | None
    media: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Arrival({self.event_type!r})"


_reader = WebhookPayload()


def read(payload: dict[str, Any], region: str | None, own_numbers: frozenset[str]) -> Arrival:
    """Read a payload in our words.

    Args:
        payload: the JSON object.
        region: where a national number is read, ISO 3166; None leaves it unusable.
        own_numbers: E.164 numbers that are the company's, and so never a customer's.
    """
    said: dict[str, Any] = _reader.load(payload)
    event_type = said.get("event_type", "").strip()[:_EVENT_TYPE_CHARACTERS]
    if event_type in _NOT_FROM_OUTSIDE:
        event_type = ""
    texts = (said.get("message_text", ""), said.get("message", ""))
    media = said.get("media_url", "").strip()
    return Arrival(
        event_type=event_type,
        to=_customer(payload, event_type, region, own_numbers),
        text=next((text for text in texts if text.strip()), None),
        purpose=said.get("message_purpose", "").strip() or None,
        duration_s=said.get("duration_seconds"),
        media=(media,) if media and event_type in _REPLY_TYPES else (),
    )


@dataclass(frozen=True, slots=True)
class Call:
    """What a call event says of its call, as it was written; empty where it says nothing."""

    call_type: str
    agent_extension: str = field(repr=False)
    queue: str = field(repr=False)
    call_time: str = field(repr=False)


def call(payload: dict[str, Any]) -> Call:
    """Read what a payload says of a call."""
    said: dict[str, Any] = _reader.load(payload)
    return Call(**{each.name: said.get(each.name, "").strip() for each in fields_of(Call)})


def own_id(payload: dict[str, Any]) -> str | None:
    """The event's id in 3CX; None where there is none, or a variable in it was not filled in.

    An id put together of variables, as the CRM template does it, is the same for every call as long
    as one is not filled in. Which words then stand in the place of the time, no source says.
    """
    text = str(_reader.fields["event_id"].deserialize(payload.get("event_id")) or "").strip()
    if _UNFILLED_WITHIN.search(text) or (_OF_A_CALL.search(text) and not _A_TIME.match(text)):
        return None
    return text or None


def _customer(
    payload: dict[str, Any], event_type: str, region: str | None, own_numbers: frozenset[str]
) -> str | None:
    order = _REPLY_ORDER if event_type in _REPLY_TYPES else _CALL_ORDER
    for name in order:
        number = phone.address(payload.get(name), region)
        if number is not None and number not in own_numbers:
            return number
    return None
