"""A form of several parts, as an upload brings it (RFC 7578)."""

import re
from dataclasses import dataclass, field
from email.message import Message

from app.sandbox.errors import invalid

_BOUNDARY = re.compile(r"multipart/form-data;.*boundary=\"?([^\";]{1,70})\"?", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """A field of the form."""

    content: bytes = field(repr=False)
    content_type: str


def read(content_type: str | None, raw: bytes) -> dict[str, Part]:
    """The fields by their names; raises MetaError when it is no such form."""
    found = _BOUNDARY.match(content_type or "")
    if found is None:
        raise invalid("The request must be multipart/form-data.")
    parts = {}
    for piece in raw.split(b"--" + found[1].encode())[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        headers = _headers(head)
        name = headers.get_param("name", header="Content-Disposition")
        parts[str(name)] = Part(content.removesuffix(b"\r\n"), headers.get("Content-Type", ""))
    return parts


def _headers(head: bytes) -> "Message[str, str]":
    headers: Message[str, str] = Message()
    for line in head.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    return headers
