"""What callers asked for, and what WhatsApp took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Line = dict[str, Any]


@dataclass(slots=True)
class Message:
    """What a caller wanted to be sent once: all posts with one key, or one post without."""

    posts: list[Line]
    event_ids: set[str] = field(default_factory=set)

    @property
    def at_ms(self) -> int:
        """When it was first asked for."""
        return min(post["at_ms"] for post in self.posts)

    @property
    def is_repeated(self) -> bool:
        """Whether the caller asked more than once."""
        return len(self.posts) > 1

    @property
    def kept_at_ms(self) -> float:
        """When the caller first heard that it is kept; never, if nobody told."""
        told = [post["answered_at_ms"] for post in self.posts if post["event_id"] is not None]
        return min((at for at in told if at is not None), default=float("inf"))


@dataclass(slots=True)
class Receipt:
    """A message that WhatsApp took; `place` is its place in the order of all."""

    place: int
    at_ms: int
    event_id: str
    part: int
    customer: str
    text: str

    @classmethod
    def read(cls, place: int, line: Line) -> Receipt:
        """Read a line; our correlation is the event's id and the part."""
        event_id, _, part = (line["correlation"] or "").rpartition(":")
        number = int(part) if part.isdecimal() else -1
        return cls(place, line["at_ms"], event_id, number, line["customer"], line["text"])
