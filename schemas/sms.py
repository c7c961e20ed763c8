"""What 3CX's Generic SMS provider sends and is answered: agents' chat.

Reading is tolerant, as for the webhook: a field of the wrong type counts as absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from core import phone
from schemas.threecx import LooseText


class TypedText(LooseText):
    """A text as an agent typed it, who may well write `[ok]`: it is no unfilled variable."""

    def _deserialize(self, value: Any, *others: Any, **named: Any) -> str:
        return value if isinstance(value, str) else super()._deserialize(value, *others, **named)


class Addresses(fields.Field[list[str]]):
    """A list of addresses, or one of them alone; what is no text is left out."""

    def __init__(self, **named: Any) -> None:
        metadata = {"type": ["array", "string", "null"], "items": {}} | named.pop("metadata", {})
        super().__init__(metadata=metadata, **named)

    def deserialize(self, value: Any, *others: Any, **named: Any) -> Any:
        """Take null as none."""
        return super().deserialize([] if value is None else value, *others, **named)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[str]:
        given = value if isinstance(value, list) else [value]
        return [each.strip() for each in given if isinstance(each, str) and each.strip()]


class SmsPayload(Schema):
    """The body of a message that an agent wrote."""

    class Meta:
        unknown = INCLUDE

    from_ = LooseText(data_key="from", metadata={"description": "The DID that the agent uses"})
    to = LooseText(metadata={"description": "The customer's number or user id"})
    text = TypedText(metadata={"description": "The text; longer ones go out in parts"})
    media_urls = Addresses(metadata={"description": "Files, at most 10"})


class _MessageId(Schema):
    id = fields.String(required=True)


class SmsReceipt(_MessageId):
    """What stands in the answer's `data`."""

    record_type = fields.String(required=True, validate=validate.Equal("message"))
    payload = fields.Nested(_MessageId, required=True)


class SmsTaken(Schema):
    """The answer that 3CX shows as sent."""

    data = fields.Nested(SmsReceipt, required=True)


@dataclass(frozen=True, slots=True)
class Sms:
    """What the gateway understands of a message; the repr shows nothing personal."""

    did: str | None = field(repr=False)
    to: str | None = field(repr=False)
    text: str | None = field(repr=False)
    media: tuple[str, ...] = field(repr=False)


_reader = SmsPayload()


def read(payload: Mapping[str, Any], region: str | None, own_numbers: frozenset[str]) -> Sms:
    """Read a payload in our words.

    Args:
        payload: the JSON object.
        region: where a national number is read, ISO 3166; None leaves it unusable.
        own_numbers: E.164 numbers that are the company's, and so never a customer's.
    """
    said: dict[str, Any] = _reader.load(payload)
    text: str = said.get("text", "")
    to = phone.address(payload.get("to"), region)
    return Sms(
        did=phone.normalise(payload.get("from"), region),
        to=None if to in own_numbers else to,
        text=text if text.strip() else None,
        media=tuple(said.get("media_urls", ())),
    )


def taken(event_id: str) -> dict[str, Any]:
    """The answer for a message that became this event."""
    receipt = {"id": event_id, "record_type": "message", "payload": {"id": event_id}}
    return {"data": receipt}
