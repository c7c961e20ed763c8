"""The gateway's own program, with a clock that the fault runs can turn.

Run as `python -m tests.chaos.program COMMAND …`: the command line of the gateway, and a thread
that follows the file which CHAOS_CLOCK names. It holds how far to turn the clock, in milliseconds.
Of loopback, it may reach the port that CHAOS_TRUNKS names: the 3CX systems of the run.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from app.cli import main
from core import clock
from workers.wire import Outside

CLOCK = "CHAOS_CLOCK"
TRUNKS = "CHAOS_TRUNKS"
_LOOK_EVERY_S = 0.05


class Hands:
    """How far the clock is turned: written by the run, followed by the gateway's processes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._furthest_ms = 0

    def turn(self, by_ms: int) -> None:
        """Turn them for every process, in one step."""
        turned_ms = self.turned_ms + by_ms
        self._furthest_ms = max(self._furthest_ms, turned_ms)
        new = self.file.with_suffix(".new")
        new.write_text(str(turned_ms))
        new.replace(self.file)

    def turn_forward(self) -> None:
        """Turn them to where they were furthest: no time that was set lies further than meant."""
        self.turn(self._furthest_ms - self.turned_ms)

    @property
    def turned_ms(self) -> int:
        """Milliseconds from the machine's clock; 0 before they are first turned."""
        return int(self.file.read_text()) if self.file.exists() else 0

    def follow(self, at_ms: int = 0) -> None:
        """Keep this process's clock, which is turned so far, with them for ever."""
        while True:
            clock.sleep(_LOOK_EVERY_S)
            wanted = self.turned_ms
            clock.turn(wanted - at_ms)
            at_ms = wanted


if __name__ == "__main__":
    hands = Hands(Path(os.environ[CLOCK]))
    Outside.origins = frozenset({("127.0.0.1", int(os.environ[TRUNKS]))})
    now_ms = hands.turned_ms
    clock.turn(now_ms)
    threading.Thread(target=hands.follow, args=(now_ms,), name="hands", daemon=True).start()
    sys.exit(main(sys.argv[1:]))
