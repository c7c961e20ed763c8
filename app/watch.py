"""Who fails to authenticate: counted in memory, written every 10 s, slowed down when too many.

Everything is bounded, so that an attacker can make us neither write nor grow.
"""

import logging
import threading
from collections import OrderedDict, deque

from core import clock
from models.security_entry import SecurityEntry
from models.unavailable import DatabaseUnavailable

_WRITE_EVERY_S = 10.0
_ENTRIES_AT_MOST = 2_000
_ADDRESSES_AT_MOST = 10_000
_WINDOW_S = 60.0
_PENALTY_S = 60.0
_EXEMPT_S = 3600.0
_SHOWN_ID = 64

_log = logging.getLogger(__name__)


class Watch:
    """The memory of the door."""

    def __init__(self, failures_before_slowdown: int) -> None:
        self._most = failures_before_slowdown
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], list[int]] = {}
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._penalties: OrderedDict[str, float] = OrderedDict()
        self._welcome: OrderedDict[str, float] = OrderedDict()
        self._stop = threading.Event()
        self._writer = threading.Thread(target=self._run, name="security-log", daemon=True)

    def start(self) -> None:
        """Begin writing what was counted."""
        self._writer.start()

    def stop(self) -> None:
        """Write what is left, and end."""
        self._stop.set()
        self._writer.join()

    def slowed_down(self, site: str) -> bool:
        """Whether an address failed so often that it is refused unseen for a while."""
        until = self._penalties.get(site)
        return until is not None and clock.monotonic() < until

    def failed(self, site: str, integration_id: str, reason: str) -> None:
        """Count a failure; the last one that is too many begins the slowdown."""
        now = clock.monotonic()
        with self._lock:
            self._count(site, integration_id[:_SHOWN_ID], reason)
            if now - self._welcome.get(site, float("-inf")) < _EXEMPT_S:
                return
            recent = self._failures.setdefault(site, deque(maxlen=self._most))
            recent.append(now)
            if len(recent) == self._most and now - recent[0] < _WINDOW_S:
                self._penalties[site] = now + _PENALTY_S
            _trim(self._failures)
            _trim(self._penalties)

    def succeeded(self, site: str) -> None:
        """Remember an address that authenticated: for an hour it is not slowed down."""
        now = clock.monotonic()
        if now - self._welcome.get(site, float("-inf")) < _WINDOW_S:
            return
        with self._lock:
            self._welcome[site] = now
            self._welcome.move_to_end(site)
            self._failures.pop(site, None)
            _trim(self._welcome)

    def _count(self, site: str, integration_id: str, reason: str) -> None:
        key = (site, integration_id, reason)
        if key not in self._counts and len(self._counts) >= _ENTRIES_AT_MOST:
            key = ("others", "", reason)
        now = clock.now_ms()
        entry = self._counts.setdefault(key, [0, now, now])
        entry[0] += 1
        entry[2] = now

    def _run(self) -> None:
        while not self._stop.wait(_WRITE_EVERY_S):
            self.write()
        self.write()

    def write(self) -> None:
        """Write what was counted since the last time; what cannot be written is counted on."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        rows: list[dict[str, object]] = [
            {
                "address": address,
                "integration_id": integration_id.replace("\x00", ""),
                "reason": reason,
                "count": count,
                "first_at_ms": first,
                "last_at_ms": last,
            }
            for (address, integration_id, reason), (count, first, last) in counts.items()
        ]
        try:
            SecurityEntry.write(rows)
        except DatabaseUnavailable:
            _log.warning("security log: %d entries wait for the database", len(rows))
            with self._lock:
                for key, (count, first, last) in counts.items():
                    if key in self._counts or len(self._counts) < _ENTRIES_AT_MOST:
                        entry = self._counts.setdefault(key, [0, first, last])
                        entry[0] += count


def _trim(
    memory: OrderedDict[str, object] | OrderedDict[str, deque[float]] | OrderedDict[str, float],
) -> None:
    while len(memory) > _ADDRESSES_AT_MOST:
        memory.popitem(last=False)
