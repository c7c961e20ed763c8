"""What a decision is made from: frozen, complete, and without a number."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Facts:
    """What was true of an event, its customer and its account at one moment.

    The text is left empty when only what may have changed since the decision is looked at again.
    """

    now_ms: int
    event_type: str
    confirms_opt_out: bool
    purpose: str | None
    module_enabled: bool
    outbound_enabled: bool  # of replies
    call_events_enabled: bool  # of call events
    suppression: str | None
    last_inbound_at_ms: int | None
    pauses: Mapping[str, str]  # what is paused (account, instance, integration) → why
    daily_limit: int
    monthly_limit: int
    daily_used: int
    monthly_used: int
    in_flight: int  # counted, but may still be given back
    text: str = field(default="", repr=False)
    same_text_recipients: int = 0
    refuse_marketing: bool = True
    blocked_phrases: tuple[str, ...] = field(default=(), repr=False)
