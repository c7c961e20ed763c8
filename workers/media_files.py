"""Agents' files on their way to WhatsApp: fetched once, held against its rules, and given to it.

An address that an agent named is asked for guarded (core.egress). A file is never held in memory:
it lies in a temporary file that has no name.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import unquote, urlsplit

from core import clock
from core.errors import GatewayError
from workers import media_types, wire
from workers.media import MOST_FILES, File
from workers.media_types import MediaType
from workers.providers import PROVIDERS, Sender, Upload

FETCH_S = 30.0
UPLOAD_S = 30.0
_IN_MEMORY_BYTES = 262_144
_PIECE_BYTES = 65_536
_NAME_CHARACTERS = 100
_SUCCESS = range(200, 300)
_PASSING = frozenset({408, 425, 429, *range(500, 600)})  # a source's answers that may change
_HEADERS = {"User-Agent": "whatsapp-gateway", "Accept": "*/*"}


class FileRefused(GatewayError):
    """A file cannot be sent; the words are safe to show: nothing of the address is in them."""


class FileUnavailable(GatewayError):
    """A file cannot be had now; later it may."""


def require_few(files: list[File]) -> None:
    """Hold a message's files against their bound.

    Raises:
        FileRefused: there are too many.
    """
    if len(files) > MOST_FILES:
        raise FileRefused(f"a message may have at most {MOST_FILES} files")


def hand_over(file: File, provider: str, sender: Sender) -> File:
    """Fetch a file, give it to WhatsApp, and name it by the id that it has there.

    Args:
        file: where it lies.
        provider: of the instance.
        sender: the number that will send it.

    Raises:
        FileRefused: WhatsApp takes no such file, or it may not be fetched.
        FileUnavailable: its source does not give it at the moment.
        ProviderError: WhatsApp did not take it.
    """
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as kept:
        kind, filename = _fetch(file.url, kept)
        size = kept.tell()
        kept.seek(0)
        upload = Upload(kind.name, filename, _pieces(kept), size)
        media_id = PROVIDERS[provider].upload(sender, upload, clock.monotonic() + UPLOAD_S)
    return replace(file, kind=kind.kind, filename=filename, media_id=media_id)


def _fetch(url: str, into: IO[bytes]) -> tuple[MediaType, str]:
    try:
        with wire.stream(url, _HEADERS, clock.monotonic() + FETCH_S, guarded=True) as found:
            _require_success(found.status)
            return _keep(url, found, into)
    except wire.TooLarge:
        error: GatewayError = FileRefused("the file is larger than WhatsApp takes it")
    except wire.WireError as failure:
        means = FileRefused if failure.unusable else FileUnavailable
        error = means(f"the file cannot be fetched: {failure}")
    # Out here no context drags the address, which may open the file, into a traceback.
    raise error


def _require_success(status: int) -> None:
    if status in _PASSING:
        raise FileUnavailable(f"the file's source answers {status}")
    if status // 100 == 3:  # noqa: PLR2004 (RFC 9110, 15.4)
        raise FileRefused("the file's address redirects, which is not followed")
    if status not in _SUCCESS:
        raise FileRefused(f"the file's source answers {status}")


def _keep(url: str, found: wire.Stream, into: IO[bytes]) -> tuple[MediaType, str]:
    pieces = found.pieces(media_types.MOST_BYTES)
    first = next(pieces, b"")
    filename = _name_of(url)
    head = first[: media_types.HEAD_BYTES]
    kind = media_types.recognised(found.headers.get("Content-Type"), filename, head)
    if kind is None:
        raise FileRefused("WhatsApp takes no file of this type, or it is not what it is said to be")
    if (found.length or 0) > kind.most_bytes:
        raise wire.TooLarge("the answer says that it is")
    for piece in chain([first], pieces):
        into.write(piece)
        if into.tell() > kind.most_bytes:
            raise wire.TooLarge("the answer is larger than allowed")
    return kind, filename if "." in filename else f"{filename}.{kind.endings[0]}"


def _name_of(url: str) -> str:
    last = unquote(urlsplit(url).path, errors="replace").rpartition("/")[2]
    shown = "".join(each for each in last if each.isprintable() and each not in '\\/"<>|:*?')
    return shown.strip()[-_NAME_CHARACTERS:] or "file"


def _pieces(kept: IO[bytes]) -> Iterator[bytes]:
    while piece := kept.read(_PIECE_BYTES):
        yield piece
