# ruff: noqa: RUF001 - Arabic letters are meant, however much they look like Latin ones
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

_INVISIBLE = frozenset({"Mn", "Me", "Cf"})  # accents, vowel signs, joiners, bidi marks
_ONE_FORM = {
    "\u0640": "",  # tatweel stretches a word and says nothing
    "\u115f": "", "\u1160": "", "\u3164": "", "\uffa0": "",  # letters that show nothing
    "\ufdfa": " ", "\ufdfb": " ",  # one sign that would unfold into a whole sentence
    "ٱ": "ا",
    "ى": "ي", "ی": "ي",
    "ک": "ك",
    "ة": "ه",
}  # fmt: skip


class Keyword(StrEnum):
    """What a customer's one-word message asks for."""

    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class Word:
    """A word people send, its language (ISO 639), and whether an account has it on by default."""

    text: str
    language: str
    keyword: Keyword
    is_default: bool = True


# The one source, for the code and for the docs. CANCEL, END and YES are ordinary words in a
# support chat: an account may switch them on. Source: "Opt-out words", whatsapp-cloud-api.md.
WORDS = (
    Word("STOP", "en", Keyword.STOP),
    Word("STOPALL", "en", Keyword.STOP),
    Word("STOP ALL", "en", Keyword.STOP),
    Word("UNSUBSCRIBE", "en", Keyword.STOP),
    Word("END", "en", Keyword.STOP, is_default=False),
    Word("QUIT", "en", Keyword.STOP),
    Word("REVOKE", "en", Keyword.STOP),
    Word("OPTOUT", "en", Keyword.STOP),
    Word("OPT-OUT", "en", Keyword.STOP),
    Word("OPT OUT", "en", Keyword.STOP),
    Word("CANCEL", "en", Keyword.STOP, is_default=False),
    Word("REMOVE", "en", Keyword.STOP),
    Word("ARRET", "fr", Keyword.STOP),
    Word("ARRÊT", "fr", Keyword.STOP),
    Word("DÉSABONNER", "fr", Keyword.STOP),
    Word("BAJA", "es", Keyword.STOP),
    Word("DARME DE BAJA", "es", Keyword.STOP),
    Word("STOPP", "de", Keyword.STOP),
    Word("ABMELDEN", "de", Keyword.STOP),
    Word("PARAR", "pt", Keyword.STOP),
    Word("SAIR", "pt", Keyword.STOP),
    Word("CANCELAR", "pt", Keyword.STOP),
    Word("إيقاف", "ar", Keyword.STOP),
    Word("توقف", "ar", Keyword.STOP),
    Word("إلغاء الاشتراك", "ar", Keyword.STOP),
    Word("START", "en", Keyword.START),
    Word("UNSTOP", "en", Keyword.START),
    Word("SUBSCRIBE", "en", Keyword.START),
    Word("YES", "en", Keyword.START, is_default=False),
    Word("ALTA", "es", Keyword.START),
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words an account listens to, folded; `of` makes one from words as people write them."""

    stop: frozenset[str]
    start: frozenset[str]

    @classmethod
    def of(cls, stop: Iterable[str], start: Iterable[str]) -> Self:
        """Take words in any spelling; one of which nothing is left after folding is ignored."""
        return cls(frozenset(map(_bare, stop)) - {""}, frozenset(map(_bare, start)) - {""})


def default_words(keyword: Keyword) -> tuple[str, ...]:
    """The words an account starts with, as they are shown to people."""
    return tuple(word.text for word in WORDS if word.keyword is keyword and word.is_default)


def fold(text: str) -> str:
    """Bring spellings of the same letters to one form; punctuation and spaces stay.

    Case, compatibility forms (full width, ligatures), accents, diacritics, tatweel, bidi marks
    and zero-width characters go; alef, yeh, kaf and teh marbuta have one form each. Takes linear
    time. Source: "Opt-out words", whatsapp-cloud-api.md (NFKD here: accents fall off with it).
    """
    if text.isascii():
        return text.lower()
    # Marks go first: CPython sorts a run of them in quadratic time (65,536 marks took 4 s).
    return _unmarked(unicodedata.normalize("NFKD", _unmarked(text)).casefold())


def _bare(text: str) -> str:
    """Folded, without punctuation, symbols and emoji, words one space apart."""
    kept = (char for char in fold(text) if char.isalnum() or char.isspace())
    return " ".join("".join(kept).split())


def _unmarked(text: str) -> str:
    return text.translate({ord(char): _letter(char) for char in set(text)})


def _letter(char: str) -> str:
    if unicodedata.category(char) in _INVISIBLE or unicodedata.combining(char):
        return ""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return _ONE_FORM.get(char, char)


DEFAULT = Vocabulary.of(default_words(Keyword.STOP), default_words(Keyword.START))


def read(candidates: Iterable[str], words: Vocabulary = DEFAULT) -> Keyword | None:
    """Tell whether a message is a wish to stop or to start again.

    Takes everything the message says on its own (text, a button's payload and title): each
    counts only when the whole of it is one of the words. Where both are found, STOP wins: it is
    the reading that can do no harm.
    """
    said = {_bare(candidate) for candidate in candidates}
    if said & words.stop:
        return Keyword.STOP
    return Keyword.START if said & words.start else None


def language(candidates: Iterable[str]) -> str:
    """The language (ISO 639) of the word in `WORDS` that a message is; English for any other."""
    said = {_bare(candidate) for candidate in candidates}
    return next((word.language for word in WORDS if _bare(word.text) in said), "en")
