"""Business hours and holidays, as people write them."""

import json
import re
from datetime import date
from itertools import pairwise
from typing import Any

from app.cli.values import Wrong

_WANTED = (
    "hours such as 'sun-thu 09:00-17:00, sat 10:00-12:00 13:00-16:00' (over midnight is two days), "
    "the same as JSON, or empty for always open"
)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_MOST_SPANS, _MOST_HOLIDAYS = 10, 400

Hours = dict[str, list[list[str]]]


def business_hours(text: str) -> Hours | None:
    """The hours of a week by weekday: in words, or as the JSON that is shown; None: always open."""
    if not text.strip():
        return None
    week = _of_json(text) if text.lstrip().startswith("{") else _of_words(text)
    return {day: _spans(week[day]) for day in _weekdays() if day in week}


def in_words(hours: Hours | None) -> str:
    """Hours as a person writes and reads them."""
    if hours is None:
        return "always open"
    days = (
        " ".join([day, *("-".join(span) for span in spans)])
        for day, spans in hours.items()
        if spans
    )
    return ", ".join(days) or "never open"


def holidays(text: str) -> list[str]:
    """Local dates, with commas between."""
    try:
        days = {date.fromisoformat(each.strip()) for each in text.split(",") if each.strip()}
    except ValueError:
        raise Wrong("dates such as 2026-12-25,2027-01-01, or empty for none") from None
    if len(days) > _MOST_HOLIDAYS:
        raise Wrong(f"at most {_MOST_HOLIDAYS} dates")
    return sorted(day.isoformat() for day in days)


def _weekdays() -> tuple[str, ...]:
    from workers.calls import WEEKDAYS

    return WEEKDAYS


def _of_json(text: str) -> dict[str, Any]:
    try:
        week = json.loads(text)
    except (ValueError, RecursionError):
        raise Wrong(_WANTED) from None
    if not isinstance(week, dict) or week.keys() - set(_weekdays()):
        raise Wrong(_WANTED)
    return week


def _of_words(text: str) -> Hours:
    week: Hours = {}
    for part in text.lower().split(","):
        named, *spans = part.split() or [""]
        for day in _days(named):
            week.setdefault(day, []).extend(span.split("-") for span in spans)
    return week


def _days(named: str) -> list[str]:
    week = _weekdays()
    first, dash, last = named.partition("-")
    if {first, last if dash else first} - set(week):
        raise Wrong(_WANTED)
    begin = week.index(first)
    count = (week.index(last) - begin) % len(week) if dash else 0
    return [week[(begin + number) % len(week)] for number in range(count + 1)]


def _spans(given: Any) -> list[list[str]]:
    if not isinstance(given, list) or len(given) > _MOST_SPANS:
        raise Wrong(_WANTED)
    for span in given:
        if not isinstance(span, list) or [isinstance(end, str) for end in span] != [True, True]:
            raise Wrong(_WANTED)
        start, end = span
        if not _TIME.fullmatch(start) or not _TIME.fullmatch(end) or start >= end:
            raise Wrong(_WANTED)
    spans = sorted(given)
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise Wrong(_WANTED)
    return spans
