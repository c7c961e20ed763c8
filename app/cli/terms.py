"""Values with a meaning in the field: numbers, networks, links, credentials, words."""

import ipaddress
import json
import re
from typing import Any
from urllib.parse import urlsplit

from app.cli.values import Wrong
from core import phone

_MOST_ITEMS = 500
_LONGEST_ITEM = 200
_LONGEST_URL = 2_000
_MAPPED_BITS = 96


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


def destination_url(text: str) -> str:
    """Where a destination listens: a URL that may have a path and a query, as 3CX's do."""
    wanted = Wrong("a URL such as https://pbx.example/sms/…, without a user and a fragment")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wanted from None
    plain = text.isascii() and text.isprintable() and not set(text) & set(' \\"<>')
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not plain:
        raise wanted
    if "#" in text or "@" in parts.netloc or len(text) > _LONGEST_URL:
        raise wanted
    return text


def route(text: str) -> tuple[str, str | None, str | None]:
    """A DID, the instance that it stands for (None: the integration's own), and its queue."""
    did, equals, where = text.partition("=")
    instance, slash, queue = where.partition("/")
    try:
        number = own_number(did)
    except Wrong:
        number = ""
    named = [each for each, is_given in ((instance, equals), (queue, slash)) if is_given]
    if not number or not all(re.fullmatch(r"[0-9A-Za-z_-]{1,40}", each) for each in named):
        raise Wrong("a DID such as +966112345678, with =INSTANCE or =INSTANCE/QUEUE behind it")
    return number, instance or None, queue or None


def graph_version(text: str) -> str:
    """A version of Meta's Graph API."""
    if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]{1,3}", text):
        raise Wrong("a version of the Graph API such as v26.0")
    return text


def phone_number_id(text: str) -> str:
    """Meta's id of a number, which is not the number."""
    # Meta's are digits; an emulator's or another provider's need not be.
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", text):
        raise Wrong("the phone number ID that Meta shows, letters and digits only")
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


def signing_secret(text: str) -> str:
    """A secret that somebody could try to guess: long enough that nobody will."""
    if text != "-" and not re.fullmatch(r"[\x21-\x7e]{16,4096}", text):
        raise Wrong("16 to 4096 visible ASCII characters, or - to read it from standard input")
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
