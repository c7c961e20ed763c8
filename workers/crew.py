"""The workers of a process: started per queue, drained on request."""

import logging
from dataclasses import dataclass

from dramatiq import Worker

from core import clock
from core.config import Settings
from workers import bulkhead
from workers.broker import FORWARD, INBOUND, OUTBOUND, PREFETCH, InProcessBroker, WakeUpBroker
from workers.upkeep import Upkeep

_WORKER_TIMEOUT_MS = 100
_INBOUND_SHARE = 4
_LEAST_INBOUND = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Crew:
    """Threads that carry events. Inbound has its own: an opt-out never queues for a send."""

    workers: list[Worker]
    upkeep: Upkeep
    grace_s: int

    @classmethod
    def start(
        cls, settings: Settings, broker: InProcessBroker | WakeUpBroker, queues: frozenset[str]
    ) -> "Crew":
        """Start threads for these queues, and the sweep."""
        threads = {
            OUTBOUND: settings.worker_threads,
            INBOUND: max(_LEAST_INBOUND, settings.worker_threads // _INBOUND_SHARE),
            FORWARD: settings.worker_threads,
        }
        bulkhead.requests.threads = bulkhead.deliveries.threads = settings.worker_threads
        broker.emit_after("process_boot")
        workers = []
        for queue in sorted(queues):
            worker = Worker(
                broker,
                queues={queue},
                worker_threads=threads[queue],
                worker_timeout=_WORKER_TIMEOUT_MS,
            )
            worker.queue_prefetch = PREFETCH
            worker.start()
            workers.append(worker)
        upkeep = Upkeep(settings, broker)
        upkeep.start()
        return cls(workers, upkeep, settings.grace_s)

    def stop(self) -> None:
        """Let work in hand end, within the grace period, and give the rest back to the queue."""
        until = clock.monotonic() + self.grace_s
        self.upkeep.stop()
        for worker in self.workers:
            left_s = max(0.1, until - clock.monotonic())
            worker.stop(timeout=int(left_s * 1000))
