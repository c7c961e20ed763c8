"""The OpenAPI 3.1 document, made from the schemas that the doors use and the table of errors."""

from typing import Any

import falcon
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from app import LOOKUP, MEDIA, SMS, SMS_WITH_KEY
from core.errors import ErrorCode
from schemas.lookup import LookupAnswer, LookupQuestion
from schemas.sms import SmsPayload, SmsTaken
from schemas.threecx import Accepted, EventStatus, Refusal, WebhookPayload

_AT_THE_DOOR = (
    ErrorCode.INVALID_JSON,
    ErrorCode.INVALID_IDEMPOTENCY_KEY,
    ErrorCode.INVALID_3CX_WEBHOOK,
    ErrorCode.MODULE_NOT_ENABLED,
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.WEBHOOK_RATE_LIMITED,
    ErrorCode.SERVICE_UNAVAILABLE,
)
_AT_EVERY_DOOR_OF_3CX = (
    ErrorCode.INVALID_JSON,
    ErrorCode.INVALID_3CX_WEBHOOK,
    ErrorCode.MODULE_NOT_ENABLED,
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.RATE_LIMITED,
    ErrorCode.SERVICE_UNAVAILABLE,
)
_AT_AGENTS_CHAT = (
    *_AT_EVERY_DOOR_OF_3CX,
    ErrorCode.UNKNOWN_DID,
    ErrorCode.MISSING_PHONE,
    ErrorCode.MISSING_MESSAGE_TEXT,
    ErrorCode.TOO_MANY_FILES,
)
_BY_THE_WORKERS = (
    ErrorCode.MISSING_PHONE,
    ErrorCode.MISSING_MESSAGE_TEXT,
    ErrorCode.UNSUPPORTED_EVENT_TYPE,
    ErrorCode.OUTBOUND_DISABLED,
    ErrorCode.CALL_EVENTS_DISABLED,
    ErrorCode.MESSAGE_PURPOSE_NOT_ALLOWED,
    ErrorCode.RECIPIENT_SUPPRESSED,
    ErrorCode.CONVERSATION_WINDOW_CLOSED,
    ErrorCode.POLICY_VIOLATION,
    ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED,
    ErrorCode.MEDIA_NOT_ACCEPTED,
    ErrorCode.SENDING_THROTTLED,
    ErrorCode.GATEWAY_SEND_FAILED,
)

# Which headers go with a refusal. A refusal of the workers has none, so none is required.
_HEADERS = {
    ErrorCode.WEBHOOK_RATE_LIMITED: ("Retry-After", "RateLimit-Policy", "RateLimit"),
    ErrorCode.RATE_LIMITED: ("Retry-After", "RateLimit-Policy", "RateLimit"),
    ErrorCode.SERVICE_UNAVAILABLE: ("Retry-After",),
    ErrorCode.MEDIA_UNAVAILABLE: ("Retry-After",),
}
_WORDS = {
    "Retry-After": {"description": "Seconds", "schema": {"type": "integer"}},
    "RateLimit-Policy": {"description": "The quota and its window", "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left, and until when", "schema": {"type": "string"}},
}


_KEY_IN_PATH = {
    "in": "path",
    "name": "key",
    "description": "The secret, where the header gets lost",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
}
_KEY_IN_QUERY = {
    "in": "query",
    "name": "key",
    "description": "The secret, where it stands in neither header nor path",
    "schema": {"type": "string"},
}


class OpenAPI:
    """`/openapi.json`."""

    def __init__(self, public_url: str) -> None:
        self._document = document(public_url)

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Serve the document."""
        resp.media = self._document


def document(public_url: str) -> dict[str, Any]:
    """The document.

    Args:
        public_url: where the gateway is reached; empty says nothing about it.
    """
    spec = APISpec(
        title="WhatsApp Gateway for 3CX",
        version="1",
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin()],
        info={"description": "Independent of, and not affiliated with, WhatsApp, Meta or 3CX."},
        **({"servers": [{"url": public_url}]} if public_url else {}),
    )
    spec.components.security_scheme(
        "secret", {"type": "apiKey", "in": "header", "name": "X-WhatsApp-Gateway-3CX-Secret"}
    )
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    spec.path("/integrations/3cx/webhook/{integration_id}", operations={"post": _webhook()})
    spec.path(
        "/integrations/3cx/webhook/{integration_id}/events/{event_id}",
        operations={"get": _status()},
    )
    spec.path(MEDIA, operations={"get": _media()})
    spec.path(SMS, operations={"post": _sms("postSms")})
    spec.path(SMS_WITH_KEY, operations={"post": _sms("postSmsWithKey", _KEY_IN_PATH)})
    spec.path(LOOKUP, operations={"post": _lookup()})
    spec.path("/healthz", operations={"get": _health("The process lives")})
    spec.path("/readyz", operations={"get": _health("Webhooks are kept", 503)})
    return spec.to_dict()


def _webhook() -> dict[str, Any]:
    answers = {
        "202": _answer("Accepted, and kept", Accepted),
        "200": _answer("With Prefer: wait, the outcome", EventStatus),
    }
    return {
        "operationId": "postWebhook",
        "summary": "An event of the phone system",
        "security": [{"secret": []}],
        "parameters": [
            _path("integration_id", "int"),
            *_signature("timestamp + '.' + the raw body"),
            _header("Idempotency-Key", "1 to 255 visible ASCII characters", r"^[!-~]{1,255}$"),
            _header("Prefer", "wait=N holds the answer up to N (at most 10) seconds", "^[ -~]*$"),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": WebhookPayload}},
        },
        "responses": answers | _refusals(*_AT_THE_DOOR, *_BY_THE_WORKERS),
    }


def _status() -> dict[str, Any]:
    return {
        "operationId": "getEvent",
        "summary": "How far an event has come",
        "security": [{"secret": []}],
        "parameters": [
            _path("integration_id", "int"),
            _path("event_id", "evt"),
            *_signature("timestamp + '.'"),
        ],
        "responses": {"200": _answer("The event", EventStatus)}
        | _refusals(
            ErrorCode.INVALID_3CX_WEBHOOK,
            ErrorCode.EVENT_NOT_FOUND,
            ErrorCode.REQUEST_TIMEOUT,
            ErrorCode.SERVICE_UNAVAILABLE,
        ),
    }


def _media() -> dict[str, Any]:
    token = {"type": "string", "pattern": "^[0-9a-z]{26}[0-9A-Za-z_-]{16}$"}
    file = {"schema": {"type": "string", "format": "binary"}}
    refused = (ErrorCode.NOT_FOUND, ErrorCode.MEDIA_GONE, ErrorCode.MEDIA_UNAVAILABLE)
    return {
        "operationId": "getMedia",
        "summary": "A customer's file, by the signed link that agents get; for seven days",
        "parameters": [{"in": "path", "name": "token", "required": True, "schema": token}],
        "responses": {"200": {"description": "The file", "content": {"*/*": file}}}
        | _refusals(*refused, ErrorCode.REQUEST_TIMEOUT, ErrorCode.SERVICE_UNAVAILABLE),
    }


def _sms(name: str, *more: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": "A message that an agent wrote in 3CX's chat (Generic SMS)",
        "security": [{"key": []}, {}],
        "parameters": [_path("integration_id", "int"), *more, _KEY_IN_QUERY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": SmsPayload}}},
        "responses": {"200": _answer("Kept", SmsTaken)} | _refusals(*_AT_AGENTS_CHAT),
    }


def _lookup() -> dict[str, Any]:
    asked = {"application/json": {"schema": LookupQuestion}}
    return {
        "operationId": "lookUpContact",
        "summary": "Who has this number, for 3CX's CRM template",
        "security": [{"secret": []}],
        "parameters": [_path("integration_id", "int")],
        "requestBody": {"required": True, "content": asked},
        "responses": {"200": _answer("The customer, or nobody", LookupAnswer)}
        | _refusals(*_AT_EVERY_DOOR_OF_3CX),
    }


def _health(summary: str, *others: int) -> dict[str, Any]:
    well = {"description": summary, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"summary": summary, "responses": {str(status): well for status in (200, *others)}}


def _answer(description: str, schema: type) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusals(*codes: ErrorCode) -> dict[str, Any]:
    by_status: dict[int, list[ErrorCode]] = {}
    for code in codes:
        by_status.setdefault(code.status, []).append(code)
    return {str(status): _refused(by_status[status]) for status in sorted(by_status)}


def _refused(codes: list[ErrorCode]) -> dict[str, Any]:
    words = "\n".join(f"`{code.value}`: {code.message}" for code in codes)
    headers = {name: _WORDS[name] for code in codes for name in _HEADERS.get(code, ())}
    return _answer(words, Refusal) | ({"headers": headers} if headers else {})


def _signature(covers: str) -> list[dict[str, Any]]:
    algorithm = f"HMAC-SHA256 with the secret, in hex, of {covers}; signed integrations"
    return [
        _header("X-WhatsApp-Gateway-Timestamp", "Unix seconds; signed integrations", "^[0-9]+$"),
        _header("X-WhatsApp-Gateway-Signature", algorithm, "^(sha256=)?[0-9a-fA-F]{64}$"),
    ]


def _path(name: str, prefix: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": f"^{prefix}_[0-9a-z]{{26}}$"}
    return {"in": "path", "name": name, "required": True, "schema": schema}


def _header(name: str, description: str, pattern: str) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }
