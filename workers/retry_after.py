"""The one header by which a peer says when to come again."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from core import clock

LONGEST_RETRY_AFTER_MS = 3_600_000
_SECONDS_DIGITS = 9


def retry_after_ms(value: str | None) -> int | None:
    """Read `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as 0 to 3,600,000 ms from now.

    None when it is absent or unreadable. Bounded, so that no answer can silence a number for days.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        # A cut-off giant number is still beyond the bound.
        wait = int(text[:_SECONDS_DIGITS]) * 1_000
    else:
        date = _date_ms(text)
        if date is None:
            return None
        wait = date - clock.now_ms()
    return min(max(wait, 0), LONGEST_RETRY_AFTER_MS)


def _date_ms(text: str) -> int | None:
    """One of HTTP's three date formats, in epoch ms."""
    try:
        date = parsedate_to_datetime(text)
        # The asctime format names no zone, and HTTP's dates are always UTC.
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None
