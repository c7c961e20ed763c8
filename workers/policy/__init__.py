"""The policy: a table of statements, read in order. The first that does not hold decides."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.errors import ErrorCode
from workers.policy import checks
from workers.policy.checks import Finding
from workers.policy.facts import Facts

POLICY: tuple[tuple[Callable[[Facts], Finding], ErrorCode], ...] = (
    (checks.module_is_enabled, ErrorCode.MODULE_NOT_ENABLED),
    (checks.outbound_is_enabled, ErrorCode.OUTBOUND_DISABLED),
    (checks.call_events_are_enabled, ErrorCode.CALL_EVENTS_DISABLED),
    (checks.purpose_is_allowed, ErrorCode.MESSAGE_PURPOSE_NOT_ALLOWED),
    (checks.recipient_is_not_suppressed, ErrorCode.RECIPIENT_SUPPRESSED),
    (checks.conversation_window_is_open, ErrorCode.CONVERSATION_WINDOW_CLOSED),
    (checks.language_is_not_marketing, ErrorCode.POLICY_VIOLATION),
    (checks.links_are_not_shortened, ErrorCode.POLICY_VIOLATION),
    (checks.phrases_are_not_blocked, ErrorCode.POLICY_VIOLATION),
    (checks.text_is_not_broadcast, ErrorCode.POLICY_VIOLATION),
    (checks.nothing_is_paused, ErrorCode.SENDING_THROTTLED),
    (checks.daily_limit_is_not_reached, ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED),
    (checks.monthly_limit_is_not_reached, ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED),
)


class Outcome(StrEnum):
    """What a decision can be."""

    ALLOW = "allow"
    REFUSE = "refuse"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision: which check made it, what it saw.

    Args:
        outcome: allow, refuse (final) or wait (comes back).
        check: name of the deciding check; `all` when every one holds.
        code: the published code of a refusal, and of a wait that lasts too long.
        saw: what the check looked at, or what all of them did.
        look_again_ms: end of a wait, in epoch milliseconds.
    """

    outcome: Outcome
    check: str
    code: ErrorCode | None
    saw: Mapping[str, object]
    look_again_ms: int | None = None


def decide(facts: Facts) -> Ruling:
    """The first check that does not hold decides; when all hold, the event is allowed."""
    saw: dict[str, object] = {}
    for ruling in rulings(facts):
        if ruling.outcome is not Outcome.ALLOW:
            return ruling
        saw |= ruling.saw
    return Ruling(Outcome.ALLOW, "all", None, saw)


def rulings(facts: Facts) -> Iterator[Ruling]:
    """What every check says by itself, in the order of the table."""
    return (_rule(check, code, facts) for check, code in POLICY)


def _rule(check: Callable[[Facts], Finding], code: ErrorCode, facts: Facts) -> Ruling:
    finding = check(facts)
    name: str = check.__name__
    if finding.holds:
        return Ruling(Outcome.ALLOW, name, None, finding.saw)
    outcome = Outcome.REFUSE if finding.look_again_ms is None else Outcome.WAIT
    return Ruling(outcome, name, code, finding.saw, finding.look_again_ms)
