"""Periodic work: what was committed and not finished is found again, what is old is let go."""

import logging
import threading

from core import clock, telemetry
from core.config import Settings
from core.words import State
from models import backlog, lanes
from models.cooldown import Cooldown
from models.database import close_connection, transaction
from models.event import Event
from models.idempotency import Idempotency
from models.inbound_item import InboundItem
from models.security_entry import SecurityEntry
from models.unavailable import DatabaseUnavailable
from workers import conclusion, forwarding, inbound, notices
from workers.broker import InProcessBroker, Queue, WakeUpBroker
from workers.stage import Seats, resume, wake

_PRUNE_EVERY_S = 600.0
_PRUNE_AT_MOST = 5_000
_SECURITY_ENTRIES_KEPT = 100_000

_log = logging.getLogger(__name__)


class Upkeep:
    """A thread that sweeps at once and then every interval; many processes may have one."""

    def __init__(self, settings: Settings, broker: InProcessBroker | WakeUpBroker) -> None:
        self._broker = broker
        self._interval_s = settings.sweep_interval_ms / 1000
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._prune_at = clock.monotonic()

    def start(self) -> None:
        """Begin sweeping."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the sweep in hand, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._sweep()
                self._prune_now_and_then()
            except DatabaseUnavailable as failure:
                _log.warning("sweep: %s", failure)
            except Exception as failure:  # noqa: BLE001 (upkeep must outlive whatever it meets)
                telemetry.report(failure, actor="upkeep")
            self._stop.wait(self._interval_s)
        close_connection()

    def _sweep(self) -> None:
        queue = self._broker.look()
        if queue is Queue.LOST:
            queue_was_lost()
        # While it is away nobody would hear; whom we call in vain would be called ever later.
        if queue is not Queue.AWAY:
            sweep()

    def _prune_now_and_then(self) -> None:
        if clock.monotonic() >= self._prune_at:
            self._prune_at = clock.monotonic() + _PRUNE_EVERY_S
            prune()


def sweep() -> int:
    """Wake everything that is due, batch by batch; returns how many events were."""
    found = 0
    while batch := backlog.claim_due(Seats.per_account):
        found += len(batch)
        for event in batch:
            if event.state == State.SENDING:
                _lease_ran_out(event)
            else:
                resume(event.id, State(event.state))
    while items := InboundItem.claim_due():
        inbound.begin(items)
    notices.sweep()
    return found + forwarding.sweep()


def queue_was_lost() -> None:
    """Make due what was in a queue that is gone; a step that is done meanwhile is done once."""
    _log.info("a queue that is empty: what the last one held is found again")
    backlog.queue_was_lost()
    InboundItem.queue_was_lost()
    lanes.queue_was_lost()


def _lease_ran_out(event: Event) -> None:
    abandoned = conclusion.abandoned(event.id)
    if abandoned is not None:
        _log.error("event %s: its worker went away while sending", event.id)
        wake(conclusion.onward(abandoned))


@transaction
def prune() -> None:
    """Let go of what has had its time: repeat keys, cooldowns, the oldest security entries."""
    SecurityEntry.forget_oldest(keep=_SECURITY_ENTRIES_KEPT)
    Cooldown.forget_lapsed()
    old = (
        Idempotency.select(Idempotency.integration_id, Idempotency.repeat_key)
        .where(Idempotency.expires_at_ms <= clock.now_ms())
        .limit(_PRUNE_AT_MOST)
    )
    for each in list(old):
        Idempotency.delete().where(
            Idempotency.integration_id == each.integration_id,
            Idempotency.repeat_key == each.repeat_key,
        ).execute()
