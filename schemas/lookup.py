"""What the contact lookup of 3CX's CRM template asks and is answered."""

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields

from schemas.threecx import LooseText


class LookupQuestion(Schema):
    """Whose number is this?"""

    class Meta:
        unknown = INCLUDE

    number = LooseText(metadata={"description": "The number, as 3CX writes it"})


class Contact(Schema):
    """A customer, as 3CX shows one."""

    id = fields.String(required=True)
    phone = fields.String(required=True, metadata={"description": "Exactly the number asked for"})
    name = fields.String(required=True)
    url = fields.String(required=True, metadata={"description": "The conversation's page"})


class LookupAnswer(Schema):
    """The customer, or null when nobody is known by the number."""

    success = fields.Constant(True, required=True, metadata={"type": "boolean", "enum": [True]})
    contact = fields.Nested(Contact, required=True, allow_none=True)


_reader = LookupQuestion()


def number(payload: Mapping[str, Any]) -> str:
    """The number asked for, as it was written; empty for none, or an unfilled `[Number]`."""
    asked: str = _reader.load(payload).get("number", "")
    return asked
