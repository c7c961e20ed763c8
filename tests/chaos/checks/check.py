"""What every check is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.checks.event import Event
    from tests.chaos.checks.story import Story


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise.

    Args:
        kind: which promise, as a word that programs can rely on.
        words: what happened, for a person.
        event_id: whose event it was, if one event's.
        conversation: the key of the conversation, if it was one's.
    """

    kind: str
    words: str
    event_id: str | None = None
    conversation: str | None = None


class Check:
    """Reads the lines of a history, one after the other, and names what must not be.

    A method `on_<kind>` gets each line of that kind, before the story takes it in; `end` comes
    after the last.
    """

    def __init__(self, story: Story) -> None:
        self.story = story
        self.violations: list[Violation] = []

    def end(self) -> None:
        """Judge what only the whole history shows."""

    def blame(self, kind: str, words: str, event: Event | None = None) -> None:
        """Name a violation."""
        event_id, conversation = (event.id, event.conversation) if event else (None, None)
        self.violations.append(Violation(kind, words, event_id, conversation))
