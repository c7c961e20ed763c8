"""A message's text: cut into what WhatsApp takes at once, and hashed to know it again."""

import unicodedata

from core.optout import fold
from models.base import vault

PART_CHARACTERS = 4096  # of text.body (whatsapp-cloud-api, Sending)
_LOOK_BACK = 512
_BROADCAST_CHARACTERS = 40


def parts(text: str) -> list[str]:
    """The text in pieces of at most 4,096 characters, in order, cut after a space if one is near.

    Joined again they are the whole text; a piece of blanks alone, which WhatsApp refuses, is left
    out.
    """
    pieces = []
    while len(text) > PART_CHARACTERS:
        end = _cut(text)
        pieces.append(text[:end])
        text = text[end:]
    pieces.append(text)
    return [piece for piece in pieces if piece.strip()]


def _cut(text: str) -> int:
    for end in range(PART_CHARACTERS, PART_CHARACTERS - _LOOK_BACK, -1):
        if text[end - 1].isspace():
            return end
    for end in range(PART_CHARACTERS, PART_CHARACTERS - _LOOK_BACK, -1):
        if not unicodedata.combining(text[end]):
            return end
    return PART_CHARACTERS


def text_hash(account_id: str, text: str) -> str | None:
    """What the same text to other people is known by; None for a text too short to matter."""
    folded = " ".join(fold(text).split())
    if len(folded) < _BROADCAST_CHARACTERS:
        return None
    return vault().digest("text", account_id, folded)
