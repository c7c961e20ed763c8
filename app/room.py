"""Whether there is room for more: asked about once a second, so that it costs a request nothing."""

import shutil
import threading
from pathlib import Path

from core import clock
from core.config import Settings
from core.errors import ErrorCode, Refused
from models import backlog
from models.inbound_item import InboundItem

_LOOK_EVERY_S = 1.0
_RETRY_AFTER_S = 30
# What work in hand needs to end well on a disk that fills up.
_RESERVE_BYTES = 32 * 1024 * 1024
_RESERVE_SHARE = 20


class Room:
    """Refuses what would grow the backlog or the disk beyond their limits.

    Args:
        settings: `backlog_max`; on SQLite, the data folder, whose disk keeps a reserve of 32 MiB
            or a twentieth, whichever is smaller.
    """

    def __init__(self, settings: Settings) -> None:
        self._most = settings.backlog_max
        self._folder: Path | None = None if settings.database_url else settings.data_dir
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._full = False

    def require(self) -> None:
        """See that there is room.

        Raises:
            Refused: `service_unavailable`, with Retry-After.
            DatabaseUnavailable: nobody can tell.
        """
        if clock.monotonic() - self._looked_at >= _LOOK_EVERY_S and self._lock.acquire(
            blocking=False
        ):
            try:
                self._full = self._is_full()
                self._looked_at = clock.monotonic()
            finally:
                self._lock.release()
        if self._full:
            headers = {"Retry-After": str(_RETRY_AFTER_S)}
            raise Refused(ErrorCode.SERVICE_UNAVAILABLE, headers=headers)

    def _is_full(self) -> bool:
        if self._folder is not None and _disk_is_full(self._folder):
            return True
        unfinished = max(backlog.unfinished(self._most), InboundItem.untaken(self._most))
        return unfinished >= self._most


def _disk_is_full(folder: Path) -> bool:
    try:
        disk = shutil.disk_usage(folder)
    except OSError:
        return False
    return disk.free < min(_RESERVE_BYTES, disk.total // _RESERVE_SHARE)
