from __future__ import annotations

import pickle

import pytest

from core.errors import ErrorCode, GatewayError, Refused, UsageError

# As the product's own pages publish them: code, status, cause, fix. Never to change meaning.
PUBLISHED = [
    ("payload_too_large", 413, "Webhook body exceeds 256KB", "Reduce payload"),
    (
        "invalid_3cx_webhook",
        401,
        "The request could not be authenticated before processing",
        "Check the integration URL, webhook secret, optional IP allowlist, timestamp, and HMAC "
        "signature",
    ),
    (
        "webhook_rate_limited",
        429,
        "More than 60 requests per minute per integration",
        "Slow down the event sender",
    ),
    (
        "invalid_json",
        400,
        "Request body is not valid JSON",
        "Send a valid JSON payload with Content-Type: application/json",
    ),
    (
        "module_not_enabled",
        403,
        "3CX Middleware is not enabled for the account",
        "Enable 3CX in the module settings or contact support",
    ),
    (
        "missing_phone",
        422,
        "Event payload does not include customer phone",
        "Include to, from, customer_phone, caller, or phone",
    ),
    (
        "missing_message_text",
        422,
        "Outbound event does not include message text",
        "Include message_text or message in the event payload",
    ),
    (
        "outbound_disabled",
        403,
        "Outbound messaging disabled in integration settings",
        "Enable outbound",
    ),
    ("call_events_disabled", 403, "Call events disabled", "Enable call events"),
    (
        "message_purpose_not_allowed",
        422,
        "The message purpose is missing or not allowed",
        "Use support, operational, transactional, internal_team, or authentication",
    ),
    (
        "recipient_suppressed",
        403,
        "Recipient opted out or was blocked",
        "Review suppressed recipients",
    ),
    (
        "conversation_window_closed",
        409,
        "The recipient has not messaged first or the last inbound WhatsApp message is outside the "
        "active conversation window",
        "Ask the customer to message the WhatsApp number first, then reply from 3CX within the "
        "active window",
    ),
    (
        "policy_violation",
        403,
        "Message blocked by responsible messaging policy",
        "Review purpose, content, recipient source, and usage pattern",
    ),
    (
        "daily_message_limit_exceeded",
        429,
        "Customer plan limit reached",
        "Request a higher reviewed limit",
    ),
    (
        "sending_throttled",
        429,
        "Sending speed was temporarily limited",
        "Retry later and review sending volume",
    ),
    (
        "gateway_send_failed",
        502,
        "Delivery could not be completed after responsible messaging checks",
        "Retry later or contact support if it continues",
    ),
]
# Ours, with the status that the contract gives them.
OURS = {
    "unsupported_event_type": 422,
    "idempotency_conflict": 422,
    "invalid_idempotency_key": 400,
    "service_unavailable": 503,
    "rate_limited": 429,
    "unknown_did": 422,
    "too_many_files": 422,
    "media_not_accepted": 422,
    "media_gone": 410,
    "media_unavailable": 503,
    "event_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "bad_request": 400,
    "request_timeout": 408,
    "invalid_whatsapp_webhook": 403,
    "internal_error": 500,
}


@pytest.mark.parametrize(("code", "status", "cause", "fix"), PUBLISHED)
def test_a_published_code_says_what_was_published(
    code: str, status: int, cause: str, fix: str
) -> None:
    found = ErrorCode(code)
    assert (found.status, found.cause, found.fix) == (status, cause, fix)


@pytest.mark.parametrize(("code", "status"), OURS.items())
def test_a_code_of_ours_has_its_status(code: str, status: int) -> None:
    assert ErrorCode(code).status == status


def test_unsupported_event_type_says_what_the_contract_says() -> None:
    code = ErrorCode.UNSUPPORTED_EVENT_TYPE
    assert code.cause == "The event type is missing or unknown"
    assert code.fix == "Use one of the documented event types"


def test_the_tables_hold_every_code() -> None:
    assert {each.value for each in ErrorCode} == {each[0] for each in PUBLISHED} | set(OURS)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_is_its_name_in_lower_case_and_has_words(code: ErrorCode) -> None:
    assert code.value == code.name.lower() == str(code) == f"{code}"
    assert 400 <= code.status <= 599
    for words in (code.cause, code.fix):
        assert len(words.split()) >= 2
        assert words[0].isupper() or words[0].isdigit()
        assert not words.endswith((".", " "))
    assert code.message


@pytest.mark.parametrize("code", sorted(set(ErrorCode) - {ErrorCode.INVALID_3CX_WEBHOOK}))
def test_the_message_is_cause_and_fix(code: ErrorCode) -> None:
    assert code.message == f"{code.cause}. {code.fix}."


def test_the_message_of_a_failed_authentication_tells_nothing() -> None:
    assert ErrorCode.INVALID_3CX_WEBHOOK.message == "Invalid 3CX webhook request."


@pytest.mark.parametrize("code", ErrorCode)
def test_a_code_is_found_by_its_text_alone(code: ErrorCode) -> None:
    assert ErrorCode(code.value) is code
    assert pickle.loads(pickle.dumps(code)) is code  # noqa: S301


@pytest.mark.parametrize("text", ["", "nonsense", "MISSING_PHONE", "missing_phone "])
def test_what_is_no_code_is_not_made_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid ErrorCode"):
        ErrorCode(text)


def test_a_refusal_carries_its_code_and_what_there_is_to_add() -> None:
    refused = Refused(ErrorCode.WEBHOOK_RATE_LIMITED, {"limit": 60}, {"Retry-After": "3"})
    assert refused.code is ErrorCode.WEBHOOK_RATE_LIMITED
    assert refused.details == {"limit": 60}
    assert refused.headers == {"Retry-After": "3"}
    assert str(refused) == refused.code.message
    assert (Refused(ErrorCode.NOT_FOUND).details, Refused(ErrorCode.NOT_FOUND).headers) == (
        None,
        {},
    )


def test_wrong_use_and_refusals_are_ours() -> None:
    assert issubclass(Refused, GatewayError)
    assert issubclass(UsageError, GatewayError)
