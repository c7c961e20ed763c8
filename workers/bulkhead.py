"""How many threads of this process one instance's requests may hold: a slow one sinks alone."""

import threading
from collections import defaultdict

from core import clock

LOOK_AGAIN_MS = 10_000  # the net; who ends a request wakes the next in line
_SLOW_S = 1.0


class Bulkhead:
    """The places of each instance: half of the threads, a quarter while it is slow."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._begun: defaultdict[str, list[float]] = defaultdict(list)
        self._awaited: set[str] = set()

    def enter(self, instance_id: str) -> float | None:
        """Take a place for a request, to be given back to `leave`; None when all are taken."""
        with self._lock:
            if self._free(instance_id) <= 0:
                self._awaited.add(instance_id)
                return None
            place = clock.monotonic()
            self._begun[instance_id].append(place)
            return place

    def leave(self, instance_id: str, place: float) -> int:
        """Give a place back; how many who wait for one may come, which is 0 if nobody does."""
        with self._lock:
            self._begun[instance_id].remove(place)
            if not self._begun[instance_id]:
                del self._begun[instance_id]
            return self._call(instance_id)

    def call(self, instance_id: str) -> int:
        """How many may come by now: asked again by who has just begun to wait."""
        with self._lock:
            return self._call(instance_id)

    def more_wait(self, instance_id: str) -> None:
        """Somebody was called: others may stand behind."""
        with self._lock:
            self._awaited.add(instance_id)

    def _call(self, instance_id: str) -> int:
        free = self._free(instance_id)
        if free <= 0 or instance_id not in self._awaited:
            return 0
        self._awaited.discard(instance_id)
        return free

    def _free(self, instance_id: str) -> int:
        begun = self._begun.get(instance_id, ())
        slow = bool(begun) and clock.monotonic() - min(begun) > _SLOW_S
        return max(1, self.threads // (4 if slow else 2)) - len(begun)


# Of this process; its crew says how many threads it has.
requests = Bulkhead(threads=8)  # to WhatsApp, by instance
deliveries = Bulkhead(threads=8)  # to 3CX, by destination
