"""What a message to a customer is made of: its text, cut into pieces, then its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.text import parts

MOST_FILES = 10  # of one message


@dataclass(frozen=True, slots=True)
class File:
    """A file of an agent's: where it lies, and what WhatsApp knows it by once it has it."""

    url: str = field(repr=False)
    kind: str | None = None
    filename: str | None = field(default=None, repr=False)
    media_id: str | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The file as the event's content keeps it."""
        return {
            "url": self.url,
            "kind": self.kind,
            "filename": self.filename,
            "media_id": self.media_id,
        }


def files_of(content: Mapping[str, Any]) -> list[File]:
    """The files of an event's content, in order."""
    return [File(**each) for each in content.get("media") or ()]


def parts_of(content: Mapping[str, Any]) -> list[str | File]:
    """What an event's content becomes, a message of WhatsApp's each, in the order of sending."""
    return [*parts(content["text"] or ""), *files_of(content)]
