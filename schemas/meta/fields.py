"""Fields that read what they can and are None where they cannot, for a peer we must not refuse."""

import math
import re
from abc import abstractmethod
from typing import Any, TypeVar

from marshmallow import EXCLUDE, Schema, fields

from core.phone import USER_ID

_E164 = re.compile(r"[1-9][0-9]{4,14}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_CODES = 2**31
_MILLISECONDS_FROM = 10**11
_MILLISECONDS_TO = 10**14

T = TypeVar("T")


class Lenient(Schema):
    """A node of Meta's: unknown keys are left out, and no known one can be wrong."""

    class Meta:
        """Meta adds keys at any time."""

        unknown = EXCLUDE

    def load(self, data: Any, **_kwargs: Any) -> dict[str, Any]:
        """Read every declared field.

        Nothing here can be missing, invalid or hooked, so marshmallow's bookkeeping for that is
        left out: a batch of 1,000 messages takes 6,000 loads, and the sender waits.
        """
        return {
            name: field.deserialize(data.get(field.data_key or name))
            for name, field in self.load_fields.items()
        }


class LenientField(fields.Field[T]):
    """A field that takes any value, also none at all."""

    def __init__(self, data_key: str | None = None) -> None:
        super().__init__(data_key=data_key)

    def deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> T:
        """Read at once: there is nothing to require or to validate, and a batch has thousands."""
        return self.read(value)

    @abstractmethod
    def read(self, value: Any) -> T:
        """What the value stands for; anything may come, None for what is absent."""


class Text(LenientField[str | None]):
    """A string; a number becomes one."""

    def read(self, value: Any) -> str | None:
        """The string a value is, or stands for."""
        return as_text(value)


class Code(LenientField[int | None]):
    """An error's code: an integer of 32 bits, for that is what can be kept."""

    def read(self, value: Any) -> int | None:
        """The code, if it can be one."""
        number = as_integer(value)
        return number if number is not None and abs(number) < _CODES else None


class Instant(LenientField[int | None]):
    """Seconds, or milliseconds where it can only be those, as epoch ms."""

    def read(self, value: Any) -> int | None:
        """The instant, if it is one after 1970."""
        return as_instant_ms(value)


class Phone(LenientField[str | None]):
    """A WhatsApp number, which Meta writes without its `+`, as E.164."""

    def read(self, value: Any) -> str | None:
        """The number, if it can be one."""
        digits = (as_text(value) or "").strip().removeprefix("+")
        return f"+{digits}" if _E164.fullmatch(digits) else None


class UserId(LenientField[str | None]):
    """A business-scoped user id."""

    def read(self, value: Any) -> str | None:
        """The id, if it has the shape of one."""
        text = (as_text(value) or "").strip()
        return text if USER_ID.fullmatch(text) else None


class Raw(LenientField[dict[str, Any]]):
    """An object, as it came; empty when there is none."""

    def read(self, value: Any) -> dict[str, Any]:
        """The object itself."""
        return as_object(value)


class Node(LenientField[dict[str, Any]]):
    """An object, read by a schema of its own; when there is none, as if it were empty."""

    def __init__(self, schema: Schema, data_key: str | None = None) -> None:
        super().__init__(data_key)
        self._schema = schema
        self._absent: dict[str, Any] = schema.load({})

    def read(self, value: Any) -> dict[str, Any]:
        """What the schema makes of the object."""
        if not isinstance(value, dict):
            return self._absent
        loaded: dict[str, Any] = self._schema.load(value)
        return loaded


class Objects(LenientField[list[dict[str, Any]]]):
    """The objects in a list, as they came; what is none of them is left out."""

    def read(self, value: Any) -> list[dict[str, Any]]:
        """The objects, possibly none."""
        return as_objects(value)


def as_text(value: object) -> str | None:
    """The string a value is, or stands for."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def as_integer(value: object) -> int | None:
    """The integer a value is, or stands for."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if _INTEGER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and abs(value) < 2**63 else None


def as_instant_ms(value: object) -> int | None:
    """The time in epoch ms that a number of seconds or milliseconds stands for."""
    number = as_integer(value)
    if number is None or not 0 < number < _MILLISECONDS_TO:
        return None
    return number if number >= _MILLISECONDS_FROM else number * 1_000


def as_object(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list."""
    found = value if isinstance(value, list) else []
    return [item for item in found if isinstance(item, dict)]
