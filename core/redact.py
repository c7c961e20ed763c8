"""Takes what is personal or secret out of anything on its way to a log or to Sentry."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import islice
from typing import NamedTuple

_ID = r"(?<![0-9A-Za-z_])[a-z]{2,12}_[0-7][0-9a-hjkmnp-tv-z]{25}(?![0-9A-Za-z_])"
_UUID = r"(?<![0-9A-Za-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9A-Za-z])"
_DATE = r"(?<!\d)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)"
_TIME = r"[0-2]\d:[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?(?:Z|[+\-]\d\d:?\d\d)?(?!\d)"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"(?<![\d.+])(?:{_OCTET}\.){{3}}{_OCTET}(?!\d|\.\d)"
_NAMES = r"(?i:secret|token|password|passwd|api[-_]?key|signature|authorization)"
_HINTS = ("secret", "token", "passw", "api", "signature", "authorization")
_VALUE = rf"(?!\[secret|(?i:bearer|basic)\b|{_ID})[^\s\"'&,;}})]++"
_AFTER = r"\g<1>[secret]"
# What may lie between two digits of a number: blanks, brackets, dots, dashes, slashes, bidi marks.
_GAP = r"[ \t().\-/\u00a0\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202f\u2060-\u2069\u2212\ufeff]"


class _Finding(NamedTuple):
    """What to look for, the lower-case words without one of which it is not worth looking."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    becomes: str = "[secret]"


# In this order. Each takes linear time, so that a hostile text cannot hold a log line up: a run of
# unknown length is entered only at its start, or never given back.
_FINDINGS = (
    _Finding(("whsec_",), re.compile(r"whsec_[\w\-]*")),
    _Finding(("gaaaaa",), re.compile(r"gAAAAA[\w\-]{10,}+=*")),  # Fernet
    _Finding(("eyj",), re.compile(r"\beyJ[\w\-]{8,}+(?:\.[\w\-]++)*")),  # JWT
    _Finding(("eaa",), re.compile(r"\bEAA[0-9A-Za-z]{16,}+")),  # Meta
    _Finding(("wamid.",), re.compile(r"wamid\.[\w\-+/=]+")),  # holds a number in base64
    _Finding(("bearer",), re.compile(r"\b(?i:bearer)\s{1,3}(?!\[secret)[\w\-.~+/=]{4,}+")),
    _Finding(("basic",), re.compile(r"\b(?i:basic)\s{1,3}(?=[a-z]*+[A-Z\d=+/])[\w\-.~+/=]{4,}+")),
    _Finding(("://",), re.compile(r"(?<=://)[^\s/@]{1,256}@")),  # a user and a password
    _Finding(("/sms/",), re.compile(r"(?<=/sms/)[^\s/?\"'\[]++")),
    _Finding(("/media/",), re.compile(r"(?<=/media/)[^\s/?\"'\[]{8,}+")),
    _Finding(
        ("--",), re.compile(rf"((?<![\w\-])--[\w\-]{{0,30}}{_NAMES}\s{{1,3}}){_VALUE}"), _AFTER
    ),
    _Finding(
        (*_HINTS, "key="),
        re.compile(
            rf"((?:{_NAMES}[\"']?\s{{0,3}}[:=]|(?<![\w\-])(?i:key)=)\s{{0,3}}[\"']?){_VALUE}"
        ),
        _AFTER,
    ),
    _Finding(
        ("text", "body", "caption"),
        re.compile(
            r"([\"'](?:message_text|text|body|caption)[\"']\s{0,3}:\s{0,3})"
            r"""(?:"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?)"""
        ),
        r'\g<1>"[text]"',
    ),
    _Finding(("@",), re.compile(r"(?<![\w.+\-])[\w.+\-]++@[\w\-]+(?:\.[\w\-]+)+"), "[email]"),
    _Finding(  # WhatsApp's user ids
        (".",),
        re.compile(r"\b[A-Z]{2}\.(?:ENT\.)?(?=[A-Za-z]*+\d)[0-9A-Za-z]{8,}+"),
        "[person]",
    ),
)
_LONG_RUN = re.compile(r"(?<![\w\-])[\w\-]{32,}+")
_HEX = re.compile("[0-9A-Fa-f]{32,}+")
_LONG_TOKEN = 40
_NUMBER = re.compile(
    rf"(?P<kept>{_ID}|{_UUID}|{_DATE}(?:[T ]{_TIME})?|(?<!\d){_TIME}|{_IPV4}"
    r"|(?<![\d.+])0\.\d++(?!\.\d))"
    rf"|\+?\(?\d(?:{_GAP}{{0,4}}(?!{_DATE}[T ]\d)\d){{6,}}+"
)

_DEEPEST = 12  # a Sentry event's frame variables lie seven deep
_MOST_ITEMS = 200
_MOST_VALUES = 10_000
_LONGEST_TEXT = 8_192
_LONGEST_REST = 64
_SMALLEST_PHONE = 1_000_000

_SECRET_KEYS = re.compile(
    "secret|token|passw|authorization|signature|cookie|api_?key|encryption_key|hash_key|dsn"
)
_PERSONAL_KEYS = re.compile(
    "(?:.*_)?(?:texts?|body|caption)|to|from|caller|.*phone.*|recipient(?:_id)?|wa_id"
    "|(?:from|recipient|parent)_user_id|username|display_name|email"
)
# `message` is the customer's text in a webhook's payload, and a line of ours anywhere else.
_PAYLOAD_KEYS = frozenset(
    {"event_type", "message_purpose", "message_text", "customer_phone", "to", "from", "caller"}
)
# Sentry cannot do without these.
_TRACE_KEYS = frozenset({"event_id", "trace_id", "span_id", "parent_span_id"})
_TRACE_ID = re.compile(r"[0-9a-f]{16}(?:[0-9a-f]{16})?")
_MEASURE = re.compile(r"(?:.*_)?(?:ms|s|ns|bytes|count|timestamp|seq|pid|thread)")


def scrub(text: str) -> str:
    """Take phone numbers, addresses, tokens and secrets out of a text of any length.

    What is found becomes `[phone]`, `[email]`, `[person]`, `[secret]` or `[text]`. Our ids
    (`evt_01kb3w…`), UUIDs, ISO times, IPv4 addresses and numbers under seven digits stay. A text
    that a person wrote is known only by a JSON key before it: it has no business in a log line.
    Source: "no phone number and no text in Redis, logs or Sentry", the design's first rule.
    """
    lower = text.lower()
    for finding in _FINDINGS:
        if any(hint in lower for hint in finding.hints):
            text = finding.pattern.sub(finding.becomes, text)
    return _NUMBER.sub(_number, _LONG_RUN.sub(_long_run, text))


def scrub_any(value: object) -> object:
    """Do the same to dicts, lists and whatever lies in them, and go by the names of keys too.

    Gives a new value of dicts, lists, texts, numbers, booleans and None. What is too deep (12),
    too wide (200 items) or too much (10,000 values) is cut and marked `[cut]`, texts end near
    8,192 characters, and of an object of another type only the type's name is left.
    """
    return _Walk().value(value, "", _DEEPEST)


def _number(found: re.Match[str]) -> str:
    return found["kept"] or "[phone]"


def _long_run(found: re.Match[str]) -> str:
    run = found[0]
    if len(run) >= _LONG_TOKEN and run.lower() != run and any(map(str.isdecimal, run)):
        return "[secret]"
    return _HEX.sub("[secret]", run)


class _Walk:
    """One way through a value, with a budget that no nesting or cycle can exceed."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def value(self, value: object, key: str, depth: int) -> object:
        self._left -= 1
        if depth == 0 or self._left < 0:
            return "[cut]"
        if isinstance(value, Mapping):
            return self._mapping(value, depth - 1)
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(value, key, depth - 1)
        return _plain(value, key)

    def _named(self, name: str, value: object, depth: int, *, in_payload: bool = False) -> object:
        key = name.lower().replace("-", "_").lstrip("_")
        if value is None or isinstance(value, bool):
            return value
        if _SECRET_KEYS.search(key):
            return "[secret]"
        if _PERSONAL_KEYS.fullmatch(key) or (in_payload and key == "message"):
            return "[personal]"
        return self.value(value, key, depth)

    def _mapping(self, mapping: Mapping[object, object], depth: int) -> dict[str, object]:
        in_payload = not _PAYLOAD_KEYS.isdisjoint(mapping)
        clean = {
            scrub(str(name)[:_LONGEST_TEXT]): self._named(
                str(name)[:_LONGEST_TEXT], value, depth, in_payload=in_payload
            )
            for name, value in islice(mapping.items(), _MOST_ITEMS)
        }
        return clean if len(mapping) <= _MOST_ITEMS else clean | {"…": "[cut]"}

    def _items(self, items: Iterable[object], key: str, depth: int) -> list[object]:
        held = list(islice(items, _MOST_ITEMS + 1))
        clean: list[object] = []
        for before, item in zip([None, *held], held[:_MOST_ITEMS], strict=False):
            # Headers come as pairs, and a command line as a name followed by its value.
            if isinstance(before, str) and (len(held) == 2 or before.startswith("--")):  # noqa: PLR2004
                clean.append(self._named(before, item, depth))
            else:
                clean.append(self.value(item, key, depth))
        return clean if len(held) <= _MOST_ITEMS else [*clean, "[cut]"]


def _plain(value: object, key: str) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        is_phone = abs(value) >= _SMALLEST_PHONE and value == value // 1
        return "[phone]" if is_phone and not _MEASURE.fullmatch(key) else value
    if isinstance(value, str):
        if key in _TRACE_KEYS and _TRACE_ID.fullmatch(value):
            return value
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"[{len(value)} bytes]" if isinstance(value, bytes) else f"[{type(value).__name__}]"


def _text(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return scrub(text)
    # What the cut goes through may be too short to be known for what it is.
    return scrub(text[:_LONGEST_TEXT])[:-_LONGEST_REST] + "[cut]"
