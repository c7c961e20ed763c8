"""Errors as Meta words them: one table, and the shape of an answer.

Codes, statuses and meanings: Meta's page "Error codes" of the WhatsApp Business Platform.
"""

import secrets

import orjson

REENGAGEMENT = 131047

_ERRORS: dict[int, tuple[int, str]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "API Too Many Calls"),
    10: (403, "Permission Denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Access token has expired"),
    368: (403, "Temporarily blocked for policies violations"),
    80007: (400, "Rate limit issues"),
    130403: (400, "User is blocked by the business"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "Display name approval is required before sending"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    REENGAGEMENT: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "Message not delivered to maintain healthy ecosystem engagement"),
    131050: (400, "User has stopped receiving marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131064: (400, "Messaging limit reached for this classification"),
    133004: (500, "Server temporarily unavailable"),
    133010: (400, "Phone number not registered"),
    135000: (400, "Generic user error"),
}
_FORBIDDEN = range(200, 300)
_SUBCODE_UNKNOWN_OBJECT = 33


class MetaError(Exception):
    """A request that Meta refuses, with the code, HTTP status and JSON it refuses it with."""

    def __init__(self, code: int, details: str, *, message: str = "", subcode: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.details = details
        self.message = message or f"(#{code}) {title(code)}"
        self.subcode = subcode

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return 403 if self.code in _FORBIDDEN else _ERRORS.get(self.code, (400, ""))[0]

    def body(self) -> bytes:
        """The answer's JSON."""
        error: dict[str, object] = {
            "message": self.message,
            "type": "GraphMethodException" if self.subcode else "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "A" + secrets.token_urlsafe(16),
        }
        if self.subcode:
            error["error_subcode"] = self.subcode
        return orjson.dumps({"error": error})


def title(code: int) -> str:
    """Meta's short words for a code."""
    return _ERRORS.get(code, (400, "Permission Denied" if code in _FORBIDDEN else "Error"))[1]


def missing(parameter: str) -> MetaError:
    """A top-level parameter that every request needs is not there."""
    words = f"The parameter {parameter} is required."
    return MetaError(100, words, message=f"(#100) {words}")


def invalid(words: str) -> MetaError:
    """A parameter breaks a rule of the API."""
    return MetaError(100, words, message=f"(#100) {words}")


def unknown_object(object_id: str) -> MetaError:
    """The phone number id in the address is none of this token's."""
    words = (
        f"Unsupported post request. Object with ID '{object_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation"
    )
    return MetaError(100, words, message=words, subcode=_SUBCODE_UNKNOWN_OBJECT)
