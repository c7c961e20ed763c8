"""What a text gives away: marketing language, shortened links, the account's forbidden phrases.

Everything works on folded words in linear time, and returns what stands in a table or in the
account's list, never what somebody wrote: the policy log keeps it.
"""

import re
from collections.abc import Iterator, Sequence

from core.optout import fold
from workers.policy.marketing_words import EXPRESSIONS, INNOCENT

MARKETING_THRESHOLD = 2
"""So many different expressions make a text marketing: "Responsible messaging", the contract."""

# Domains whose business is to hide where a link leads. wa.me is WhatsApp's own, and no shortener.
SHORTENERS = frozenset({
    "1url.com", "adf.ly", "amzn.to", "b.link", "bit.do", "bit.ly", "bitly.com", "bl.ink",
    "buff.ly", "clck.ru", "cli.re", "cutt.ly", "cutt.us", "dlvr.it", "dub.sh", "fb.me", "goo.gl",
    "goo.su", "ift.tt", "is.gd", "j.mp", "lnk.to", "lnkd.in", "mcaf.ee", "me2.do", "n9.cl",
    "ow.ly", "qr.ae", "qr.net", "rb.gy", "rebrand.ly", "rotf.lol", "s.id", "short.gy",
    "short.io", "shorte.st", "shorturl.at", "shorturl.com", "shorturl.gg", "snip.ly", "soo.gd",
    "surl.li", "t.co", "t.ly", "t2m.io", "tiny.cc", "tiny.one", "tiny.pl", "tinyurl.com",
    "tr.im", "trib.al", "u.nu", "urlz.fr", "v.gd", "vk.cc", "wp.me", "zpr.io", "zws.im",
})  # fmt: skip
# Where Google Maps keeps the places that people share: a way to say where the shop is.
_OPEN_HOSTS = frozenset({"maps.app.goo.gl"})
_HOST = re.compile(r"(//)?([a-z0-9.\-]++)((?::\d{1,5})?/)?")

_PERCENT = "(?:%|٪|percent|prozent|por ?ciento|por ?cento|pour ?cent|في الميه|بالميه|بالمايه)"
_WORD = re.compile(rf"\d++(?:[.,]\d++)?+ ?{_PERCENT}|{_PERCENT} ?\d++|\d++|[^\W\d_]++")
_NOT_FIGURE = re.compile(r"[^\d.,]")
# Scripts without spaces between words: each character is a word of its own.
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff])")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_ARABIC_PREFIX = re.compile("(?:[وف]?(?:[بلك]?ال|لل|[بلك])|[وف])")
_SHORTEST_STEM = 3


def marketing_hits(text: str) -> tuple[str, ...]:
    """The different marketing expressions in a text, by the names they have in the table.

    English, Arabic, Spanish, French, German and Portuguese at once. Where expressions overlap,
    the longest counts, and its words count for no other.
    """
    return tuple(dict.fromkeys(name for name in _LEXICON.names_in(text) if name))


def shortener_hosts(text: str) -> tuple[str, ...]:
    """The link shorteners that a text names, as they stand in `SHORTENERS`.

    With or without a scheme, by any subdomain of theirs; not in an e-mail address or a path.
    """
    folded = fold(text).replace("。", ".")
    found = (_shortener(folded, match) for match in _HOST.finditer(folded))
    return tuple(dict.fromkeys(host for host in found if host))


def blocked_phrases(text: str, phrases: Sequence[str]) -> tuple[str, ...]:
    """Those of the account's phrases that stand in a text, whole words in any spelling."""
    said = _phrase(text)
    wanted = {phrase: _phrase(phrase) for phrase in phrases}
    return tuple(phrase for phrase, words in wanted.items() if words.strip() and words in said)


def _shortener(text: str, match: re.Match[str]) -> str | None:
    scheme, run, path = match.groups()
    before = text[match.start() - 1 : match.start()]
    if not scheme and (before == "/" or (before == "@" and not path)):
        return None
    host = run.strip(".-")
    domain = ".".join(host.rsplit(".", 2)[-2:])
    return domain if domain in SHORTENERS and host not in _OPEN_HOSTS else None


def _phrase(text: str) -> str:
    words = _words(_UNSPACED.sub(r" \1 ", fold(text)))
    return f" {' '.join(words)} "


def _words(folded: str) -> list[str]:
    """Runs of letters or digits; a percentage is one word, whichever way it is written."""
    return [word if word.isalpha() else _figure(word) for word in _WORD.findall(folded)]


def _figure(word: str) -> str:
    return word if word.isdecimal() else _NOT_FIGURE.sub("", word) + "%"


class _Lexicon:
    """The table, ready to be looked up: words to names, innocent words to an empty name."""

    def __init__(self) -> None:
        spellings = tuple(_spellings())
        self._stems = _stems({word for words, _ in spellings for word in words})
        self._names: dict[str, str] = {}
        self._reach: dict[str, int] = {}
        for words, name in spellings:
            stems = [self._stem(word) for word in words]
            self._names.setdefault(" ".join(stems), name)
            self._reach[stems[0]] = max(self._reach.get(stems[0], 0), len(stems))

    def names_in(self, text: str) -> Iterator[str]:
        words = [self._stem(word) for word in _table_words(text)]
        at = 0
        while at < len(words):
            length = self._longest(words, at) if words[at] in self._reach else 0
            if length:
                yield self._names[" ".join(words[at : at + length])]
            at += length or 1

    def _longest(self, words: list[str], at: int) -> int:
        lengths = range(min(self._reach[words[at]], len(words) - at), 0, -1)
        return next((n for n in lengths if " ".join(words[at : at + n]) in self._names), 0)

    def _stem(self, word: str) -> str:
        """The table's form of a word that carries Arabic prefixes; any other as it is."""
        if word in self._stems or not "\u0600" <= word[0] <= "\u06ff":
            return self._stems.get(word, word)
        return next(
            (self._stems[rest] for rest in _without_prefix(word) if rest in self._stems), word
        )


def _spellings() -> Iterator[tuple[list[str], str]]:
    for language, table in EXPRESSIONS.items():
        for name, *variants in _lines(table):
            for variant in (name, *variants):
                yield _table_words(variant), name
                if language == "de":
                    yield _table_words(variant.translate(_GERMAN)), name
    for line in _lines(INNOCENT):
        yield from ((_table_words(variant), "") for variant in line)


def _lines(table: str) -> Iterator[list[str]]:
    joined = re.sub(r"\s*\n\s*\|", " |", table.strip())
    return ([variant.strip() for variant in line.split("|")] for line in joined.splitlines())


def _table_words(text: str) -> list[str]:
    """Words with any percentage as the same one."""
    return ["%" if word.endswith("%") else word for word in _words(fold(text))]


def _without_prefix(word: str) -> Iterator[str]:
    """What is left of an Arabic word when one of the prefixes it may have is taken off."""
    for length in range(1, min(5, len(word) - _SHORTEST_STEM + 1)):
        if _ARABIC_PREFIX.fullmatch(word, 0, length):
            yield word[length:]


def _stems(words: set[str]) -> dict[str, str]:
    stems: dict[str, str] = {}
    for word in sorted(words, key=len):
        shorter = (stems[rest] for rest in _without_prefix(word) if rest in stems)
        stems[word] = next(shorter, word)
    return stems


_LEXICON = _Lexicon()
