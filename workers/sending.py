"""The last step to WhatsApp: settle, then transmit.

What is promised about a person is settled in the transaction that moves the event to `sending`;
the request comes after its commit, so that a crash leaves a lease and never a second message.
"""

import logging
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from core import clock
from core.errors import GatewayError
from core.words import State
from models import backlog
from models.account import Account
from models.attempt import Attempt
from models.breaker import Breaker
from models.database import transaction
from models.delivery import Delivery
from models.event import Event, Waiting
from models.instance import Instance
from models.slot import Rate, Slot
from models.usage import Usage
from workers import facts, policy, rulings
from workers.media import File, parts_of
from workers.policy import Outcome
from workers.providers import (
    PROVIDERS,
    MediaMessage,
    Message,
    ProviderError,
    Receipt,
    Sender,
    TextMessage,
)
from workers.stage import is_early, keeps_seat

LEASE_MS = 25_000
DEADLINE_S = 15.0
_LEASE_CHECK_MS = LEASE_MS - int(DEADLINE_S * 1000)
_STALE_SLOT_MS = 2_000
_UNTOLD = {"status": "unknown", "provider_code": None}  # what an earlier attempt came to is past
_PAIR_PERIOD_US, _PAIR_BURST = 6_000_000, 45  # whatsapp-cloud-api, Limits

_log = logging.getLogger(__name__)


class LeaseLapsed(GatewayError):
    """This process stood still between settling and sending: nothing was written."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to hand one part of one event to WhatsApp, once, before the lease ends."""

    attempt: Attempt
    provider: str
    sender: Sender
    message: Message
    zone: ZoneInfo
    settled_at_ms: int
    settled_at: float
    lease_until_ms: int
    last: bool
    probe: bool


def rates(event: Event, messages_per_second: int) -> list[Rate]:
    """The paces that a message of this event keeps: its instance's and its pair's."""
    instance, pair = slot_names(event)
    return [
        Rate(instance, 1_000_000 // messages_per_second, 1),
        Rate(pair, _PAIR_PERIOD_US, _PAIR_BURST),
    ]


def slot_names(event: Event) -> tuple[str, str]:
    """The slots of its instance and of its pair."""
    return f"instance:{event.instance_id}", f"pair:{event.conversation_key}"


@transaction
def settle(event: Event) -> Ticket | None:
    """Move to `sending` if all that is promised holds now; else refuse, wait or go back."""
    now = clock.now_ms()
    if _slot_is_stale(event, now) or _must_wait(event, now):
        return None
    content = event.content
    seen = facts.settled(event, content["purpose"])
    ruling = policy.decide(seen)
    if ruling.outcome is not Outcome.ALLOW:
        if rulings.obey(event, State.READY, ruling):
            rulings.log_decision(event, "send", ruling)
        return None
    now = seen.now_ms  # the locks may have taken their time, over midnight or the end of validity
    held = Event.hold(event.id)
    # Another message of this step may be at it, or have tried and failed.
    if held is None or held.state != State.READY or is_early(held) or now >= held.expires_at_ms:
        return None
    lease_until_ms = now + LEASE_MS
    admission = Breaker.admit(event.instance_id, now, lease_until_ms)
    if admission.wait_until_ms is not None:
        event.defer(State.READY, admission.wait_until_ms, Waiting.OUTAGE, keep_seat=False)
        return None
    if not event.move(State.READY, State.SENDING, lease_until_ms=lease_until_ms):
        return None
    Event.update(due_at_ms=lease_until_ms).where(Event.id == event.id).execute()
    return _ticket(event, content["to"], parts_of(content), now, probe=admission.probe)


def _slot_is_stale(event: Event, now: int) -> bool:
    # Slots that went by unused must not all be used at once when what held them up is gone.
    stale = event.slot_at_ms is None or now - event.slot_at_ms > _STALE_SLOT_MS
    return stale and event.move(State.READY, State.ALLOWED, slot_at_ms=None)


def _must_wait(event: Event, now: int) -> bool:
    turn = backlog.earlier_unfinished(event)
    if turn is not None:
        return event.defer(State.READY, turn, Waiting.TURN, keep_seat=False)
    closed_until_ms = Slot.opens_at_ms(list(slot_names(event)))
    if closed_until_ms > now:
        keep = keeps_seat(closed_until_ms)
        return event.defer(State.READY, closed_until_ms, Waiting.SLOT, keep_seat=keep)
    slot_at_ms = event.slot_at_ms or 0
    if slot_at_ms > now:
        keep = keeps_seat(slot_at_ms)
        return event.defer(State.READY, slot_at_ms, Waiting.SLOT, keep_seat=keep)
    return False


def _ticket(event: Event, to: str, pieces: list[str | File], now: int, *, probe: bool) -> Ticket:
    account = Account.get_by_id(event.account_id)
    instance = Instance.get_by_id(event.instance_id)
    zone = account.zone_at(now)
    Usage.take(account.id, zone, now)
    number = (
        Attempt.select().where(Attempt.event_id == event.id, Attempt.part == event.part).count()
    )
    attempt = Attempt.create(
        event_id=event.id, part=event.part, number=number + 1, started_at_ms=now
    )
    Delivery.insert(
        event_id=event.id,
        part=event.part,
        instance_id=instance.id,
        **_UNTOLD,
        status_at_ms=now,
    ).on_conflict(conflict_target=[Delivery.event_id, Delivery.part], update=_UNTOLD).execute()
    return Ticket(
        attempt=attempt,
        provider=instance.provider,
        sender=sender_of(instance),
        message=_message(to, pieces[event.part], f"{event.id}:{event.part}"),
        zone=zone,
        settled_at_ms=now,
        settled_at=clock.monotonic(),
        lease_until_ms=now + LEASE_MS,
        last=event.part + 1 >= len(pieces),
        probe=probe,
    )


def _message(to: str, piece: str | File, correlation: str) -> Message:
    if isinstance(piece, str):
        return TextMessage(to=to, text=piece, correlation=correlation)
    kind, media_id = piece.kind or "document", piece.media_id or ""
    return MediaMessage(to, kind, media_id, piece.filename, correlation)


def sender_of(instance: Instance) -> Sender:
    """An instance as its provider knows it."""
    return Sender(
        instance_id=instance.id,
        phone_number_id=instance.phone_number_id,
        access_token=instance.access_token,
        base_url=instance.base_url,
        graph_version=instance.graph_version,
    )


def transmit(ticket: Ticket) -> Receipt | ProviderError:
    """Make the one request that the ticket allows."""

    def check_lease() -> None:
        stood_ms = (clock.monotonic() - ticket.settled_at) * 1000
        if max(stood_ms, clock.now_ms() - ticket.settled_at_ms) > _LEASE_CHECK_MS:
            raise LeaseLapsed("the process stood still for longer than a send may take")

    try:
        return PROVIDERS[ticket.provider].send(
            ticket.sender, ticket.message, ticket.settled_at + DEADLINE_S, check_lease
        )
    except ProviderError as failure:
        return failure
    except LeaseLapsed as lapsed:
        return ProviderError(summary=str(lapsed))
