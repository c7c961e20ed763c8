"""Every error code that callers can rely on, said once for API, workers, command line and docs."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """A published code, with its HTTP status, cause and fix (the webhook contract's tables)."""

    status: int
    cause: str
    fix: str

    def __new__(cls, code: str, status: int = 0, cause: str = "", fix: str = "") -> Self:
        """Make a text that carries its status and words; looking one up takes the code alone."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.status, member.cause, member.fix = status, cause, fix
        return member

    @property
    def message(self) -> str:
        """The words that go with the code in an answer."""
        if self is ErrorCode.INVALID_3CX_WEBHOOK:
            return "Invalid 3CX webhook request."
        return f"{self.cause}. {self.fix}."

    # What the endpoint itself checks.
    PAYLOAD_TOO_LARGE = "payload_too_large", 413, "Webhook body exceeds 256KB", "Reduce payload"
    INVALID_3CX_WEBHOOK = (
        "invalid_3cx_webhook",
        401,
        "The request could not be authenticated before processing",
        "Check the integration URL, webhook secret, optional IP allowlist, timestamp, "
        "and HMAC signature",
    )
    WEBHOOK_RATE_LIMITED = (
        "webhook_rate_limited",
        429,
        "More than 60 requests per minute per integration",
        "Slow down the event sender",
    )
    INVALID_JSON = (
        "invalid_json",
        400,
        "Request body is not valid JSON",
        "Send a valid JSON payload with Content-Type: application/json",
    )
    MODULE_NOT_ENABLED = (
        "module_not_enabled",
        403,
        "3CX Middleware is not enabled for the account",
        "Enable 3CX in the module settings or contact support",
    )
    INVALID_IDEMPOTENCY_KEY = (
        "invalid_idempotency_key",
        400,
        "The Idempotency-Key header is empty, longer than 255 characters or not visible ASCII",
        "Send 1 to 255 visible ASCII characters, or leave the header out",
    )
    IDEMPOTENCY_CONFLICT = (
        "idempotency_conflict",
        422,
        "The same Idempotency-Key was used before with another body",
        "Use a new key for a new message, and the same body for a repeat",
    )
    SERVICE_UNAVAILABLE = (
        "service_unavailable",
        503,
        "The gateway has nowhere to keep the event at the moment",
        "Repeat the request after the time in Retry-After",
    )
    EVENT_NOT_FOUND = (
        "event_not_found",
        404,
        "This integration has no event with this id",
        "Use the event_id that the webhook answered",
    )

    # What the doors of agents' chat and of the contact lookup check besides.
    RATE_LIMITED = (
        "rate_limited",
        429,
        "More requests per minute than this door takes from one integration",
        "Repeat the request after the time in Retry-After",
    )
    UNKNOWN_DID = (
        "unknown_did",
        422,
        "The number in from stands for no WhatsApp number of this integration",
        "Add the DID to the routes of the integration's 3CX destination",
    )
    TOO_MANY_FILES = (
        "too_many_files",
        422,
        "The message has more than 10 files",
        "Send at most 10 files in one message",
    )

    # What the workers find.
    MISSING_PHONE = (
        "missing_phone",
        422,
        "Event payload does not include customer phone",
        "Include to, from, customer_phone, caller, or phone",
    )
    MISSING_MESSAGE_TEXT = (
        "missing_message_text",
        422,
        "Outbound event does not include message text",
        "Include message_text or message in the event payload",
    )
    UNSUPPORTED_EVENT_TYPE = (
        "unsupported_event_type",
        422,
        "The event type is missing or unknown",
        "Use one of the documented event types",
    )
    OUTBOUND_DISABLED = (
        "outbound_disabled",
        403,
        "Outbound messaging disabled in integration settings",
        "Enable outbound",
    )
    CALL_EVENTS_DISABLED = (
        "call_events_disabled",
        403,
        "Call events disabled",
        "Enable call events",
    )
    MESSAGE_PURPOSE_NOT_ALLOWED = (
        "message_purpose_not_allowed",
        422,
        "The message purpose is missing or not allowed",
        "Use support, operational, transactional, internal_team, or authentication",
    )
    RECIPIENT_SUPPRESSED = (
        "recipient_suppressed",
        403,
        "Recipient opted out or was blocked",
        "Review suppressed recipients",
    )
    CONVERSATION_WINDOW_CLOSED = (
        "conversation_window_closed",
        409,
        "The recipient has not messaged first or the last inbound WhatsApp message is outside "
        "the active conversation window",
        "Ask the customer to message the WhatsApp number first, then reply from 3CX within the "
        "active window",
    )
    POLICY_VIOLATION = (
        "policy_violation",
        403,
        "Message blocked by responsible messaging policy",
        "Review purpose, content, recipient source, and usage pattern",
    )
    DAILY_MESSAGE_LIMIT_EXCEEDED = (
        "daily_message_limit_exceeded",
        429,
        "Customer plan limit reached",
        "Request a higher reviewed limit",
    )
    MEDIA_NOT_ACCEPTED = (
        "media_not_accepted",
        422,
        "A file of the message cannot be sent by WhatsApp, or cannot be fetched from its address",
        "Use a public address of a JPEG, PNG, WebP, MP4, 3GP, audio, PDF, Office or text "
        "file within WhatsApp's limits",
    )
    SENDING_THROTTLED = (
        "sending_throttled",
        429,
        "Sending speed was temporarily limited",
        "Retry later and review sending volume",
    )
    GATEWAY_SEND_FAILED = (
        "gateway_send_failed",
        502,
        "Delivery could not be completed after responsible messaging checks",
        "Retry later or contact support if it continues",
    )

    # What the link to a customer's file answers.
    MEDIA_GONE = (
        "media_gone",
        410,
        "WhatsApp does not have this file, or not any more",
        "Ask the customer to send it again",
    )
    MEDIA_UNAVAILABLE = (
        "media_unavailable",
        503,
        "The file cannot be fetched at the moment",
        "Open the link again in a minute",
    )

    # What every door answers.
    NOT_FOUND = "not_found", 404, "There is nothing at this address", "Check the URL"
    METHOD_NOT_ALLOWED = (
        "method_not_allowed",
        405,
        "This address does not take this method",
        "Use one of the methods in the Allow header",
    )
    BAD_REQUEST = "bad_request", 400, "The request is not valid HTTP", "Check the HTTP client"
    REQUEST_TIMEOUT = (
        "request_timeout",
        408,
        "The request did not arrive completely in time",
        "Send the whole body without pauses",
    )
    INVALID_WHATSAPP_WEBHOOK = (
        "invalid_whatsapp_webhook",
        403,
        "The request could not be verified as coming from Meta",
        "Check the verify token and the app secret of the instance",
    )
    INTERNAL_ERROR = (
        "internal_error",
        500,
        "The gateway failed at this request",
        "Repeat it later; the operator has been told",
    )


class GatewayError(Exception):
    """Something of ours that went wrong; its words are free of personal data and secrets."""


class Refused(GatewayError):
    """A request that is answered with a code instead of being done.

    Args:
        code: the published code.
        details: what there is to add (limit, used, retry_after).
        headers: further headers of the answer.
    """

    def __init__(
        self,
        code: ErrorCode,
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code.message)
        self.code = code
        self.details = details
        self.headers = dict(headers or {})


class UsageError(GatewayError):
    """Wrong use of the command line or a setting; the words say what was wrong and what to do."""
