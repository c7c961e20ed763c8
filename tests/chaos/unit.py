"""A process of the gateway, kept running as a platform does."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from core import clock
from tests.gateway import Served

if TYPE_CHECKING:
    import signal
    from pathlib import Path

PROGRAM = (sys.executable, "-P", "-m", "tests.chaos.program")
_PAUSE_S, _SHORT_LIFE_S = 1.0, 3.0


class Unit:
    """One process of the gateway, which is started again whenever it ends, as on a platform."""

    def __init__(self, command: str, folder: Path, variables: dict[str, str]) -> None:
        self.command = command
        self._folder = folder
        self._variables = variables
        self._lock = threading.RLock()
        self._life: Served | None = None
        self._began = 0.0
        self._not_before = 0.0
        self.lives = 0
        self.port: int | None = None  # where it listens, once it has said so, in all its lives

    def tend(self) -> None:
        """Start it if it does not run; one that ends soon after its start waits a little."""
        if not self._lock.acquire(blocking=False):
            return  # it is being ended
        try:
            if self._life is not None and not self._life.has_ended:
                return
            if self._life is not None:
                self._bury()
            if clock.monotonic() >= self._not_before:
                self._start()
        finally:
            self._lock.release()

    def kill(self) -> None:
        """End it as a crash would."""
        with self._lock:
            if self._life is not None:
                self._life.kill()
                self._life = None

    def end(self, how: signal.Signals) -> None:
        """Ask it to end and wait until it has, a while at most."""
        with self._lock:
            if self._life is not None:
                self._life.end(how)
                self._life = None

    def pause(self) -> None:
        """Hold it still."""
        if self._life is not None:
            self._life.pause()

    def resume(self) -> None:
        """Let it go on."""
        if self._life is not None:
            self._life.resume()

    def listens(self) -> bool:
        """Whether it has said where it listens; its later lives will listen there, too."""
        if self.port is None and self._life is not None and self._life.port is not None:
            self.port = self._life.port
            self._variables["PORT"] = str(self.port)
        return self.port is not None

    def _start(self) -> None:
        self._life = Served(self.command, self._folder, self._variables, PROGRAM)
        self._life.start(lambda: True)
        self._began = clock.monotonic()
        self.lives += 1

    def _bury(self) -> None:
        if self._life is not None and clock.monotonic() - self._began < _SHORT_LIFE_S:
            self._not_before = clock.monotonic() + _PAUSE_S
        if self._life is not None:
            self._life.kill()
        self._life = None
