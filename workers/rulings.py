"""What follows from a decision of the policy: the event ends or waits, and a line is written."""

import logging

from core import clock
from core.errors import ErrorCode
from core.words import State
from models.decision import Decision
from models.event import Event, Waiting
from workers import policy
from workers.policy import Ruling
from workers.stage import keeps_seat

_log = logging.getLogger(__name__)


def obey(event: Event, state: State, ruling: Ruling) -> bool:
    """Do what a ruling other than *allow* says: end the event, or let it come back.

    Returns:
        True when this call did it; False when somebody else got there first.
    """
    if ruling.look_again_ms is None:
        return event.refuse(state, ruling.code or ErrorCode.POLICY_VIOLATION)
    paused = ruling.check == policy.checks.nothing_is_paused.__name__
    return event.defer(
        state,
        ruling.look_again_ms,
        Waiting.PAUSE if paused else Waiting.LIMIT,
        keep_seat=keeps_seat(ruling.look_again_ms),
    )


def log_decision(event: Event, stage: str, ruling: Ruling) -> None:
    """Write one line of the policy log, to the table and to the log."""
    code = ruling.code.value if ruling.code else None
    Decision.insert(
        event_id=event.id,
        stage=stage,
        check_name=ruling.check,
        outcome=ruling.outcome.value,
        code=code,
        saw=dict(ruling.saw),
        decided_at_ms=clock.now_ms(),
    ).execute()
    _log.info(
        "decision event=%s stage=%s check=%s outcome=%s code=%s saw=%s",
        event.id,
        stage,
        ruling.check,
        ruling.outcome.value,
        code,
        dict(ruling.saw),
    )
