"""What agents read: every kind of message as a line or a few, in their language.

Our own words stand in square brackets, and marks of ours begin the lines of workers.notices. What
a customer writes can look like neither: what stands for nothing visible is taken out, and a line
that begins like one of ours gets a dot before it.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import meta
from schemas.meta import shown
from schemas.meta.fields import as_object, as_text
from workers import notices_words
from workers.lines_words import Word

TEXT_CHARACTERS = 4_096  # of a customer's text (whatsapp-cloud-api, Sending)
_NAME_CHARACTERS, _QUOTE_CHARACTERS = 100, 60
_MOST_CONTACTS, _MOST_NUMBERS, _MOST_PRODUCTS, _MOST_ANSWERS = 10, 5, 20, 20
_MARKS = (notices_words.NOT_SENT, notices_words.AFTER_ALL, notices_words.AUTOMATIC, "[")
_HARMLESS = "· "
_JOINERS = "\u200c\u200d"  # Persian and emoji are not written without them
_LINE_ENDS = str.maketrans(dict.fromkeys("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\n"))
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols that show nothing


@dataclass(frozen=True, slots=True)
class Beside:
    """What a line needs beside the message.

    Args:
        language: of our own words.
        link: to the message's file; None when there is no address of ours to link to.
        quoted: what the message that it refers to said, if that was one of ours.
    """

    language: str = "en"
    link: str | None = None
    quoted: str | None = None

    def label(self, word: Word, says: str = "") -> str:
        """Our word, in its brackets."""
        said = f"{word.in_language(self.language)} {says}".strip()
        return f"[{said}]"


Line = Callable[[Mapping[str, Any], Beside], str]


def of_message(told: meta.InboundMessage, beside: Beside) -> str:
    """A customer's message as an agent reads it: never empty, never without bound."""
    return "\n".join(filter(None, (*_before(told.raw, beside), _said(told.raw, beside))))


def refers_to(told: meta.InboundMessage) -> str | None:
    """The id of the message that this one answers or reacts to, if it does."""
    reaction = shown.REACTION.load(as_object(told.raw.get("reaction")))
    context = shown.CONTEXT.load(as_object(told.raw.get("context")))
    found: str | None = reaction["message_id"] or context["id"]
    return found


def visible(text: str) -> str:
    """A text without what is not seen: control and format characters, above all of direction."""
    ended = text.replace("\r\n", "\n").translate(_LINE_ENDS)
    return "".join(filter(_is_seen, ended))


def harmless(text: str, most: int = TEXT_CHARACTERS) -> str:
    """What a customer wrote, of bounded length, no line of which passes for one of ours."""
    written = visible(text[: 4 * most]).strip()
    cut = written[:most] + ("…" if len(written) > most or len(text) > 4 * most else "")
    return "\n".join(map(_harmless_line, cut.split("\n")))


def one_line(text: str | None, most: int = _NAME_CHARACTERS) -> str:
    """A name or title of a customer's choosing, fit to stand within a line of ours."""
    words = " ".join(visible((text or "")[: 4 * most]).replace("[", "(").replace("]", ")").split())
    return words[: most - 1] + "…" if len(words) > most else words


def _is_seen(character: str) -> bool:
    if character in "\n\t" or character in _JOINERS:
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs"}


def _harmless_line(line: str) -> str:
    return _HARMLESS + line if _first_seen(line) in _MARKS else line


def _first_seen(line: str) -> str:
    for character in unicodedata.normalize("NFKC", line.lstrip()[:200]):
        unseen = character.isspace() or character in _JOINERS or character in _BLANKS
        if not unseen and not unicodedata.category(character).startswith("M"):
            return character
    return ""


def _before(message: Mapping[str, Any], beside: Beside) -> list[str]:
    """The lines above a message: where it comes from, and what it answers."""
    context = shown.CONTEXT.load(as_object(message.get("context")))
    lines = [_ad(message, beside)]
    if product := context["referred_product"]["product_retailer_id"]:
        lines.append(beside.label(Word.PRODUCT, one_line(product)))
    if context["forwarded"] or context["frequently_forwarded"]:
        lines.append(beside.label(Word.FORWARDED))
    if context["id"] and message.get("type") != "reaction":
        lines.append(_quoting(beside, Word.REPLY, Word.REPLY_TO))
    return lines


def _ad(message: Mapping[str, Any], beside: Beside) -> str:
    if not isinstance(message.get("referral"), dict):
        return ""
    ad = shown.REFERRAL.load(message["referral"])
    parts = (one_line(ad["headline"] or ad["body"]), one_line(ad["source_url"], 500))
    return beside.label(Word.AD, " ".join(filter(None, parts)))


def _quoting(beside: Beside, alone: Word, of: Word) -> str:
    quote = one_line(beside.quoted, _QUOTE_CHARACTERS)
    return beside.label(of, f"“{quote}”") if quote else beside.label(alone)


def _said(message: Mapping[str, Any], beside: Beside) -> str:
    kind = as_text(message.get("type")) or ""
    return _LINES.get(kind, _unsupported)(message, beside) or beside.label(Word.EMPTY)


def _text(message: Mapping[str, Any], _beside: Beside) -> str:
    return harmless(as_text(as_object(message.get("text")).get("body")) or "")


def _file(word: Word) -> Line:
    def line(message: Mapping[str, Any], beside: Beside) -> str:
        media = shown.media_of(message)
        name = one_line(media.filename if media else None).replace("/", "_").replace("\\", "_")
        is_voice = media is not None and media.voice
        first = beside.label(Word.VOICE if is_voice else word, name)
        link = beside.link or f"({Word.NO_LINK.in_language(beside.language)})"
        return "\n".join(filter(None, (first, link if media else "", _caption(message))))

    return line


def _caption(message: Mapping[str, Any]) -> str:
    return harmless(shown.caption_of(message))


def _location(message: Mapping[str, Any], beside: Beside) -> str:
    place = shown.LOCATION.load(as_object(message.get("location")))
    names = ", ".join(filter(None, (one_line(place["name"]), one_line(place["address"], 300))))
    latitude, longitude = place["latitude"], place["longitude"]
    link = ""
    if latitude is not None and longitude is not None and abs(latitude) <= 90:  # noqa: PLR2004 (the poles)
        link = f"https://maps.google.com/?q={latitude:.6f},{(longitude + 180) % 360 - 180:.6f}"
    return "\n".join(filter(None, (beside.label(Word.LOCATION, names), link)))


def _contacts(message: Mapping[str, Any], beside: Beside) -> str:
    found = shown.contacts_of(message)
    lines = [
        beside.label(Word.CONTACT, one_line(name))
        + "".join(f" {one_line(each)}" for each in reached[:_MOST_NUMBERS])
        for name, reached in found[:_MOST_CONTACTS]
    ]
    more = len(found) - len(lines)
    return "\n".join([*lines, f"+ {more}"] if more > 0 else lines or [beside.label(Word.CONTACT)])


def _button(message: Mapping[str, Any], beside: Beside) -> str:
    button = shown.BUTTON.load(as_object(message.get("button")))
    return beside.label(Word.BUTTON, one_line(button["text"] or button["payload"]))


def _interactive(message: Mapping[str, Any], beside: Beside) -> str:
    node = as_object(message.get("interactive"))
    reply = shown.INTERACTIVE.load(node)
    if "nfm_reply" in node:
        form = reply["nfm_reply"]
        answers = shown.answers_of(form)[:_MOST_ANSWERS]
        rows = [f"{one_line(name)}: {one_line(text, 300)}" for name, text in answers]
        first = beside.label(Word.FORM, one_line(form["body"] or form["name"]))
        return "\n".join([first, *map(_harmless_line, rows)])
    if "list_reply" in node:
        chosen = reply["list_reply"]
        parts = (chosen["title"] or chosen["id"], chosen["description"])
        return beside.label(Word.CHOICE, " - ".join(filter(None, map(one_line, parts))))
    chosen = reply["button_reply"]
    return beside.label(Word.BUTTON, one_line(chosen["title"] or chosen["id"]))


def _reaction(message: Mapping[str, Any], beside: Beside) -> str:
    emoji = one_line(shown.REACTION.load(as_object(message.get("reaction")))["emoji"], 20)
    if not emoji:
        return _quoted_after(beside.label(Word.UNREACTED), beside)
    return _quoted_after(beside.label(Word.REACTED, emoji), beside)


def _quoted_after(label: str, beside: Beside) -> str:
    quote = one_line(beside.quoted, _QUOTE_CHARACTERS)
    return f"{label} “{quote}”" if quote else label


def _edit(message: Mapping[str, Any], beside: Beside) -> str:
    now = shown.edited(message)
    return "\n".join(filter(None, (beside.label(Word.EDITED), _said(now, beside) if now else "")))


def _revoke(_message: Mapping[str, Any], beside: Beside) -> str:
    return beside.label(Word.DELETED)


def _order(message: Mapping[str, Any], beside: Beside) -> str:
    order = shown.ORDER.load(as_object(message.get("order")))
    rows = [
        f"{one_line(each['quantity'], 12) or 1} x {one_line(each['product_retailer_id'])} "
        f"{one_line(each['item_price'], 20)} {one_line(each['currency'], 8)}".rstrip()
        for each in shown.products_of(order)[:_MOST_PRODUCTS]
    ]
    said = harmless(order["text"] or "")
    return "\n".join(filter(None, (beside.label(Word.ORDER), *map(_harmless_line, rows), said)))


def _notice(message: Mapping[str, Any], beside: Beside) -> str:
    body = shown.SYSTEM.load(as_object(message.get("system")))["body"]
    return beside.label(Word.NOTICE, one_line(body, 300))


def _opened(_message: Mapping[str, Any], beside: Beside) -> str:
    return beside.label(Word.OPENED)


def _unsupported(message: Mapping[str, Any], beside: Beside) -> str:
    kind = as_text(message.get("type")) or ""
    said = kind if kind not in {"unsupported", "unknown"} else ""
    return beside.label(Word.UNSUPPORTED, one_line(said or shown.unsupported_type(message)))


# A kind that is not in here is said to be unsupported, and by its name.
_LINES: Mapping[str, Line] = {
    "text": _text,
    "image": _file(Word.IMAGE),
    "video": _file(Word.VIDEO),
    "audio": _file(Word.AUDIO),
    "document": _file(Word.DOCUMENT),
    "sticker": _file(Word.STICKER),
    "location": _location,
    "contacts": _contacts,
    "button": _button,
    "interactive": _interactive,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "order": _order,
    "system": _notice,
    "request_welcome": _opened,
}
