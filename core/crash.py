"""Places where a process can be made to die, for tests: at commits, enqueues and requests."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

LIST = "list:"

_trap: Callable[[str], None] | None = None


def arm(at: str) -> None:
    """Make this process kill itself at a point, or list the points that it passes.

    Args:
        at: a point such as `before commit settle`, with `#3` for its third passing; or `list:` and
            a file that gets each new point as a line; or nothing, which changes nothing.
    """
    global _trap  # noqa: PLW0603 (read at every point, so nothing may stand before it)
    if at.startswith(LIST):
        _trap = _Listing(at.removeprefix(LIST))
    elif at:
        name, _, passing = at.partition("#")
        _trap = _Death(name, int(passing or 1))


def point(when: str, what: str) -> None:
    """Pass a point; free unless armed.

    Args:
        when: `before commit`, `after enqueue`, …
        what: whose, e.g. the function that is the transaction, or the actor of the message.
    """
    if _trap is not None:
        _trap(f"{when} {what}")


class _Death:
    """SIGKILL at the point: no handler runs, nothing is flushed, as when a machine takes us."""

    def __init__(self, name: str, passing: int) -> None:
        self._lock = threading.Lock()
        self._name, self._left = name, passing

    def __call__(self, passed: str) -> None:
        if passed != self._name:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class _Listing:
    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._path, self._seen = Path(path), set[str]()

    def __call__(self, passed: str) -> None:
        with self._lock:
            if passed in self._seen:
                return
            self._seen.add(passed)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(passed + "\n")
