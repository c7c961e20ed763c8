"""Call events: which of them send their template, and with which text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from core.errors import ErrorCode
from core.words import EventType, State
from models.account import Account
from models.conversation import Conversation
from models.cooldown import COOLDOWN_MS, Cooldown
from models.database import transaction
from models.destination import Destination, Kind
from models.event import Event
from models.integration import Integration
from schemas import threecx
from schemas.threecx import Call
from workers import call_texts

TEMPLATE_DISABLED = "template_disabled"
SENDS_NOTHING = "call_type_sends_nothing"
COOLING_DOWN = "cooldown"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_PURPOSE = "operational"  # of every call event, whatever it says (webhook contract)
_SILENT_CALLS = frozenset({"outbound", "notanswered"})


def validate(event: Event, content: dict[str, Any]) -> None:
    """Give a call event its template's text and its cooldown, or end it because it has none.

    Args:
        event: in `received`, with a customer's number.
        content: what its payload holds.
    """
    integration = Integration.get_by_id(event.integration_id)
    account = Account.get_by_id(event.account_id)
    zone = account.zone_at(event.received_at_ms)
    received = datetime.fromtimestamp(event.received_at_ms / 1000, UTC).astimezone(zone)
    call = threecx.call(content["body"])
    kind = _converted(event.event_type, integration, received)
    template = integration.call_templates.get(kind, {})
    if not integration.call_events:
        event.refuse(State.RECEIVED, ErrorCode.CALL_EVENTS_DISABLED)
    elif call.call_type.lower() in _SILENT_CALLS:
        event.record(State.RECEIVED, SENDS_NOTHING)
    elif not template.get("enabled"):
        event.record(State.RECEIVED, TEMPLATE_DISABLED, event_type=kind)
    else:
        # What is left of a text that went out in part must not change.
        text = content["text"] if event.part else None
        if text is None:
            values = _values(call, content["to"], account, received)
            text = _text(template.get("text", ""), kind, integration.language, values)
        _claim(event, kind, content | {"text": text, "purpose": _PURPOSE})
        event.become(Event.get_by_id(event.id))  # with its payload sealed
        if call.queue and event.state == State.VALID:
            _answers_go_to(call.queue, event)


def is_open(
    hours: Mapping[str, Sequence[Sequence[str]]] | None, holidays: Sequence[str], at: datetime
) -> bool:
    """Whether a business is open at a time on its own clocks.

    Args:
        hours: by weekday its spans, `["09:00", "17:00"]`, the end not included and at most 24:00;
            a day that is left out is closed. None is always open, but for holidays.
        holidays: local dates, `2026-12-25`.
        at: the time, in the business's zone.
    """
    if at.date().isoformat() in holidays:
        return False
    if hours is None:
        return True
    now = f"{at:%H:%M}"
    return any(start <= now < end for start, end in hours.get(WEEKDAYS[at.weekday()], ()))


def _converted(event_type: str, integration: Integration, received: datetime) -> str:
    hours, holidays = integration.business_hours, integration.holidays
    if event_type == EventType.MISSED_CALL and not is_open(hours, holidays, received):
        return EventType.AFTER_HOURS.value
    return event_type


def _values(call: Call, to: str, account: Account, received: datetime) -> dict[str, str]:
    return {
        "customer_phone": to,
        "agent_extension": call.agent_extension,
        "queue": call.queue,
        "call_time": call_texts.shown_time(call.call_time, received),
        "business_name": account.business_name or account.name,
    }


def _text(own: str, kind: str, language: str, values: Mapping[str, str]) -> str:
    # A text of variables that all were empty would be nothing to send.
    return call_texts.fill(own, values) or call_texts.fill(
        call_texts.default(kind, language), values
    )


def _answers_go_to(queue: str, event: Event) -> None:
    """Have what the customer answers appear in the chat of the queue that they called."""
    chat = Destination.get_or_none(
        Destination.integration == event.integration_id, Destination.kind == Kind.THREECX_SMS.value
    )
    ways = chat.ways if chat else ()
    dids = [w.did for w in ways if (w.queue, w.instance_id) == (queue, event.instance_id)]
    if dids:
        Conversation.goes_by(event.account_id, event.instance_id, event.address_hash or "", dids[0])


@transaction
def _claim(event: Event, kind: str, content: dict[str, Any]) -> None:
    held = Event.hold(event.id)
    if held is None or held.state != State.RECEIVED:
        return  # another message of this step was quicker, and it may all be over by now
    until_ms = event.expires_at_ms + COOLDOWN_MS
    address = event.address_hash or ""
    if Cooldown.claim(event.integration_id or "", kind, address, event.id, until_ms):
        payload = orjson.dumps(content).decode()
        event.move(State.RECEIVED, State.VALID, event_type=kind, payload=payload)
    else:
        event.record(State.RECEIVED, COOLING_DOWN, event_type=kind)
