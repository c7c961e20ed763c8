"""Which messages of agents' chat lie in the spool while their answers are still to be written."""

from core import clock
from models.idempotency import RepeatKeys

_Name = tuple[str, str]


class Unanswered:
    """Remembers them by their repeat keys, each for the keys' life at most.

    In the memory of one process: one that dies forgets them, and another never knew. Then a repeat
    becomes a message of its own. In the database, where most messages go at once, the keys outlive
    a process and serve all of them.
    """

    def __init__(self) -> None:
        self._kept: dict[_Name, tuple[str, int]] = {}

    def add(self, integration_id: str, repeats: RepeatKeys, event_id: str) -> None:
        """Remember an event."""
        now = clock.now_ms()
        for name, (_, until) in list(self._kept.items()):
            if until <= now:
                self._kept.pop(name, None)
        self._kept[integration_id, repeats.keys[0]] = (event_id, now + repeats.life_ms)

    def event(self, integration_id: str, repeats: RepeatKeys) -> str | None:
        """The id of the event with these keys that has no answer yet."""
        event_id, until = self._kept.get((integration_id, repeats.keys[0]), ("", 0))
        return event_id if clock.now_ms() < until else None

    def forget(self, integration_id: str, repeats: RepeatKeys, event_id: str) -> bool:
        """Let go of an event that has its answer; whether it was here."""
        was_here = self.event(integration_id, repeats) == event_id
        if was_here:
            self._kept.pop((integration_id, repeats.keys[0]), None)
        return was_here
