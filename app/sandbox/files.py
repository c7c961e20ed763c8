"""Files as Meta keeps them: by an id, and for a time at an address that opens them."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

from core import clock

FILE_BYTES = 20 * 1024 * 1024
_BYTES = 64 * 1024 * 1024
_ADDRESS_MS = 5 * 60 * 1000
UPLOADED_MS = 30 * 24 * 60 * 60 * 1000
RECEIVED_MS = 7 * 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Kept:
    """A file, and until when it is kept, in epoch milliseconds."""

    media_id: str
    content: bytes = field(repr=False)
    mime_type: str
    until_ms: int

    @property
    def sha256(self) -> str:
        """The hash of its bytes, in hex."""
        return sha256(self.content).hexdigest()


class Files:
    """All files, in memory and bounded: the oldest make room. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._addresses: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def keep(self, content: bytes, mime_type: str, life_ms: int) -> Kept:
        """Keep a file under a new id."""
        media_id = str(10**15 + secrets.randbelow(9 * 10**15))
        kept = Kept(media_id, content, mime_type, clock.now_ms() + life_ms)
        with self._lock:
            self._kept[media_id] = kept
            while sum(len(each.content) for each in self._kept.values()) > _BYTES:
                self._kept.popitem(last=False)
        return kept

    def find(self, media_id: str) -> Kept | None:
        """The file with this id, while it is kept."""
        with self._lock:
            kept = self._kept.get(media_id)
        return kept if kept and clock.now_ms() < kept.until_ms else None

    def forget(self, media_id: str) -> None:
        """Let a file's time be over."""
        with self._lock:
            self._kept.pop(media_id, None)

    def address(self, media_id: str) -> str:
        """A name that opens the file for five minutes."""
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._addresses[name] = (media_id, clock.now_ms() + _ADDRESS_MS)
            while len(self._addresses) > 1_000:  # noqa: PLR2004 (enough for every test)
                self._addresses.popitem(last=False)
        return name

    def opened(self, name: str) -> Kept | None:
        """The file at such an address, while that opens it."""
        with self._lock:
            media_id, until_ms = self._addresses.get(name, ("", 0))
        return self.find(media_id) if clock.now_ms() < until_ms else None
