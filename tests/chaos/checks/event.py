"""An event as its history shows it, and the requests that were made for it."""

from __future__ import annotations

from dataclasses import dataclass, field

ENDS = frozenset({"sent", "refused", "recorded"})
CONFIRMATION = "opt_out_confirmation"


@dataclass(slots=True)
class Attempt:
    """One request to WhatsApp: `at_ms` of the database's clock, the others of the gateway's."""

    id: int
    at_ms: int
    started_at_ms: int
    expires_at_ms: int
    outcome: str | None = None
    provider_code: int | None = None
    given_back: set[int] = field(default_factory=set)

    @property
    def was_refused_by_meta(self) -> bool:
        """Whether Meta's own code said that the message did not go."""
        return self.outcome == "failed" and self.provider_code is not None


@dataclass(slots=True)
class Event:
    """An event as far as the history has come."""

    id: str
    seq: int
    account_id: str
    instance_id: str
    integration_id: str | None
    event_type: str
    conversation: str | None
    address: str | None
    expires_at_ms: int
    state: str
    error: str | None
    part: int
    accepted_at_ms: int
    at_ms: int  # of its last change
    before: bool
    revived: int = 0
    sendings: list[int] = field(default_factory=list)
    rests: list[list[float]] = field(default_factory=list)  # [n at which it began, n of its end]
    attempts: dict[int, list[Attempt]] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be done for it, or it rests uncertain."""
        return self.state in ENDS or self.state == "uncertain"

    @property
    def is_confirmation(self) -> bool:
        """Whether it is the gateway's own answer to an opt-out."""
        return self.event_type == CONFIRMATION and self.integration_id is None

    def last_attempt(self, part: int) -> Attempt | None:
        """The latest request for a part."""
        tried = self.attempts.get(part)
        return tried[-1] if tried else None

    def rested_at(self, n: int) -> bool:
        """Whether it was uncertain at a row of the history."""
        return any(begin < n < end for begin, end in self.rests)
