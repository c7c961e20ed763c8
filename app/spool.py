"""Where webhooks wait while the database is away: one folder for all processes of a host.

Two files hold sealed lines in the order of acceptance. New ones go to `waiting`; whoever empties
the spool renames it to `leaving` and takes it from there, so that nobody reads what is still being
written. What is in neither file is in the database.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from core import clock
from core.errors import GatewayError
from core.ids import new_id
from models.base import vault
from models.idempotency import RepeatKeys

_FULL_FOR_S = 5.0  # after a failed write, how long nobody is told that there is room
_OWNER_ONLY = 0o600

_log = logging.getLogger(__name__)


class SpoolUnavailable(GatewayError):
    """The spool is full or cannot be written to; nothing was kept."""


class SpoolEmptied(GatewayError):
    """Nothing waits any more: what did is in the database."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A webhook that was answered 202: the event's row, and what makes it a repeat."""

    row: dict[str, Any] = field(repr=False)
    repeats: RepeatKeys | None


class Earlier(NamedTuple):
    """A webhook in the spool, by one of its repeat keys."""

    repeat_key: str
    body_hash: str
    event_id: str


@dataclass(slots=True)
class _Known:
    """What is known of one file: how far it was read, and which repeat keys stand there."""

    offset: int
    keys: dict[str, Earlier] = field(default_factory=dict)


class Spool:
    """Keeps webhooks on disk, durably and sealed, in order.

    Args:
        folder: shared by the processes of a host, and by nobody else.
        most_bytes: what both files may hold together.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._waiting, self._leaving = folder / "waiting", folder / "leaving"
        self._thread_lock = threading.Lock()
        self._known: dict[bytes, _Known] = {}  # by the file's name for itself, its first line
        self._failed_at = float("-inf")
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def empty(self) -> bool:
        """Whether nothing waits: then the next webhook may go to the database."""
        # In this order: the renaming between the two looks must not hide anything.
        return not self._waiting.exists() and not self._leaving.exists()

    @property
    def has_room(self) -> bool:
        """Whether one more webhook can probably be kept."""
        if clock.monotonic() - self._failed_at < _FULL_FOR_S:
            return False
        return os.access(self._folder, os.W_OK | os.X_OK) and self._size() < self._most_bytes

    def put(self, entry: Entry, *, joining: bool = False) -> Earlier | None:
        """Keep a webhook, durably.

        Args:
            entry: the webhook.
            joining: only behind others that wait.

        Returns:
            None when it was kept; an earlier one here that it repeats, and then it was not.

        Raises:
            SpoolUnavailable: the spool is full or cannot be written to.
            SpoolEmptied: nobody waits behind whom it could join.
        """
        line = vault().seal(_written(entry)) + b"\n"
        try:
            with self._alone():
                if joining and self.empty:
                    raise SpoolEmptied("the spool is empty")
                earlier = self._earlier(entry.repeats)
                if earlier is None:
                    self._append(line)
                return earlier
        except OSError as failure:
            self._failed_at = clock.monotonic()
            raise SpoolUnavailable(f"the spool cannot be written to: {failure.strerror}") from None
        except SpoolUnavailable:
            self._failed_at = clock.monotonic()
            raise

    @contextmanager
    def leaving(self) -> Iterator[Iterator[Entry]]:
        """The oldest webhooks, in order; they are forgotten when the block ends well.

        Empty while another process does the same.
        """
        with (self._folder / "flush.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield iter(())
                return
            if not self._leaving.exists():
                with self._alone(), suppress(FileNotFoundError):
                    self._end_torn_line()
                    self._waiting.rename(self._leaving)
                    self._sync_folder()
            yield self._entries()
            # Under the lock: whoever looks for an earlier one finds it here or in the database.
            with self._alone():
                self._leaving.unlink(missing_ok=True)

    def _entries(self) -> Iterator[Entry]:
        if not self._leaving.exists():
            return
        with self._leaving.open("rb") as file:
            file.readline()
            for line in file:
                entry = _read(line)
                if entry is None:
                    self._set_aside(line)
                else:
                    yield entry

    def _set_aside(self, line: bytes) -> None:
        _log.error("spool: a line cannot be read; it is kept in %s/unreadable", self._folder)
        with _to_append(self._folder / "unreadable") as file:
            file.write(line)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._thread_lock, (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _append(self, line: bytes) -> None:
        if self._size() + len(line) > self._most_bytes:
            raise SpoolUnavailable(f"the spool holds {self._most_bytes} bytes and is full")
        with _to_append(self._waiting) as file:
            before = file.tell()
            try:
                _write(file, line if before else new_id("spl").encode() + b"\n" + line)
            except OSError:
                file.truncate(before)
                raise
        if not before:
            self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _size(self) -> int:
        size = 0
        for path in (self._waiting, self._leaving):
            with suppress(FileNotFoundError):
                size += path.stat().st_size
        return size

    def _earlier(self, repeats: RepeatKeys | None) -> Earlier | None:
        """The webhook here that these keys repeat; the strict key speaks first."""
        self._end_torn_line()
        if repeats is None:
            return None
        self._catch_up()
        for key in sorted(repeats.keys, key=lambda key: key != repeats.strict):
            for known in self._known.values():
                if key in known.keys:
                    return known.keys[key]
        return None

    def _end_torn_line(self) -> None:
        # Whoever wrote it died before it answered anybody.
        with suppress(FileNotFoundError), self._waiting.open("rb+") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)

    def _catch_up(self) -> None:
        """Read what other processes have put here since the last look."""
        known: dict[bytes, _Known] = {}
        for path in (self._leaving, self._waiting):
            with suppress(FileNotFoundError), path.open("rb") as file:
                name = file.readline()
                known[name] = self._known.get(name) or _Known(file.tell())
                file.seek(known[name].offset)
                for line in file:
                    _note(known[name], line)
        self._known = known


def _note(known: _Known, line: bytes) -> None:
    known.offset += len(line)
    entry = _read(line)
    if entry is not None and entry.repeats is not None:
        for key in entry.repeats.keys:
            known.keys.setdefault(key, Earlier(key, entry.repeats.body_hash, entry.row["id"]))


def _write(file: IO[bytes], content: bytes) -> None:
    if file.write(content) != len(content):
        raise OSError(0, "the disk is full")
    os.fsync(file.fileno())


def _written(entry: Entry) -> str:
    repeats = entry.repeats
    written = [entry.row, repeats and [repeats.keys, repeats.body_hash, repeats.strict]]
    return orjson.dumps(written).decode()


def _read(line: bytes) -> Entry | None:
    try:
        row, repeats = orjson.loads(vault().open(line.rstrip(b"\n")))
    except (GatewayError, ValueError):
        return None
    if repeats is None:
        return Entry(row, None)
    keys, body_hash, strict = repeats
    return Entry(row, RepeatKeys(tuple(keys), body_hash, strict))


def _to_append(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
    return os.fdopen(descriptor, "ab", buffering=0)
