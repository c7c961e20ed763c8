"""The published words that several rooms use: event types, purposes, states, delivery statuses."""

from enum import StrEnum


class State(StrEnum):
    """What we did with an event. What WhatsApp did is `Delivery.status`."""

    RECEIVED = "received"
    VALID = "valid"
    ALLOWED = "allowed"
    READY = "ready"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    RECORDED = "recorded"
    UNCERTAIN = "uncertain"


class EventType(StrEnum):
    """The published event types, and the gateway's own."""

    TEST = "test"
    OUTBOUND_MESSAGE = "outbound_message"
    INBOUND_REPLY = "inbound_reply"
    MISSED_CALL = "missed_call"
    VOICEMAIL = "voicemail"
    CALL_ENDED = "call_ended"
    QUEUE_CALLBACK = "queue_callback"
    AFTER_HOURS = "after_hours"
    CALL_STARTED = "call_started"
    QUEUE_EVENT = "queue_event"
    OPT_OUT_CONFIRMATION = "opt_out_confirmation"  # ours: the one confirmation of an opt-out


PUBLISHED_TYPES = frozenset(EventType) - {EventType.OPT_OUT_CONFIRMATION}
REPLIES = frozenset({EventType.OUTBOUND_MESSAGE, EventType.INBOUND_REPLY})
CALL_EVENTS = frozenset(
    {
        EventType.MISSED_CALL,
        EventType.VOICEMAIL,
        EventType.CALL_ENDED,
        EventType.QUEUE_CALLBACK,
        EventType.AFTER_HOURS,
    }
)
RECORDED_ONLY = frozenset({EventType.CALL_STARTED, EventType.QUEUE_EVENT})


class Purpose(StrEnum):
    """The purposes that a support tool has (webhook contract)."""

    SUPPORT = "support"
    OPERATIONAL = "operational"
    TRANSACTIONAL = "transactional"
    INTERNAL_TEAM = "internal_team"
    AUTHENTICATION = "authentication"


class DeliveryStatus(StrEnum):
    """What WhatsApp says became of a message."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"
