"""3CX → WhatsApp, top to bottom: validate, decide, throttle, send."""

from collections.abc import Callable
from typing import Any

import peewee

from core import clock
from core.errors import ErrorCode
from core.words import CALL_EVENTS, PUBLISHED_TYPES, RECORDED_ONLY, REPLIES, EventType, State
from models import backlog
from models.database import transaction
from models.event import Event, Waiting
from models.instance import Instance
from models.integration import Integration
from models.slot import Slot
from workers import (
    bulkhead,
    calls,
    conclusion,
    facts,
    media_step,
    notices_words,
    policy,
    rulings,
    seen,
    sending,
)
from workers.policy import Outcome, Ruling
from workers.stage import stage, wake


def begin(event_id: str) -> None:
    """Start an accepted event on its journey. A message that is lost here, the sweep replaces."""
    (
        validate.message(event_id) | decide.message() | throttle.message() | send.message()
    ).run()  # fmt: skip


@stage(takes=State.RECEIVED)
def validate(event: Event) -> None:
    """See that the event is of a known type and has what that type needs."""
    content = event.content
    if event.event_type in RECORDED_ONLY:
        event.record(State.RECEIVED)
    elif event.event_type in REPLIES and notices_words.is_ours(content["text"]):
        # A bot or a bridge sends our own line back: to tell of that would never end.
        event.record(State.RECEIVED, reason="own_line")
    elif event.event_type not in PUBLISHED_TYPES | {EventType.OPT_OUT_CONFIRMATION}:
        event.refuse(State.RECEIVED, ErrorCode.UNSUPPORTED_EVENT_TYPE)
    elif content["to"] is None:
        event.refuse(State.RECEIVED, ErrorCode.MISSING_PHONE)
    elif event.event_type in CALL_EVENTS:
        calls.validate(event, content)
    elif not content["text"] and not content.get("media"):
        event.refuse(State.RECEIVED, ErrorCode.MISSING_MESSAGE_TEXT)
    else:
        event.move(State.RECEIVED, State.VALID)


@stage(takes=State.VALID)
def decide(event: Event) -> None:
    """Hold the event against the policy, and write down what decided."""
    seen = facts.about(event)
    if event.event_type == EventType.TEST:
        _rehearse(event, list(policy.rulings(seen)))
    else:
        _follow(event, policy.decide(seen))


@stage(takes=State.ALLOWED)
def throttle(event: Event) -> None:
    """Wait for the event's turn, hand its files over, then reserve the next free slot."""
    look_again = backlog.earlier_unfinished(event)
    if look_again is not None:
        event.defer(State.ALLOWED, look_again, Waiting.TURN, keep_seat=False)
    elif media_step.is_outstanding(event):
        _in_a_place(event, State.ALLOWED, _hand_files_over)
    else:
        _take_a_slot(event)


@stage(takes=State.READY)
def send(event: Event) -> None:
    """Settle what is promised about the person, then hand the message to WhatsApp, once."""
    _in_a_place(event, State.READY, _send)


def _hand_files_over(event: Event) -> None:
    if media_step.hand_over(event):
        _take_a_slot(event)


def _take_a_slot(event: Event) -> None:
    marks_read = _reserve(event)
    if marks_read and event.state == State.READY and event.event_type in REPLIES:
        seen.mark_read.send(event.id)


def _send(event: Event) -> None:
    ticket = sending.settle(event)
    if ticket is not None:
        conclusion.conclude(event, ticket, sending.transmit(ticket))


def _in_a_place(event: Event, state: State, work: Callable[[Event], None]) -> None:
    place = bulkhead.requests.enter(event.instance_id)
    if place is None:
        _stand_in_line(event, state)
        return
    try:
        work(event)
    finally:
        _call(event, bulkhead.requests.leave(event.instance_id, place))


def _stand_in_line(event: Event, state: State) -> None:
    look_again_ms = clock.now_ms() + bulkhead.LOOK_AGAIN_MS
    event.defer(state, look_again_ms, Waiting.PLACE, keep_seat=False)
    # Whoever left before that was kept did not see anybody in line.
    _call(event, bulkhead.requests.call(event.instance_id))


def _call(event: Event, places: int) -> None:
    if places:
        nexts = backlog.next_in_line(event.account_id, event.instance_id, places)
        if nexts:
            bulkhead.requests.more_wait(event.instance_id)
            wake(nexts)


@transaction
def _rehearse(event: Event, findings: list[Ruling]) -> None:
    first = next((ruling.code for ruling in findings if ruling.code is not None), None)
    if event.record(State.VALID, reason=first.value if first else None):
        for ruling in findings:
            rulings.log_decision(event, "decide", ruling)


@transaction
def _follow(event: Event, ruling: Ruling) -> None:
    if ruling.outcome is Outcome.WAIT:
        # Under the locks: a pause that ends at this moment must not be missed.
        ruling = policy.decide(facts.settled(event, event.content["purpose"]))
    # Whoever got there first has written it down: only the one that moves the event logs.
    if ruling.outcome is Outcome.ALLOW:
        moved = event.move(State.VALID, State.ALLOWED)
    else:
        moved = rulings.obey(event, State.VALID, ruling)
    if moved:
        rulings.log_decision(event, "decide", ruling)


@transaction
def _reserve(event: Event) -> bool:
    """Move to `ready` at the next free slot; whether the integration marks messages as read."""
    now = clock.now_ms()
    is_its = Integration.id == event.integration_id
    found: Any = (
        Instance.select(Instance.messages_per_second, Integration.mark_read)
        .join(Integration, peewee.JOIN.LEFT_OUTER, on=is_its)
        .where(Instance.id == event.instance_id)
        .tuples()
        .get()
    )
    per_second, marks_read = found
    rates = sending.rates(event, per_second)
    slot_at_ms = Slot.reserve(rates, now, event.expires_at_ms)
    if slot_at_ms >= event.expires_at_ms:
        event.refuse(State.ALLOWED, ErrorCode.SENDING_THROTTLED)
    else:
        event.move(State.ALLOWED, State.READY, slot_at_ms=slot_at_ms)
    return bool(marks_read)
