"""The journey of an event and of its deliveries only takes steps that docs/journey.md has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.checks.check import Check

if TYPE_CHECKING:
    from tests.chaos.checks.event import Event
    from tests.chaos.checks.message import Line
    from tests.chaos.checks.story import Story

LEGAL = frozenset(
    {
        ("received", "valid"),
        ("valid", "allowed"),
        ("allowed", "ready"),
        ("ready", "sending"),
        ("ready", "allowed"),  # its slot went by unused
        ("sending", "sent"),
        ("sending", "ready"),
        ("sending", "allowed"),
        ("sending", "uncertain"),
        ("received", "recorded"),
        ("valid", "recorded"),
        *((state, "refused") for state in ("received", "valid", "allowed", "ready", "sending")),
        ("refused", "received"),
    }
)
RANK = {"unknown": 0, "accepted": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5}
WENT_OUT = frozenset({"sent", "delivered", "read", "played"})
MAY_FAIL = frozenset({"unknown", "accepted", "sent"})


class Journey(Check):
    """Judges every change of a state and of a delivery's status; needs no clock."""

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self._status: dict[tuple[str, int], str] = {}
        self._begun_anew: set[tuple[str, int]] = set()

    def on_state(self, line: Line) -> None:
        """See that the step is one of the journey's."""
        event = self.story.events.get(line["event_id"])
        if event is None:
            return
        old, new = line["old"], line["new"]
        if event.state != old:
            self.blame("state_illegal", f"left {old}, and was {event.state}", event)
        elif old == "uncertain":
            self._out_of_doubt(event, line)
        elif (old, new) not in LEGAL:
            self.blame("state_illegal", f"went from {old} to {new}", event)

    def _out_of_doubt(self, event: Event, line: Line) -> None:
        new = line["new"]
        if new == "received" or self._is_settled(event, new):
            return
        if new in {"sent", "refused", "recorded"}:
            words = f"went from uncertain to {new}, and neither a status nor an answer said so"
            self.blame("state_illegal", words, event)
        else:
            words = f"went from uncertain to {new} without a status, an answer or a person"
            self.blame("uncertain_resent_by_itself", words, event)

    def _is_settled(self, event: Event, new: str) -> bool:
        """Whether WhatsApp has told what became of the part: by a status, or by a late answer."""
        status = self._status.get((event.id, event.part))
        attempt = event.last_attempt(event.part)
        answer = attempt.outcome if attempt else None
        if new in {"sent", "allowed"}:
            return status in WENT_OUT or answer == "sent"
        if new == "refused":
            return status == "failed" or answer == "failed"
        return new == "ready" and answer == "failed"

    def on_attempt(self, line: Line) -> None:
        """A new request for a part begins its delivery anew."""
        self._begun_anew.add((line["event_id"], line["part"]))

    def on_delivery(self, line: Line) -> None:
        """See that the status went forward."""
        part = line["event_id"], line["part"]
        old, new = line["old"], line["status"]
        self._status[part] = new
        begun_anew = part in self._begun_anew
        self._begun_anew.discard(part)
        if old in (None, new) or (new == "unknown" and begun_anew):
            return
        if not _leads_forward(old, new):
            event = self.story.events.get(line["event_id"])
            words = f"part {line['part']} went from {old} to {new}"
            self.blame("status_backwards", words, event)


def _leads_forward(old: str, new: str) -> bool:
    if new == "failed":
        return old in MAY_FAIL
    return old != "failed" and RANK.get(new, 0) > RANK.get(old, 0)
