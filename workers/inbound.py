"""WhatsApp → the gateway: what Meta told us, one item at a time.

Opt-outs come first, then the window; what agents are to read is stored with them, and goes on its
way into 3CX by workers/forwarding.py.
"""

import logging

import dramatiq

from core import clock, optout, telemetry
from core.words import State
from models import lanes
from models.account import Account
from models.conversation import Conversation, conversation_key
from models.customer import Customer, CustomerAlias, address_hash
from models.database import locked, transaction
from models.delivery import FAILED, Delivery, message_hash
from models.event import Event
from models.inbound_item import InboundItem, ItemState, Told
from models.instance import Instance
from models.suppression import Kind, Suppression
from models.unavailable import DatabaseUnavailable
from schemas import meta
from workers import conclusion, confirmation, forwarding, news, notices
from workers.broker import INBOUND, declarations
from workers.stage import MAX_TRIES, wake

_log = logging.getLogger(__name__)

_TOGETHER, _HANDED_OVER = 5, 1_000
_LATER = 10  # Dramatiq takes the lower first, of all that a worker has fetched
_WINDOW_IS_CLOSED, _BUSINESS_WAS_BLOCKED = 131047, 130403  # whatsapp-cloud-api, Errors


def told(instance_id: str, account_id: str, item: meta.Item) -> Told:
    """An item as it is kept for an instance of an account."""
    key = None
    if isinstance(item, meta.InboundMessage) and (address := item.from_phone or item.user_id):
        key = conversation_key(instance_id, address_hash(account_id, address))
    return Told(instance_id, item.dedup_key, item.kind, item.to_bytes().decode(), key)


def begin(item_ids: list[str]) -> None:
    """Have workers take these items in, some at a time."""
    _hand_over(item_ids, take_in)


def begin_later(item_ids: list[str]) -> None:
    """The same for what people did not write: an opt-out does not wait behind statuses."""
    _hand_over(item_ids, take_in_later)


@dramatiq.actor(queue_name=INBOUND, broker=declarations, max_retries=0)
def take_in(item_ids: list[str]) -> None:
    """Take items in, each on its own: a broken one costs its neighbours nothing.

    A few at a time; the rest goes to the end of the queue, so that a flood lets others pass.
    """
    _take_some(item_ids, take_in)


@dramatiq.actor(queue_name=INBOUND, broker=declarations, max_retries=0, priority=_LATER)
def take_in_later(item_ids: list[str]) -> None:
    """The same, once nothing more urgent is at hand."""
    _take_some(item_ids, take_in_later)


def _hand_over(item_ids: list[str], actor: dramatiq.Actor[..., None]) -> None:
    for start in range(0, len(item_ids), _HANDED_OVER):
        actor.send(item_ids[start : start + _HANDED_OVER])


def _take_some(item_ids: list[str], actor: dramatiq.Actor[..., None]) -> None:
    for item_id in item_ids[:_TOGETHER]:
        item = InboundItem.get_or_none(InboundItem.id == item_id)
        if item is not None and item.state == ItemState.RECEIVED:
            _take_in(item)
    if item_ids[_TOGETHER:]:
        actor.send(item_ids[_TOGETHER:])


def _take_in(item: InboundItem) -> None:
    try:
        _read(item)
    except DatabaseUnavailable as failure:
        _log.warning("inbound %s: %s; the sweep begins again", item.id, failure)
    except Exception as failure:  # noqa: BLE001 (see take_in)
        telemetry.report(failure, event_id=item.id, stage="inbound", attempt=item.tries + 1)
        if item.count_try() >= MAX_TRIES:
            item.end(ItemState.DEAD)


def _read(item: InboundItem) -> None:
    told = meta.from_bytes(item.content)
    instance = Instance.get_by_id(item.instance_id)
    if isinstance(told, meta.InboundMessage):
        _take_message(item, instance, told)
    elif isinstance(told, meta.StatusUpdate):
        _take_status(item, instance, told)
    elif isinstance(told, meta.IdentityChange):
        _identity_changed(item, instance, told)
    else:
        _log.info("inbound %s: nothing to do for field %s", item.id, told.field)
        item.end(ItemState.DONE)


def _take_message(item: InboundItem, instance: Instance, told: meta.InboundMessage) -> None:
    confirmations, forwards = _customer_wrote(item, instance, told)
    wake(confirmations)
    forwarding.begin(forwards)
    if item.conversation_key is not None:
        forwarding.begin(lanes.wake_conversation(item.conversation_key))


@transaction
def _customer_wrote(
    item: InboundItem, instance: Instance, told: meta.InboundMessage
) -> tuple[list[tuple[str, State]], list[str]]:
    if not item.end(ItemState.DONE):
        return [], []
    account = locked(Account.select().where(Account.id == instance.account)).get()
    address = told.from_phone or told.user_id
    if address is None:
        return [], []
    _learn_own_number(instance, told.display_phone_number)
    customer = Customer.at(account.id, told.from_phone, told.user_id, told.contact_name)
    now = clock.now_ms()
    if told.opens_window and told.sent_at_ms is not None:
        Conversation.customer_wrote(
            instance.id, customer, min(told.sent_at_ms, now), told.message_id
        )
    confirmations, forwards = _keyword_counts(account, instance, told, customer, item)
    forwards += news.message_received(item, instance, told, customer, address)
    return confirmations, forwards


def _keyword_counts(
    account: Account,
    instance: Instance,
    told: meta.InboundMessage,
    customer: str,
    item: InboundItem,
) -> tuple[list[tuple[str, State]], list[str]]:
    said = _keyword(account, told)
    address = told.from_phone or told.user_id
    if said is None or address is None:
        return [], []
    stops = said is optout.Keyword.STOP
    if not Customer.heed(customer, told.sent_at_ms or clock.now_ms(), item.seq, stops=stops):
        return [], []
    if not _heed(account, address, stops=stops):
        return [], []
    forwards = news.opted_out(item, instance, told, customer, address, opted_out=stops)
    confirms = [(_confirm(account, instance, address, told), State.RECEIVED)] if stops else []
    return confirms, forwards


def _keyword(account: Account, told: meta.InboundMessage) -> optout.Keyword | None:
    words = optout.DEFAULT
    if account.keywords:
        words = optout.Vocabulary.of(account.keywords["stop"], account.keywords["start"])
    return optout.read(told.opt_out_candidates, words)


def _heed(account: Account, address: str, *, stops: bool) -> bool:
    if stops:
        return Suppression.add(account.id, address, Kind.OPT_OUT, source="whatsapp")
    return Suppression.lift(account.id, address, Kind.OPT_OUT) > 0


def _confirm(account: Account, instance: Instance, address: str, told: meta.InboundMessage) -> str:
    hashed = address_hash(account.id, address)
    return confirmation.accept(account, instance, address, hashed, told.opt_out_candidates)


def _learn_own_number(instance: Instance, display: str | None) -> None:
    if display and instance.display_phone_number is None:
        Instance.update(display_phone_number=display).where(
            Instance.id == instance.id, Instance.display_phone_number.is_null()
        ).execute()


def _take_status(item: InboundItem, instance: Instance, told: meta.StatusUpdate) -> None:
    follow_up, forwards, untold = _status_changed(item, instance, told)
    wake(follow_up)
    forwarding.begin(forwards)
    if untold is not None:
        notices.tell(untold)


@transaction
def _status_changed(
    item: InboundItem, instance: Instance, told: meta.StatusUpdate
) -> tuple[list[tuple[str, State]], list[str], str | None]:
    if told.status == FAILED:
        # What a failure may touch has the account's lock before it (see sending.settle).
        locked(Account.select(Account.id).where(Account.id == instance.account_id)).first()
    if not item.end(ItemState.DONE):
        return [], [], None
    delivery = _delivery_of(instance, told)
    if delivery is None:
        return [], [], None
    at_ms = told.at_ms or clock.now_ms()
    code = told.errors[0] if told.errors else None
    event = Event.hold(delivery.event_id)
    advanced = delivery.advance(told.status, at_ms, code)
    if event is None:
        return [], [], None
    forwards = news.status_updated(item, event, delivery.part, told) if advanced else []
    follow_up: list[tuple[str, State]] = []
    if told.status == FAILED:
        _mind_errors(event, told)
        if advanced and (event.state == State.SENT or not event.finished):
            event.did_not_arrive()
    if event.state == State.UNCERTAIN and event.part == delivery.part:
        conclusion.settle_doubt(event)
        follow_up = conclusion.onward(event)
    return follow_up, forwards, event.id if event.untold else None


def _delivery_of(instance: Instance, told: meta.StatusUpdate) -> Delivery | None:
    # Our own correlation comes first: it is there even when the answer to the send was lost.
    event_id, _, part = (told.correlation or "").rpartition(":")
    found = None
    if part.isascii() and part.isdigit() and len(part) < 4:  # noqa: PLR2004 (parts are few)
        found = Delivery.get_or_none(
            Delivery.event_id == event_id,
            Delivery.part == int(part),
            Delivery.instance_id == instance.id,
        )
    return found or Delivery.get_or_none(
        Delivery.message_hash == message_hash(told.provider_message_id),
        Delivery.instance_id == instance.id,
    )


def _mind_errors(event: Event, told: meta.StatusUpdate) -> None:
    if _WINDOW_IS_CLOSED in told.errors:
        conclusion.close_window(event)
    if _BUSINESS_WAS_BLOCKED in told.errors and event.content["to"]:
        Suppression.add(event.account_id, event.content["to"], Kind.BLOCK, source="whatsapp")


@transaction
def _identity_changed(item: InboundItem, instance: Instance, told: meta.IdentityChange) -> None:
    if not item.end(ItemState.DONE):
        return
    # As everything that decides to whom an opt-out belongs.
    locked(Account.select(Account.id).where(Account.id == instance.account_id)).first()
    old = [address for address in (told.old_phone, told.old_user_id) if address]
    new = [address for address in (told.new_phone, told.new_user_id) if address]
    account_id = instance.account.id
    customer = next(
        filter(None, (Customer.find(account_id, address_hash(account_id, each)) for each in old)),
        None,
    )
    if customer is not None:
        hashes = [address_hash(account_id, each) for each in new]
        CustomerAlias.add(account_id, hashes, customer.id)
