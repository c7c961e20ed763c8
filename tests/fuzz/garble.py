"""Makes input that nobody sends on purpose: valid documents, bent in a few places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

# Written into the JSON as they stand: what no JSON writer would write.
_TOKENS = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-999", "-0", "-0.0", "0.1",
    "9007199254740993", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "1" * 400, "1" * 5_000, "00012", "+1", "0x10", "tru", "'single'", "/**/1", "{}{}", "",
    r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"\udc00\ud800"', r'"\x"', '"\x01"', '"\x7f"', '"\t"',
    '{"a":1,"a":2}', "[" * 150 + "]" * 150, "[" * 300 + "]" * 300, '{"a":' * 260 + "1" + "}" * 260,
    "[" * 5_000 + "]" * 5_000, "[" * 2_000, "]" * 50,
)  # fmt: skip
_STRINGS = (
    "", " ", "\t\n", "0", "-1", "null", "true", "a" * 100, "[Number]", "[]", "STOP", "start",
    "+966512345678", "0512345678", "966 51 234 5678", "٠٥١٢٣٤٥٦٧٨", "+", "wamid.HBgM", "SA.1349",
    "\x00", "\x01\x1f\x7f\x85", "\u202e\u200b\ufeff", "\u0301" * 40, "e\u0301\u0316" * 20, "\ufdfa",
    "\U0001f469\u200d\U0001f469", "\U00100000", "\ud800",
    "\udfff\ud800", "\u0130\u0131\u017f\u212a", "ﬁ①½",
    "../../etc/passwd", "' OR 1=1 --", "${jndi:x}", "%00%ff", "<b>", "opt_out_confirmation", "test",
    "outbound_message", "support", "131047", "1e5", "9" * 30, "1760000000", "1760000000000",
)  # fmt: skip
_VALUES = (
    None, True, False, 0, 1, -1, 7, 131047, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63),
    1_760_000_000, 10**13, 966512345678, 1.0, -0.5, 1e15, 1e22, 1e300, 131026.0,
)  # fmt: skip
_CONTAINERS = (b"[]", b"{}", b"[[]]", b"[null]", b"[{}]", b'{"":""}', b'[1,"a",{"b":[]}]')
_LONG = ("a", "\u0301", "\u0301\u0316", "\ufdfa", " ", "1", "\U0001f469\u200d", "é", "[", "+9 ")
_BYTES = (b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b'"', b"\\", b"{", b"}",
          b"[", b"]", b",", b":", b"\xef\xbb\xbf", b"\r\n", b"\\u0000", b"\\ud800")  # fmt: skip
_PLACE = "@token:%d@"
_MOST_BYTES = 260_000


def body(rng: Random, documents: Sequence[bytes]) -> bytes:
    """A request body or an answer, near one of these documents."""
    if rng.random() < 0.03:
        return rng.randbytes(rng.randrange(300))
    written = rng.choice(documents)
    bends = rng.choice((0, 1, 1, 1, 2, 2, 3, 5, 8))
    if bends:
        document = [orjson.loads(written)]
        for _ in range(bends):
            bend(rng, document)
        written = _write(rng, document[0])
    return garbled(rng, written) if rng.random() < 0.2 else written


def bend(rng: Random, document: list[Any]) -> None:
    """Change one place of a document, which is the list's first item."""
    parent: Any = document
    key: Any = 0
    while isinstance(child := parent[key], dict | list) and child and rng.random() < 0.8:
        parent, key = (
            child,
            rng.choice(list(child) if isinstance(child, dict) else range(len(child))),
        )
    _CHANGES[rng.randrange(len(_CHANGES))](rng, parent, key)
    if not document:
        document.append(None)


def value(rng: Random) -> Any:
    """Anything that JSON can hold, and some things that it cannot."""
    kind = rng.random()
    if kind < 0.4:
        return text(rng)
    if kind < 0.7:
        return rng.choice(_VALUES)
    if kind < 0.8:
        return orjson.loads(rng.choice(_CONTAINERS))
    return _PLACE % rng.randrange(len(_TOKENS))


def text(rng: Random) -> str:
    """A text, rarely a very long one."""
    kind = rng.random()
    if kind < 0.7:
        return rng.choice(_STRINGS)
    if kind < 0.995:
        return "".join(rng.choices(_STRINGS, k=rng.randrange(1, 4)))[:400]
    return rng.choice(_LONG) * rng.choice((200, 4_096, 30_000))


def garbled(rng: Random, raw: bytes) -> bytes:
    """The same bytes with a few cut, doubled, overwritten or put in."""
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        to = min(len(changed), at + rng.choice((1, 1, 2, 8, 40)))
        how = rng.randrange(5)
        if how == 0:
            del changed[at:to]
        elif how == 1:
            del changed[at:]
        elif how == 2:
            changed[at:at] = changed[at:to] * rng.choice((1, 1, 50))
        else:
            changed[at : at + how - 3] = rng.choice(_BYTES)
    return bytes(changed)


def _write(rng: Random, document: Any) -> bytes:
    told = json.dumps(
        document,
        ensure_ascii=rng.random() < 0.5,
        separators=rng.choice(((",", ":"), (", ", ": "))),
    )
    if "@token:" in told:
        for number, token in enumerate(_TOKENS):
            told = told.replace(f'"{_PLACE % number}"', token)
    return told.encode("utf-8", "surrogatepass")[:_MOST_BYTES]


def _replace(rng: Random, parent: Any, key: Any) -> None:
    parent[key] = value(rng)


def _delete(_rng: Random, parent: Any, key: Any) -> None:
    del parent[key]


def _wrap(rng: Random, parent: Any, key: Any) -> None:
    parent[key] = rng.choice(([parent[key]], {"a": parent[key]}))


def _as_text(_rng: Random, parent: Any, key: Any) -> None:
    parent[key] = str(parent[key])


def _decorate(rng: Random, parent: Any, key: Any) -> None:
    if isinstance(parent[key], str):
        parent[key] = rng.choice((text(rng) + parent[key], parent[key] + text(rng)))
    elif isinstance(parent[key], int):
        parent[key] = rng.choice((-parent[key], parent[key] * 10**9, float(parent[key])))


def _add(rng: Random, parent: Any, _key: Any) -> None:
    if isinstance(parent, dict):
        parent[text(rng)] = value(rng)
    else:
        parent.append(value(rng))


def _rename(rng: Random, parent: Any, key: Any) -> None:
    if isinstance(parent, dict):
        name = rng.choice((text(rng), *parent))
        parent[name] = parent.pop(key)


_CHANGES = (_replace, _replace, _replace, _delete, _wrap, _as_text, _decorate, _decorate, _add,
            _rename)  # fmt: skip
