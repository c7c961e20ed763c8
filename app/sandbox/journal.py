"""What the sandbox writes down, so that a kill -9 of its process does not make WhatsApp forget."""

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

_LINES_READ_AGAIN = 50_000
_OWNER_ONLY = 0o600


class Journal:
    """Two append-only files of JSON lines, or none.

    The journal proper holds a line per request that WhatsApp accepted, and nothing else. Beside
    it, with the suffix `.memory`, stands what an emulator must not forget when it dies with the
    gateway, as Meta would not: when customers wrote, and which statuses the gateway has taken.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._receipts = path
        self._memory = path and path.with_name(path.name + ".memory")
        for file in filter(None, (self._receipts, self._memory)):
            _end_torn_line(file)

    def receive(self, entry: Mapping[str, Any]) -> None:
        """Append a receipt: it is with the system before the sender gets its answer."""
        self._append(self._receipts, entry)

    def remember(self, entry: Mapping[str, Any]) -> None:
        """Append what the next start must know."""
        self._append(self._memory, entry)

    def read(self) -> list[dict[str, Any]]:
        """The newest lines of both files, in the order of their `at_ms`."""
        entries = [*_read(self._receipts), *_read(self._memory)]
        return sorted(entries, key=lambda entry: int(entry.get("at_ms", 0)))

    def _append(self, path: Path | None, entry: Mapping[str, Any]) -> None:
        if path is None:
            return
        line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        # Unbuffered and in one write: a killed process leaves whole lines.
        with self._lock, path.open("ab", buffering=0) as file:
            file.write(line)


def _end_torn_line(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(_OWNER_ONLY)
    with path.open("rb+") as file:
        if file.seek(0, 2) and file.seek(-1, 2) >= 0 and file.read(1) != b"\n":
            file.write(b"\n")


def _read(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    with path.open("rb") as file:
        lines = deque(file, maxlen=_LINES_READ_AGAIN)
    return [entry for line in lines if (entry := _parsed(line)) is not None]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
