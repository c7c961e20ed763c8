"""What Meta's error codes mean for a message.

Source: the table under "Errors" in Meta's Cloud API reference. A code decides, never the HTTP
status, which Meta uses freely. Meta's own words may quote a person's number, so only ours are
passed on.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from workers.providers.provider import Backoff, ProviderError, Way
from workers.retry_after import retry_after_ms
from workers.wire import WireError

TOO_MANY_REQUESTS = 429
_SECONDS_DIGITS = 9
_LARGEST_CODE = 2**31 - 1

Meaning = Callable[..., ProviderError]

_fails = partial(ProviderError, permanent=True)
_pauses = partial(ProviderError, pause=True)
_slows = partial(ProviderError, backoff=Backoff.INSTANCE)
_breaks = partial(ProviderError, way=Way.BROKEN)

NUMBER_UNKNOWN = partial(_pauses, "the WhatsApp number is deleted or unknown")
UNKNOWN_CODE = partial(ProviderError, "WhatsApp refused for an unknown reason", max_retries=2)
TOO_FAST = partial(_slows, "WhatsApp asks to slow down")
UNCLEAR = partial(_breaks, "WhatsApp's answer does not say what happened", maybe_sent=True)

MEANINGS: tuple[tuple[Iterable[int], Meaning], ...] = (
    ((0, 190), partial(_pauses, "the access token is not accepted")),
    ((3, 10, *range(200, 300), 131005), partial(_pauses, "the access token lacks a permission")),
    ((33,), NUMBER_UNKNOWN),
    ((131042,), partial(_pauses, "Meta has no valid payment method")),
    ((368, 131031), partial(_pauses, "the WhatsApp account is restricted or locked")),
    (
        (131037, 131045, 133000, 133005, 133006, 133008, 133009, 133010, 133015, 134011),
        partial(_pauses, "the number's registration, display name or terms need attention"),
    ),
    ((131048, 131064), partial(_pauses, "WhatsApp limits this number for its message quality")),
    ((4, 80007, 130429), partial(_slows, "the call or throughput limit is reached")),
    (
        (131056,),
        partial(
            ProviderError,
            "too many messages to one person",
            backoff=Backoff.RECIPIENT,
            pair_backoff=True,
        ),
    ),
    ((1,), partial(ProviderError, "bad request or server error", max_retries=2)),
    ((2, 131000, 131016, 133004), partial(_breaks, "WhatsApp has a passing failure")),
    ((131057,), partial(_slows, "the account is in maintenance", least_wait_ms=60_000)),
    (
        (131047,),
        partial(_fails, "the customer wrote more than 24 hours ago", window_closed=True),
    ),
    ((131026,), partial(_fails, "the message is undeliverable")),
    (
        (131049, 130472, 130497, 131030, 131062, 131063),
        partial(_fails, "the message is not deliverable now"),
    ),
    ((131050,), partial(_fails, "the customer stopped marketing messages")),
    ((130403,), partial(_fails, "the business blocked this customer", suppress=True)),
    (
        (100, 131008, 131009, 131021, 131051, 135000, *range(132000, 133000)),
        partial(_fails, "WhatsApp refused the request or template"),
    ),
    ((131053,), partial(ProviderError, "the media could not be sent", max_retries=2)),
    ((131052,), partial(_fails, "the customer's media could not be fetched")),
)

_BY_CODE: Mapping[int, Meaning] = {code: means for codes, means in MEANINGS for code in codes}


def of_code(code: int, subcode: int | None = None) -> ProviderError:
    """What one of Meta's codes means, wherever it stood: in an answer or in a failed status."""
    if (code, subcode) == (100, 33):
        return NUMBER_UNKNOWN(code=code)
    return _BY_CODE.get(code, UNKNOWN_CODE)(code=code)


def unanswered(failure: WireError) -> ProviderError:
    """What it means for the message that there was no answer."""
    if failure.written:
        return ProviderError(str(failure), maybe_sent=True, way=Way.BROKEN)
    if failure.unusable:
        return ProviderError("the instance's address or token cannot be used", pause=True)
    return ProviderError("WhatsApp could not be reached", way=Way.BROKEN)


def judge(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """What an answer without a receipt means for the message.

    Args:
        status: of HTTP; it counts only when the body has no code, or one nobody knows.
        headers: `Retry-After` among them, by a mapping that ignores case.
        body: as it came, JSON or not, or empty when it could not be read.
    """
    code, subcode = _codes(body)
    if status == TOO_MANY_REQUESTS and code not in _BY_CODE:
        error = TOO_FAST(code=code)
    elif code is None:
        error = UNCLEAR()
    else:
        error = of_code(code, subcode)
    if error.way is Way.UNTRIED:
        error.way = Way.WORKS
    error.retry_after_ms = retry_after_ms(headers.get("Retry-After"))
    return error


def _codes(body: bytes) -> tuple[int | None, int | None]:
    """Meta's code and subcode, as far as the body has them."""
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, None
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return None, None
    return _number(error.get("code")), _number(error.get("error_subcode"))


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:_SECONDS_DIGITS])
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    # Beyond 32 bits it is nobody's code and fits no column, but a refusal all the same.
    return int(min(max(value, -_LARGEST_CODE), _LARGEST_CODE))
