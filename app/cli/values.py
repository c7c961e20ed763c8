"""What may be given as a value: each parser takes text and gives what is stored."""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from core import phone
from core.errors import UsageError

Parse = Callable[[str], Any]

_SHOWN_AT_MOST = 80
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ON = frozenset({"true", "on", "yes", "1"})
_OFF = frozenset({"false", "off", "no", "0"})
_MOST_ITEMS = 500
_LONGEST_ITEM = 200


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


def timezone(text: str) -> str:
    """A time zone of the IANA database."""
    import zoneinfo

    if text not in zoneinfo.available_timezones():
        raise Wrong("a time zone such as Asia/Riyadh or UTC")
    return text


def region(text: str) -> str:
    """A region in which national numbers are read (ISO 3166)."""
    if not phone.is_region(text.upper()):
        raise Wrong("a region of two letters such as SA or DE")
    return text.upper()


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


def networks(text: str) -> list[str]:
    """Addresses and CIDR blocks, comma-separated, in one form: what IPv6 maps of IPv4 is IPv4."""
    try:
        return list(dict.fromkeys(_network(part) for part in _parts(text)))
    except ValueError:
        raise Wrong(
            "IP addresses or CIDR blocks such as 203.0.113.7,2001:db8::/32, or empty for any"
        ) from None


def url(text: str) -> str:
    """An address that begins with http:// or https://, without query, fragment or password."""
    wanted = Wrong("a URL such as https://graph.facebook.com")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise wanted from None
    plain = text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise wanted
    if parts.query or parts.fragment or parts.username is not None:
        raise wanted
    return text.rstrip("/")


def graph_version(text: str) -> str:
    """A version of Meta's Graph API."""
    if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]{1,3}", text):
        raise Wrong("a version of the Graph API such as v26.0")
    return text


def phone_number_id(text: str) -> str:
    """Meta's id of a number, which is not the number."""
    if not re.fullmatch(r"[0-9]{5,32}", text):
        raise Wrong("the digits that Meta shows as phone number ID")
    return text


def own_number(text: str) -> str:
    """A number of ours, in E.164."""
    number = phone.normalise(text, None)
    if number is None:
        raise Wrong("an international number such as +966112345678")
    return number


def credential(text: str) -> str:
    """A secret: visible ASCII, since it stands in headers; `-` has it read from standard input."""
    if not re.fullmatch(r"[\x21-\x7e]{1,4096}", text):
        raise Wrong("1 to 4096 visible ASCII characters, or - to read it from standard input")
    return text


def phrases(text: str) -> list[str]:
    """Phrases as a JSON list, or separated by commas."""
    wanted = f"a JSON list of texts or texts separated by commas, {_LONGEST_ITEM} characters each"
    return _texts(_json(text, wanted) if text.lstrip().startswith("[") else _parts(text), wanted)


def keywords(text: str) -> dict[str, list[str]]:
    """The words that stop and start messages, as JSON; a list that is left out is the default."""
    from core.optout import Keyword, Vocabulary, default_words

    wanted = 'JSON such as {"stop": ["STOP", "END"], "start": ["START"]}'
    given = _json(text, wanted)
    if not isinstance(given, dict) or not given or given.keys() - {"stop", "start"}:
        raise Wrong(wanted)
    words = {
        each.value: _texts(given.get(each.value, list(default_words(each))), wanted)
        for each in Keyword
    }
    if not Vocabulary.of(words["stop"], words["start"]).stop:
        raise Wrong(wanted + " with at least one word to stop")
    return words


def _network(text: str) -> str:
    if "%" in text:
        raise ValueError(text)
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= _MAPPED_BITS:
            network = ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_BITS))
    single = network.num_addresses == 1
    return str(network.network_address if single else network)


_MAPPED_BITS = 96


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS_S[text[-1]] if text != "0" else 0


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(text: str, wanted: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Wrong(wanted) from None


def _texts(given: Any, wanted: str) -> list[str]:
    if not isinstance(given, list) or len(given) > _MOST_ITEMS:
        raise Wrong(wanted)
    for each in given:
        if not isinstance(each, str) or not 0 < len(each.strip()) <= _LONGEST_ITEM:
            raise Wrong(wanted)
        if not each.isprintable():
            raise Wrong(wanted)
    return [each.strip() for each in given]
