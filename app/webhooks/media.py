"""A customer's file, streamed from WhatsApp to whoever has its link; the token stays here."""

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from urllib.parse import quote

import falcon
from waitress.channel import ClientDisconnected

from core import clock
from core.errors import ErrorCode, Refused
from models.inbound_item import InboundItem
from models.instance import Instance
from schemas import meta
from workers import media_link, media_types
from workers.providers import PROVIDERS, MediaError
from workers.sending import sender_of
from workers.wire import Stream, WireError

_WHOLE_S = 600.0  # 100 MB at 1.4 Mbit/s; who takes nothing is let go long before
_STREAMS_SHARE = 4
_RETRY_AFTER = {"Retry-After": "5"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_KEPT_AS_FILE = "application/octet-stream"

_log = logging.getLogger(__name__)


class MediaDoor:
    """`GET /media/{token}`: at most a quarter of the threads stream at a time.

    Args:
        web_threads: how many there are.
    """

    def __init__(self, web_threads: int) -> None:
        self._places = threading.Semaphore(max(1, web_threads // _STREAMS_SHARE))

    def on_get(self, _req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Stream the file that the link was made for.

        Raises:
            Refused: `not_found` for every link that is not ours, or not any more; `media_gone`,
                `media_unavailable`.
        """
        resp.stream = self._opened(resp, token)

    def on_head(self, _req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Answer what `on_get` would, without the file."""
        self._opened(resp, token).close()

    def _opened(self, resp: falcon.Response, token: str) -> "_Body":
        instance, media = _behind(token)
        if not self._places.acquire(blocking=False):
            raise Refused(ErrorCode.MEDIA_UNAVAILABLE, headers=_RETRY_AFTER)
        with ExitStack() as held:
            held.callback(self._places.release)
            body = _open(held, instance, media, resp)
            # From here on the server ends it, when it has written the answer.
            body.held = held.pop_all()
        return body


class _Body:
    """The bytes of a file, with everything that is held while they are written."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.held = ExitStack()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except WireError as failure:
            _log.warning("a customer's file: %s", failure)
        else:
            return
        # The one way to tell the server that the rest will not come, and that nothing is broken.
        raise ClientDisconnected

    def close(self) -> None:
        """Let everything go."""
        self.held.close()


def _behind(token: str) -> tuple[Instance, meta.Media]:
    item = media_link.item_behind(token)
    media = None if item is None else _media_of(item)
    if item is None or media is None:
        raise Refused(ErrorCode.NOT_FOUND)
    return Instance.get_by_id(item.instance_id), media


def _media_of(item: InboundItem) -> meta.Media | None:
    told = meta.from_bytes(item.content)
    return meta.media_of(told.raw) if isinstance(told, meta.InboundMessage) else None


def _open(held: ExitStack, instance: Instance, media: meta.Media, resp: falcon.Response) -> _Body:
    deadline = clock.monotonic() + _WHOLE_S
    provider = PROVIDERS[instance.provider]
    try:
        found = held.enter_context(provider.media(sender_of(instance), media.media_id, deadline))
        pieces = found.pieces(media_types.MOST_BYTES)
        first = next(pieces, b"")
    except (MediaError, WireError) as failure:
        refused = _refused(gone=isinstance(failure, MediaError) and failure.gone)
    else:
        if (found.length or 0) > media_types.MOST_BYTES:
            raise _refused(gone=True)
        _describe(resp, media, found, first)
        return _Body(chain([first], pieces))
    # Out here no context drags the file's address at WhatsApp into a traceback.
    raise refused


def _refused(*, gone: bool) -> Refused:
    if gone:
        return Refused(ErrorCode.MEDIA_GONE)
    return Refused(ErrorCode.MEDIA_UNAVAILABLE, headers=_RETRY_AFTER)


def _describe(resp: falcon.Response, media: meta.Media, found: Stream, first: bytes) -> None:
    """Say what the file is: what its message says, but only as far as its first bytes agree."""
    head = first[: media_types.HEAD_BYTES]
    kind = media_types.agreed(media.mime_type or found.headers.get("Content-Type"), head)
    resp.content_type = kind.name if kind else _KEPT_AS_FILE
    way = "inline" if kind and kind.shown else "attachment"
    name = _file_name(media, kind)
    resp.set_header("Content-Disposition", f"{way}; {name}")
    resp.set_headers(_HEADERS)
    if found.length is not None:
        resp.content_length = found.length


def _file_name(media: meta.Media, kind: media_types.MediaType | None) -> str:
    """The name to keep it by, in both forms (RFC 6266, RFC 5987).

    Its ending is one of its type's: whatever a file calls itself, it is not kept as a program.
    """
    shown = "".join(each if each.isprintable() else " " for each in media.filename or media.kind)
    shown = "".join("_" if each in '\\/:*?"<>|%;' else each for each in shown).strip(" .")[-100:]
    ending = shown.rpartition(".")[2].lower()
    if kind is None or ending not in kind.endings:
        shown = f"{shown or 'file'}.{kind.endings[0] if kind else 'bin'}"
    plain = "".join(each if each.isascii() else "_" for each in shown)
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
