"""Seen by people: an agent's reply marks the customer's message as read, and shows typing.

It runs beside the journey: it holds up no reply, fails none, and is not tried again.
"""

import logging

import dramatiq

from core import clock, telemetry
from core.words import State
from models.conversation import Conversation
from models.database import transaction
from models.event import Event
from models.instance import Instance
from models.unavailable import DatabaseUnavailable
from workers import bulkhead
from workers.broker import FORWARD, declarations
from workers.providers import PROVIDERS, ProviderError
from workers.sending import sender_of

DEADLINE_S = 3.0

_log = logging.getLogger(__name__)


@dramatiq.actor(queue_name=FORWARD, broker=declarations, max_retries=0)
def mark_read(event_id: str) -> None:
    """Mark read what an allowed reply answers, once for each message of the customer's."""
    try:
        event = Event.load(event_id)
        if event is not None and event.state != State.REFUSED:
            _in_a_place(event)
    except (ProviderError, DatabaseUnavailable) as failure:
        _log.info("event %s: not marked as read: %s", event_id, failure)
    except Exception as failure:  # noqa: BLE001 (Dramatiq would put its words into Redis)
        telemetry.report(failure, event_id=event_id, stage="mark_read")


def _in_a_place(event: Event) -> None:
    # One whose WhatsApp is slow must not hold all the threads that deliver into 3CX.
    place = bulkhead.deliveries.enter(event.instance_id)
    if place is None:
        return
    try:
        message_id = _take_message_id(event)
        if message_id is not None:
            instance = Instance.get_by_id(event.instance_id)
            PROVIDERS[instance.provider].mark_read(
                sender_of(instance),
                message_id,
                clock.monotonic() + DEADLINE_S,
                # After the reply it would be shown for as long as WhatsApp lets it.
                typing=event.state == State.READY,
            )
    finally:
        bulkhead.deliveries.leave(event.instance_id, place)


@transaction
def _take_message_id(event: Event) -> str | None:
    conversation = Conversation.with_address(
        event.account_id, event.instance_id, event.address_hash or ""
    )
    if conversation is None:
        return None
    taken = (
        Conversation.update(last_message_id=None)
        .where(
            Conversation.id == conversation.id,
            Conversation.last_inbound_at_ms == conversation.last_inbound_at_ms,
            ~Conversation.last_message_id.is_null(),
        )
        .execute()
    )
    return conversation.last_message_id if taken else None
