"""How one step of the journey becomes an actor: load, compare, step, hand on."""

import logging
from collections.abc import Callable, Iterable

import dramatiq
from dramatiq.middleware import SkipMessage

from core import clock, telemetry
from core.errors import ErrorCode, GatewayError
from core.words import State
from models import backlog
from models.event import Event, Waiting
from models.unavailable import DatabaseUnavailable
from workers import notices
from workers.broker import OUTBOUND, declarations

MAX_TRIES = 5
_FIRST_BACKOFF_MS = 1_000
_KEEP_SEAT_MS = 2_000  # who waits longer than this gives its seat to somebody else
_EARLY_MS = 20

_log = logging.getLogger(__name__)

Step = Callable[[Event], None]
Stage = dramatiq.Actor[..., str]


class StepNeverEnded(GatewayError):
    """A step takes its process with it, again and again."""


class Seats:
    """How many events of an account may be in the queue; set once at start."""

    per_account = 8


def stage(*, takes: State) -> Callable[[Step], Stage]:
    """Make a step an actor that takes an event's id and passes it on to the next in its chain.

    The step sees the event only in the state that it takes: a message that comes twice does its
    step once. What it leaves behind decides how it goes on: moved on, the chain continues; ended,
    the next of the conversation is woken; deferred, the step comes back at its time.

    Args:
        takes: the state in which the event must be.
    """

    def declare(step: Step) -> Stage:
        def run(event_id: str) -> str:
            try:
                _take(step, takes, event_id)
            except (SkipMessage, dramatiq.Retry):
                raise
            except DatabaseUnavailable as failure:
                _log.warning("event %s: %s; the sweep begins again", event_id, failure)
                raise SkipMessage from None
            except Exception as failure:  # noqa: BLE001 (Dramatiq would put its words into Redis)
                telemetry.report(failure, event_id=event_id, stage=takes.value)
                raise SkipMessage from None
            return event_id

        run.__doc__ = step.__doc__
        declared: Stage = dramatiq.actor(
            actor_name=step.__name__,
            queue_name=OUTBOUND,
            broker=declarations,
            max_retries=None,
        )(run)
        _chain[takes] = declared
        return declared

    return declare


def _take(step: Step, takes: State, event_id: str) -> None:
    event = Event.load(event_id)
    if event is None or event.state != takes or is_early(event):
        raise SkipMessage
    _carry(step, event, takes)


def is_early(event: Event) -> bool:
    """Whether an event that waits for a time is still to be left alone."""
    # Once the sweep has woken it, its time has come, and `due_at` says when to look after it.
    waits_for_a_time = event.waiting_for in {Waiting.SLOT, Waiting.PROVIDER} and not event.rescues
    # A wait that the validity cut short is not over before the validity is.
    early_ms = _EARLY_MS if event.due_at_ms < event.expires_at_ms else 0
    return waits_for_a_time and event.due_at_ms > clock.now_ms() + early_ms


def _was_begun_in_vain(event: Event) -> bool:
    # Who waited for a time had ended its step: the first time the sweep wakes it is no rescue.
    return event.rescues > (event.waiting_for is not None)


def _carry(step: Step, event: Event, takes: State) -> None:
    try:
        if _was_begun_in_vain(event) and event.count_try() > MAX_TRIES:
            _bury(event, takes, StepNeverEnded(f"a step was begun {MAX_TRIES} times in vain"))
        elif takes is not State.RECEIVED and clock.now_ms() >= event.expires_at_ms:
            event.refuse(takes, _too_late(event))
        else:
            step(event)
    except DatabaseUnavailable:
        raise
    except Exception as failure:  # noqa: BLE001 (a step that is broken must not break the others)
        _stumble(event, takes, failure)
    _hand_on(event, takes)


def _too_late(event: Event) -> ErrorCode:
    if event.waiting_for in {None, Waiting.PROVIDER, Waiting.OUTAGE}:
        return ErrorCode.GATEWAY_SEND_FAILED
    return ErrorCode.SENDING_THROTTLED


def _stumble(event: Event, takes: State, failure: Exception) -> None:
    now_so = Event.load(event.id)
    if now_so is not None:
        event.become(now_so)  # what a transaction set that was rolled back is not so
    if event.state != takes:
        _report(event, takes, failure)
        raise SkipMessage  # a lease runs, and the sweep looks after it
    tries = event.count_try()
    if tries >= MAX_TRIES:
        _bury(event, takes, failure)
    else:
        _report(event, takes, failure)
        until = clock.now_ms() + (_FIRST_BACKOFF_MS << tries)
        event.stumble(takes, until)


def _bury(event: Event, takes: State, failure: Exception) -> None:
    _report(event, takes, failure)
    event.give_up(takes)


def _report(event: Event, takes: State, failure: Exception) -> None:
    telemetry.report(
        failure,
        event_id=event.id,
        account=event.account_id,
        integration=event.integration_id,
        stage=takes.value,
        attempt=event.tries,
    )


def _hand_on(event: Event, takes: State) -> None:
    if event.finished:
        wake(backlog.hand_on(event, Seats.per_account))
        if event.untold:
            notices.tell(event.id)
        raise SkipMessage
    if event.state == takes:
        _come_back(event)
    if event.state != _following(takes):
        resume(event.id, State(event.state))
        raise SkipMessage


def _come_back(event: Event) -> None:
    if event.seated:
        delay = max(0, event.due_at_ms - clock.now_ms())
        raise dramatiq.Retry("its time has not come", delay=delay)
    wake(backlog.hand_on(event, Seats.per_account))
    raise SkipMessage


def _following(state: State) -> State | None:
    states = list(_chain)
    after = states.index(state) + 1
    return states[after] if after < len(states) else None


def keeps_seat(until_ms: int) -> bool:
    """Whether a wait is so short that the event may stay in the queue for it."""
    return until_ms - clock.now_ms() <= _KEEP_SEAT_MS


# The steps in the order of their declaration, each by the state that it takes.
_chain: dict[State, Stage] = {}


def resume(event_id: str, state: State) -> None:
    """Go on with an event where its row says that it stands: what is left of the chain."""
    states = list(_chain)
    if state in _chain:
        first, *rest = (_chain[each] for each in states[states.index(state) :])
        dramatiq.pipeline(
            [first.message(event_id), *(later.message() for later in rest)],
            broker=first.broker,
        ).run()


def wake(events: Iterable[tuple[str, State]]) -> None:
    """Go on with events whose turn has come."""
    for event_id, state in events:
        resume(event_id, state)
