"""After the request to WhatsApp: what came of it, and where the event goes from here."""

from functools import partial

from core import clock, telemetry
from core.errors import ErrorCode, GatewayError
from core.words import State
from models import backlog
from models.account import Account
from models.attempt import Attempt
from models.conversation import Conversation
from models.customer import Customer, CustomerAlias, address_hash
from models.database import locked, transaction
from models.delivery import FAILED, WENT_OUT, Delivery
from models.event import Event, Waiting
from models.instance import Instance
from models.slot import Slot
from models.suppression import Kind, Suppression
from models.usage import Usage
from workers import outage, policy
from workers.media import parts_of
from workers.outage import News
from workers.providers import Backoff, ProviderError, Receipt
from workers.sending import Ticket, slot_names
from workers.stage import Seats, keeps_seat


class InstancePaused(GatewayError):
    """WhatsApp asks for a person: nothing of this instance goes out until one has looked."""


def conclude(event: Event, ticket: Ticket, outcome: Receipt | ProviderError) -> None:
    """Write down what came of the request, and where the event goes from here."""
    held, news = _concluded(event, ticket, outcome)
    event.become(held)
    for tell in news:
        tell()


@transaction
def _concluded(
    event: Event, ticket: Ticket, outcome: Receipt | ProviderError
) -> tuple[Event, list[News]]:
    # The account first, as in `settle`: one order of locks, and nobody waits in a circle.
    locked(Account.select(Account.id).where(Account.id == event.account_id)).first()
    held = Event.hold(event.id) or event
    ours = _is_still_ours(held, ticket)
    news = outage.learn(held, outcome, ticket.lease_until_ms if ticket.probe else None)
    if isinstance(outcome, Receipt):
        _close_attempt(ticket, "sent")
        _accepted(held, ticket, outcome)
        if ours:
            go_on(held, last=ticket.last)
    elif outcome.maybe_sent:
        _close_attempt(ticket, "uncertain", outcome)
        if ours:
            doubt(held, reason="maybe_sent")
    else:
        _close_attempt(ticket, "failed", outcome)
        if ours:
            Usage.give_back(held.account_id, ticket.zone, ticket.settled_at_ms)
            news += _failed(held, ticket, outcome)
    return held, news


def _is_still_ours(event: Event, ticket: Ticket) -> bool:
    # An answer that comes after its lease settles what rests on it, and never another's send:
    # neither that of the next part, nor one after a person began the event anew.
    if event.state == State.SENDING:
        return event.lease_until_ms == ticket.lease_until_ms
    latest = _latest_attempt(event)
    return event.state == State.UNCERTAIN and latest is not None and latest.id == ticket.attempt.id


def _latest_attempt(event: Event) -> Attempt | None:
    found: Attempt | None = (
        Attempt.select()
        .where(Attempt.event_id == event.id, Attempt.part == event.part)
        .order_by(Attempt.id.desc())
        .first()
    )
    return found


def _close_attempt(ticket: Ticket, outcome: str, failure: ProviderError | None = None) -> None:
    Attempt.update(
        outcome=outcome,
        provider_code=failure.code if failure else None,
        words=str(failure) if failure else None,
        kind=failure.kind if failure and not failure.maybe_sent else None,
        finished_at_ms=clock.now_ms(),
    ).where(Attempt.id == ticket.attempt.id).execute()


def _accepted(event: Event, ticket: Ticket, receipt: Receipt) -> None:
    part = ticket.attempt.part
    Delivery.accepted(event.id, part, receipt.provider_message_id, clock.now_ms())
    _learn_addresses(event, receipt)


def go_on(event: Event, *, last: bool) -> None:
    """After a part that is known to have gone: end, or turn to the next part."""
    if last:
        event.sent(State(event.state))
        return
    event.move(
        State(event.state),
        State.ALLOWED,
        part=event.part + 1,
        slot_at_ms=None,
        lease_until_ms=None,
        finished_at_ms=None,
        seated=True,
        reason=None,
    )


@transaction
def abandoned(event_id: str) -> Event | None:
    """Let an event rest uncertain whose lease ran out: whoever was sending it is gone.

    Returns:
        The event, when this call settled it.
    """
    event = Event.hold(event_id)
    if event is None or event.state != State.SENDING:
        return None
    if (event.lease_until_ms or 0) > clock.now_ms():
        return None
    doubt(event, reason="lease_lapsed")
    return event


def doubt(event: Event, reason: str) -> None:
    """Let a held event rest uncertain, unless a status has told already what became of it."""
    if event.doubt(State.SENDING, reason):
        settle_doubt(event)


def settle_doubt(event: Event) -> None:
    """Settle a held, uncertain event by what WhatsApp told of its part, if it told anything."""
    status = (
        Delivery.select(Delivery.status)
        .where(Delivery.event_id == event.id, Delivery.part == event.part)
        .scalar()
    )
    if status in WENT_OUT:
        go_on(event, last=event.part + 1 >= len(parts_of(event.content)))
    elif status == FAILED:
        _known_not_sent(event)


def onward(event: Event) -> list[tuple[str, State]]:
    """Whom to wake once an event was settled: itself for its next part, or who comes after it."""
    if event.finished:
        return backlog.hand_on(event, Seats.per_account)
    return [(event.id, State(event.state))]


def _learn_addresses(event: Event, receipt: Receipt) -> None:
    others = [address for address in (receipt.wa_id, receipt.user_id) if address]
    hashes = [address_hash(event.account_id, address) for address in others]
    new = [each for each in hashes if each != event.address_hash]
    customer = Customer.find(event.account_id, event.address_hash or "") if new else None
    if customer is not None:
        CustomerAlias.add(event.account_id, new, customer.id)


def _failed(event: Event, ticket: Ticket, failure: ProviderError) -> list[News]:
    tries = ticket.attempt.failures_like(failure.kind)
    if failure.suppress:
        Suppression.add(event.account_id, ticket.message.to, Kind.BLOCK, source="whatsapp")
        _end(event, ErrorCode.RECIPIENT_SUPPRESSED, failure)
    elif failure.window_closed:
        close_window(event)
        _end(event, ErrorCode.CONVERSATION_WINDOW_CLOSED, failure)
    elif failure.pause:
        until = clock.now_ms() + policy.checks.PAUSE_LOOK_MS
        _back_to_ready(event, until, Waiting.PAUSE, keep_seat=False)
        return pause_instance(event.instance_id, str(failure))
    elif failure.gives_up(tries):
        _end(event, ErrorCode.GATEWAY_SEND_FAILED, failure)
    else:
        _retry(event, failure, tries)
    return []


def _end(event: Event, code: ErrorCode, failure: ProviderError) -> None:
    delivery = Delivery.get(Delivery.event_id == event.id, Delivery.part == event.part)
    delivery.advance(FAILED, clock.now_ms(), failure.code)
    event.refuse(State(event.state), code, reason=str(failure))


def _retry(event: Event, failure: ProviderError, tries: int) -> None:
    until = clock.now_ms() + failure.wait_ms(tries)
    instance, pair = slot_names(event)
    if failure.backoff is Backoff.INSTANCE:
        Slot.close_until(instance, until)
    elif failure.backoff is Backoff.RECIPIENT:
        Slot.close_until(pair, until)
    _back_to_ready(event, until, Waiting.PROVIDER, keep_seat=keeps_seat(until))


def _back_to_ready(event: Event, until_ms: int, waiting: Waiting, *, keep_seat: bool) -> None:
    # It may rest uncertain, its lease run out, and have lost its seat.
    in_hand = event.state == State.SENDING
    columns = {"lease_until_ms": None, "finished_at_ms": None, "reason": None}
    event.move(State(event.state), State.READY, **columns)
    event.defer(State.READY, until_ms, waiting, keep_seat=keep_seat and in_hand)


def close_window(event: Event) -> None:
    """Correct our record: WhatsApp says that the customer has not written for 24 hours."""
    conversation = Conversation.with_address(
        event.account_id, event.instance_id, event.address_hash or "", lock=True
    )
    if conversation is not None:
        Conversation.update(last_inbound_at_ms=None).where(
            Conversation.id == conversation.id
        ).execute()


def pause_instance(instance_id: str, reason: str) -> list[News]:
    """Hold an instance's messages after an error that only a person can mend.

    Returns:
        The alert, when nobody has paused it before: for once the transaction is kept.
    """
    paused = (
        Instance.update(pause_reason=reason, paused_at_ms=clock.now_ms())
        .where(Instance.id == instance_id, Instance.pause_reason.is_null())
        .execute()
    )
    alert = InstancePaused(f"instance {instance_id} is paused: {reason}")
    return [partial(telemetry.report, alert)] if paused else []


def _known_not_sent(event: Event) -> None:
    """End an uncertain event whose part, as WhatsApp now says, did not reach anybody."""
    attempt = _latest_attempt(event)
    # One that is known to have failed has given its unit back already.
    counted = attempt is not None and attempt.outcome != "failed"
    if event.refuse(State.UNCERTAIN, ErrorCode.GATEWAY_SEND_FAILED) and attempt and counted:
        zone = Account.get_by_id(event.account_id).zone_at(attempt.started_at_ms)
        Usage.give_back(event.account_id, zone, attempt.started_at_ms)
