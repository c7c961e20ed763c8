"""Where an accepted webhook is kept: in the database, or in the spool while that is away."""

import logging
import threading
from contextlib import suppress
from itertools import islice

from app.directory import Directory
from app.room import Room
from app.spool import Earlier, Entry, Spool, SpoolEmptied, SpoolUnavailable
from app.webhooks import acceptance
from app.webhooks.acceptance import Acceptance
from app.webhooks.unanswered import Unanswered
from core import telemetry
from core.config import Settings
from models.database import close_connection
from models.idempotency import Idempotency, RepeatKeys
from models.inbound_item import InboundItem, Told
from models.patience import within
from models.revision import Revision
from models.unavailable import DatabaseUnavailable
from workers import outbound

_LOOK_EVERY_S = 0.25
_PATIENCE_S = 5.0
_TOGETHER = 50
_MEGABYTE = 1024 * 1024

_log = logging.getLogger(__name__)


class Keeper:
    """Keeps webhooks: in the database or, while that is away, in the spool, which it empties later.

    Its directory holds the settings by which they are checked meanwhile.

    Args:
        settings: without a `spool_dir`, webhooks are answered 503 while the database is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._room = Room(settings)
        self._spool: Spool | None = None
        if settings.spool_dir is not None:
            self._spool = Spool(settings.spool_dir, settings.spool_max_mb * _MEGABYTE)
        self._away = False
        self._unanswered = Unanswered()
        self._brief = threading.Lock()
        self.directory = Directory(is_away=lambda: self._away, may_be_old=lambda: self.has_spool)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def accept(self, row: acceptance.Row, repeats: RepeatKeys | None) -> Acceptance:
        """Keep an event, durably, or find the one that it repeats.

        While anything waits in the spool, everything goes there, so that the order stays.

        Args:
            row: the event's (see `acceptance.row_of_arrival`).
            repeats: what makes the request a repeat, if anything does.

        Raises:
            Refused: `idempotency_conflict`, or `service_unavailable` when too much is unfinished.
            DatabaseUnavailable: nothing was kept.
        """
        if repeats is not None and repeats.are_brief:
            earlier = self._unanswered.event(row["integration_id"], repeats)
            if earlier is not None:
                return Acceptance(earlier, duplicate=True, seated=False)
        if self._away or self.may_hold_more:
            with suppress(SpoolEmptied):
                return self._put_aside(row, repeats, joining=not self._away)
        try:
            self._room.require()
            return acceptance.keep(row, repeats)
        except DatabaseUnavailable as failure:
            self._went_away(failure)
            return self._put_aside(row, repeats)

    def was_answered(self, integration_id: str, repeats: RepeatKeys, event_id: str) -> None:
        """Forget brief keys, for their request has its answer: an equal one is another message.

        Raises:
            DatabaseUnavailable: the keys live on until their time is over.
        """
        if not self._unanswered.forget(integration_id, repeats, event_id):
            Idempotency.forget(integration_id, repeats, event_id)

    def keep_items(self, rows: list[Told]) -> list[str]:
        """Keep what Meta told (see InboundItem.keep), in the database alone: Meta comes again.

        Raises:
            Refused: `service_unavailable` when too much is untaken.
            DatabaseUnavailable: nothing was kept.
        """
        self._room.require()
        return InboundItem.keep(rows)

    @property
    def may_hold_more(self) -> bool:
        """Whether there are webhooks that the database does not know yet."""
        return self._spool is not None and not self._spool.empty

    @property
    def spools(self) -> bool:
        """Whether there is a spool at all."""
        return self._spool is not None

    @property
    def has_spool(self) -> bool:
        """Whether a webhook that the database does not take can probably be kept."""
        return self._spool is not None and self._spool.has_room

    def start(self) -> None:
        """Begin to look after database and spool."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is still in the spool waits for the next start."""
        self._stop.set()
        self._thread.join()

    def _put_aside(
        self, row: acceptance.Row, repeats: RepeatKeys | None, *, joining: bool = False
    ) -> Acceptance:
        if repeats is None or not repeats.are_brief:
            earlier = self._spooled(Entry(row, repeats), joining=joining)
            if earlier is not None and repeats is not None:
                return acceptance.repeat_of(earlier, repeats)
            return Acceptance(row["id"], duplicate=False, seated=False)
        # Of two equal ones that the database kept waiting until it was away, one is a repeat.
        with self._brief:
            known = self._unanswered.event(row["integration_id"], repeats)
            if known is None:
                self._spooled(Entry(row, None), joining=joining)
                self._unanswered.add(row["integration_id"], repeats, row["id"])
        return Acceptance(known or row["id"], duplicate=known is not None, seated=False)

    def _spooled(self, entry: Entry, *, joining: bool) -> Earlier | None:
        if self._spool is None:
            raise DatabaseUnavailable("the database is away, and there is no SPOOL_DIR")
        try:
            return self._spool.put(entry, joining=joining)
        except SpoolUnavailable as full:
            raise DatabaseUnavailable(str(full)) from None

    def _went_away(self, failure: DatabaseUnavailable) -> None:
        if not self._away:
            self._away = True
            _log.warning("webhooks cannot be kept in the database: %s", failure)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            try:
                with within(_PATIENCE_S):
                    self._look()
            except DatabaseUnavailable as failure:
                self._went_away(failure)
            except OSError as failure:
                _log.error("the spool cannot be emptied: %s", failure.strerror)
            except Exception as failure:  # noqa: BLE001 (whatever it is, the rest must go on)
                telemetry.report(failure, component="keeper")
        close_connection()

    def _look(self) -> None:
        if self._away:
            Revision.prove_writable()
            self._away = False
            _log.warning("webhooks are kept in the database again")
        if self._spool is not None:
            self.directory.warm()
            if not self._spool.empty:
                self._empty(self._spool)

    def _empty(self, spool: Spool) -> None:
        count = 0
        with spool.leaving() as entries:
            while some := [(each.row, each.repeats) for each in islice(entries, _TOGETHER)]:
                for kept in acceptance.keep_late(some):
                    if kept.seated:
                        outbound.begin(kept.event_id)
                count += len(some)
        _log.info("%d webhooks went from the spool into the database", count)
