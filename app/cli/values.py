"""Values as they are given: each parser takes text and gives what is stored."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.errors import UsageError

Parse = Callable[[str], Any]

_SHOWN_AT_MOST = 80
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ON = frozenset({"true", "on", "yes", "1"})
_OFF = frozenset({"false", "off", "no", "0"})


class Wrong(ValueError):
    """What a value must be, in words that follow 'must be'."""


def shown(text: str, *, secret: bool = False) -> str:
    """A wrong value as its refusal shows it."""
    return "a value that is not shown" if secret else repr(text[:_SHOWN_AT_MOST])


def pairs(
    given: Sequence[str], known: Mapping[str, Parse], secret: Sequence[str] = ()
) -> dict[str, Any]:
    """Read `key=value` arguments.

    Args:
        given: the arguments.
        known: each key's parser.
        secret: keys whose values are never shown.

    Raises:
        UsageError: a key is unknown or comes twice, or a value is wrong.
    """
    found: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if name not in known:
            raise UsageError(
                f"There is no {name[:_SHOWN_AT_MOST]!r} to set; there are {', '.join(known)}."
            )
        if not equals:
            raise UsageError(f"{name} has no value: write {name}=VALUE.")
        if name in found:
            raise UsageError(f"{name} is given twice.")
        try:
            found[name] = known[name](text)
        except Wrong as wrong:
            value = shown(text, secret=name in secret)
            raise UsageError(f"{name} is {value}, and must be {wrong}.") from None
    return found


def line(most: int, least: int = 1) -> Parse:
    """A text of one line, without blanks around it."""

    def parse(text: str) -> str:
        bare = text.strip()
        if not least <= len(bare) <= most or not bare.isprintable():
            raise Wrong(f"a line of {least} to {most} characters")
        return bare

    return parse


def whole(low: int, high: int) -> Parse:
    """A whole number between bounds."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise Wrong(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def or_nothing(parse: Parse, means: str) -> Parse:
    """A value, or an empty one, which means something of its own."""

    def parse_or_none(text: str) -> Any:
        if not text.strip():
            return None
        try:
            return parse(text)
        except Wrong as wrong:
            raise Wrong(f"{wrong}, or empty for {means}") from None

    return parse_or_none


def one_of(choices: Callable[[], Sequence[str]]) -> Parse:
    """One of some words, which are looked up when they are needed."""

    def parse(text: str) -> str:
        if text not in choices():
            raise Wrong("one of " + ", ".join(choices()))
        return text

    return parse


def switch(text: str) -> bool:
    """On or off."""
    if text.lower() in _ON:
        return True
    if text.lower() in _OFF:
        return False
    raise Wrong("true or false (or on, off, yes, no, 1, 0)")


def duration(low: str, high: str, *, bare: bool) -> Parse:
    """A time as 90s, 15m, 24h or 7d; gives seconds.

    Args:
        low: the shortest, in the same form.
        high: the longest, in the same form.
        bare: whether a number without a unit means seconds; 0 always may stand alone.
    """

    def parse(text: str) -> int:
        found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text.strip().lower())
        seconds = int(found[1]) * _UNITS_S.get(found[2], 1) if found else -1
        lacks_unit = found is not None and not found[2] and not bare and seconds != 0
        if lacks_unit or not _seconds(low) <= seconds <= _seconds(high):
            raise Wrong(f"a time from {low} to {high}, written as 90s, 15m, 24h or 7d")
        return seconds

    return parse


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS_S[text[-1]] if text != "0" else 0
