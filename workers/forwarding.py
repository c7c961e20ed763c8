"""WhatsApp → 3CX, from where the news was taken in: store, then deliver until it is taken.

Told at least once, always with the same id; in order within a conversation; for 24 hours.
"""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import dramatiq

from core import clock, telemetry
from core.errors import GatewayError
from models import lanes
from models.breaker import Breaker
from models.conversation import Conversation
from models.database import transaction
from models.destination import Destination, News
from models.forward import Forward, ForwardState, WaitingFor
from models.instance import Instance
from models.integration import Integration
from models.unavailable import DatabaseUnavailable
from workers import bulkhead
from workers.broker import FORWARD, declarations
from workers.destinations import DESTINATIONS, DestinationError, Target, Telling

LEASE_MS = 25_000
DEADLINE_S = 15.0
_LEASE_CHECK_MS = LEASE_MS - int(DEADLINE_S * 1000)
_MAX_RESCUES = 5
_REFUSED_AT_MOST = 5  # tries of something that the destination refuses for its own sake
_FAILED_AT_MOST = 12  # tries of something that fails while the destination takes others
_LATELY_MS, _LAST = 60_000, 200
_FIRST_WAIT_MS, _LONGEST_WAIT_MS = 1_000, 600_000
_SWITCH_LOOK_MS = 10 * 60_000

_log = logging.getLogger(__name__)

Content = Callable[[Destination], dict[str, Any]]


class DestinationAway(GatewayError):
    """A destination takes nothing: until it does, its news waits."""


class NotDelivered(GatewayError):
    """Something was not taken by a destination, and a person has to look."""


class _LeaseLapsed(GatewayError):
    """This process stood still before the first byte: nothing was written."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to make one request, before the lease ends."""

    kind: str
    target: Target
    telling: Telling
    began_at: float
    lease_until_ms: int
    probe: bool


def store(
    destinations: Iterable[Destination],
    news: News,
    content: Content,
    *,
    source_id: str,
    instance_id: str,
    conversation_key: str,
    turn: int | None = None,
) -> list[str]:
    """Keep news for those who are to hear of it, in the caller's transaction.

    Args:
        destinations: who may be told.
        news: what it is about; who did not choose it is left out.
        content: what each is told (see workers.destinations.Telling).
        source_id: the inbound item or the event that it comes from.
        instance_id: the WhatsApp number.
        conversation_key: whose order it keeps.
        turn: its place in it; None for after everything so far.

    Returns:
        The ids for `begin`, once the transaction is kept.
    """
    kept = [
        lanes.keep(
            each,
            news,
            content(each),
            source_id=source_id,
            instance_id=instance_id,
            conversation_key=conversation_key,
            turn=lanes.turn_now() if turn is None else turn,
        )
        for each in destinations
        if news.value in each.events
    ]
    return [each for each in kept if each is not None]


def destinations_of(instance_id: str, *only: Any) -> list[Destination]:
    """Everybody who is to hear what happens to a WhatsApp number.

    Args:
        instance_id: the number.
        only: further conditions, of Destination and Integration.
    """
    found = (
        Destination.select(Destination, Integration)
        .join(Integration)
        .where(Destination.enabled, Integration.enabled, *only)
        .where(Destination.account == _account_of(instance_id))
        .order_by(Destination.id)
    )
    return [each for each in found if _serves(each, instance_id)]


def begin(forward_ids: Iterable[str]) -> None:
    """Have workers deliver these. A message that is lost here, the sweep replaces."""
    for forward_id in forward_ids:
        deliver.send(forward_id)


@dramatiq.actor(queue_name=FORWARD, broker=declarations, max_retries=0)
def deliver(forward_id: str) -> None:
    """Tell a destination one thing, if it is its turn, and hand on."""
    try:
        forward = Forward.load(forward_id)
        if forward is not None and forward.to_be_done:
            _whole_step(forward)
    except DatabaseUnavailable as failure:
        _log.warning("forward %s: %s; the sweep begins again", forward_id, failure)


def sweep() -> int:
    """Wake what is due; returns how many were found."""
    found = 0
    # A flood that finds no seats must not stand before everybody else until the next sweep.
    while (batch := lanes.claim_due()) is not None:
        found += len(batch)
        for each in batch:
            if each.state != ForwardState.DELIVERING or _lease_ran_out(each.id):
                deliver.send(each.id)
    return found


def _account_of(instance_id: str) -> Any:
    return Instance.select(Instance.account).where(Instance.id == instance_id)


def _serves(destination: Destination, instance_id: str) -> bool:
    if destination.routes:
        return any(way.instance_id == instance_id for way in destination.ways)
    own: str = destination.integration.instance_id
    return own == instance_id


def _whole_step(forward: Forward) -> None:
    try:
        _step(forward)
    except DatabaseUnavailable:
        raise
    except Exception as failure:  # noqa: BLE001 (Dramatiq would put its words into Redis)
        telemetry.report(failure, event_id=forward.id, stage="deliver", attempt=forward.rescues + 1)
        forward.stumble()


def _step(forward: Forward) -> None:
    if clock.now_ms() >= forward.expires_at_ms:
        _give_up(forward, forward.words or "it could not be delivered in time")
    elif forward.rescues > _MAX_RESCUES:
        _give_up(forward, f"its delivery was begun {_MAX_RESCUES} times and never ended")
    elif lanes.held_back(forward):
        _wait_for_turn(forward)
    else:
        for tell in _in_a_place(forward):
            tell()
        return
    begin(lanes.hand_on(forward))


def _wait_for_turn(forward: Forward) -> None:
    forward.wait(clock.now_ms() + bulkhead.LOOK_AGAIN_MS, WaitingFor.TURN)
    # What it waits for may have ended before that was kept, and woken nobody.
    if not lanes.held_back(forward):
        begin(lanes.wake_conversation(forward.conversation_key))


def _in_a_place(forward: Forward) -> list[Callable[[], None]]:
    """Try to deliver; what is to be done once the place is free for whoever is woken."""
    place = bulkhead.deliveries.enter(forward.destination_id)
    if place is None:
        return _stand_in_line(forward)
    try:
        ticket = _settle(forward)
        if ticket is not None:
            return _conclude(forward, ticket, _transmit(ticket))
    finally:
        bulkhead.deliveries.leave(forward.destination_id, place)
    # Whoever got its seat while the destination is away would only find that out, too.
    if forward.waiting_for in {WaitingFor.OUTAGE, WaitingFor.SWITCH}:
        return []
    return [partial(begin, lanes.hand_on(forward))]


def _stand_in_line(forward: Forward) -> list[Callable[[], None]]:
    forward.wait(clock.now_ms() + bulkhead.LOOK_AGAIN_MS, WaitingFor.SEAT)
    # Whoever left before that was kept did not see anybody in line; else it is too early to ask.
    if not bulkhead.deliveries.call(forward.destination_id):
        return []
    return [partial(begin, lanes.hand_on(forward))]


def _look_for_who_waits(forward: Forward) -> None:
    # One that found its turn not come while this was being concluded was seen by neither.
    begin(lanes.wake_conversation(forward.conversation_key))


@transaction
def _settle(forward: Forward) -> Ticket | None:
    now = clock.now_ms()
    destination: Destination | None = Destination.get_or_none(
        Destination.id == forward.destination_id
    )
    if destination is None:
        forward.fail(ForwardState.WAITING, "its destination was removed")
        return None
    if not destination.enabled:
        forward.wait(now + _SWITCH_LOOK_MS, WaitingFor.SWITCH)
        return None
    lease_until_ms = now + LEASE_MS
    admission = Breaker.admit(destination.id, now, lease_until_ms)
    if admission.wait_until_ms is not None:
        forward.wait(admission.wait_until_ms, WaitingFor.OUTAGE)
        return None
    if not forward.begin(lease_until_ms):
        return None
    content = forward.content
    did = destination.did_for(forward.instance_id, content.get("did"))
    if "did" not in content and len(destination.ways) > 1:
        did = destination.did_for(forward.instance_id, _known_did(content.get("conversation_id")))
    return Ticket(
        kind=destination.kind,
        target=Target(destination.id, destination.url, destination.secret, did),
        telling=Telling(forward.id, forward.received_at_ms, content),
        began_at=clock.monotonic(),
        lease_until_ms=lease_until_ms,
        probe=admission.probe,
    )


def _known_did(conversation_id: str | None) -> str | None:
    if conversation_id is None:
        return None
    found: str | None = (
        Conversation.select(Conversation.did).where(Conversation.id == conversation_id).scalar()
    )
    return found


def _transmit(ticket: Ticket) -> int | DestinationError:
    def check_lease() -> None:
        # Whoever took it over after the lease may be further by now.
        late_ms = clock.now_ms() - (ticket.lease_until_ms - LEASE_MS)
        if max((clock.monotonic() - ticket.began_at) * 1000, late_ms) > _LEASE_CHECK_MS:
            raise _LeaseLapsed("the process stood still for longer than a delivery may take")

    try:
        return DESTINATIONS[ticket.kind].deliver(
            ticket.target, ticket.telling, ticket.began_at + DEADLINE_S, check_lease
        )
    except DestinationError as failure:
        return failure
    except _LeaseLapsed as lapsed:
        return DestinationError(str(lapsed))


@transaction
def _conclude(
    forward: Forward, ticket: Ticket, outcome: int | DestinationError
) -> list[Callable[[], None]]:
    if not forward.hold_lease(ticket.lease_until_ms):
        return []  # somebody else has it by now
    if isinstance(outcome, int):
        forward.delivered(outcome)
        follow_up = (partial(begin, lanes.hand_on(forward)), partial(_look_for_who_waits, forward))
        return [*_works(forward), *follow_up]
    news = _learn(forward, ticket, outcome)
    now = clock.now_ms()
    until_ms = now + _wait_ms(forward.tries, outcome)
    if _gives_up(forward, outcome):
        forward.fail(ForwardState.DELIVERING, str(outcome), outcome.status)
        news.append(partial(_report, forward))
    else:
        forward.come_back(until_ms, outcome.status, str(outcome))
    return [*news, partial(begin, lanes.hand_on(forward))]


def _learn(forward: Forward, ticket: Ticket, failure: DestinationError) -> list[Callable[[], None]]:
    lease = ticket.lease_until_ms if ticket.probe else None
    if failure.broken:
        open_until_ms = Breaker.failed(forward.destination_id, lease)
        if open_until_ms is None:
            return []
        lanes.release(forward.destination_id, WaitingFor.OUTAGE, open_until_ms)
        away = DestinationAway(f"destination {forward.destination_id} takes nothing: {failure}")
        return [partial(telemetry.warn, away)]
    if failure.status is not None:
        return _works(forward)
    if lease is not None:
        Breaker.untold(forward.destination_id, lease)
    return []


def _works(forward: Forward) -> list[Callable[[], None]]:
    if not Breaker.answered(forward.destination_id):
        return []
    lanes.release(forward.destination_id, WaitingFor.OUTAGE)
    lanes.release(forward.destination_id, WaitingFor.RETRY)
    return [partial(_log.warning, "destination %s takes news again", forward.destination_id)]


def _gives_up(forward: Forward, failure: DestinationError) -> bool:
    tried = forward.tries + 1
    if failure.permanent:
        return True
    if not failure.broken:
        return failure.retry_after_ms is None and tried >= _REFUSED_AT_MOST
    return tried >= _FAILED_AT_MOST and _takes_others(forward)


def _takes_others(forward: Forward) -> bool:
    """Whether the destination took anything lately, among the last that it was to be told."""
    last: Any = (
        Forward.select(Forward.state, Forward.finished_at_ms)
        .where(Forward.destination_id == forward.destination_id)
        .order_by(Forward.seq.desc())
        .limit(_LAST)
        .tuples()
    )
    since_ms = clock.now_ms() - _LATELY_MS
    return any(state == ForwardState.DELIVERED and at_ms > since_ms for state, at_ms in last)


def _wait_ms(tries: int, failure: DestinationError) -> int:
    ceiling = min(_FIRST_WAIT_MS << min(tries, 10), _LONGEST_WAIT_MS)
    # Half is certain, half is drawn: what failed together does not come back together.
    drawn = ceiling // 2 + int(random.random() * ceiling / 2)  # noqa: S311 (spreads, hides nothing)
    return max(drawn, failure.retry_after_ms or 0)


def _give_up(forward: Forward, words: str) -> None:
    if forward.fail(ForwardState.WAITING, words, forward.status):
        _report(forward)


def _report(forward: Forward) -> None:
    telemetry.report(
        NotDelivered(f"destination {forward.destination_id}: {forward.words}"),
        event_id=forward.id,
        account=forward.account_id,
        stage="deliver",
        attempt=forward.tries,
    )


@transaction
def _lease_ran_out(forward_id: str) -> bool:
    """Take a delivery back whose worker went away; it may have been told, and is told again."""
    held = Forward.hold(forward_id)
    if held is None or held.state != ForwardState.DELIVERING:
        return held is not None
    if (held.lease_until_ms or 0) > clock.now_ms():
        return False
    return held.lapse()
