"""Programs that tests start, and that end with the test, however that ends."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]

from core import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

START_S = 30.0
STOP_S = 10.0
# Outlives its starter by the moment it takes to end the program and remove its folder. The line
# it waits for never comes: the pipe ends when the starter does, and no signal can prevent that.
_WATCH = """
read -r never
kill -CONT "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null) 2>/dev/null
kill -INT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
done
kill -KILL "$1" 2>/dev/null
[ -z "$2" ] || rm -rf -- "$2"
"""


class ProgramError(Exception):
    """A program did not become ready; the text is the end of its log."""


class Program:
    """A process that serves: started, ended, killed, held still."""

    def __init__(
        self, command: Sequence[str], log: Path, belongings: Path | None = None, **options: Any
    ) -> None:
        """Takes the command, the file its words go to, and a folder to remove if we are killed.

        `options` go to subprocess.Popen: `cwd`, `env`, `user`, …
        """
        self._command = list(command)
        self._log = log
        self._belongings = belongings
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it was started and has ended, by itself or killed by somebody else."""
        return self._process is not None and self._process.poll() is not None

    def start(self, is_ready: Callable[[], bool]) -> None:
        """Start it, and wait until `is_ready` says so.

        Raises:
            ProgramError: it ended, or was not ready within START_S.
        """
        with self._log.open("ab") as log:
            self._process = _spawn(self._command, log, subprocess.DEVNULL, **self._options)
        watch = ["sh", "-c", _WATCH, "watch", str(self._process.pid), str(self._belongings or "")]
        self._watch = _spawn(watch, subprocess.DEVNULL, subprocess.PIPE)
        deadline = clock.monotonic() + START_S
        while not is_ready():
            if self._process.poll() is not None or clock.monotonic() > deadline:
                self.kill()
                raise ProgramError(self._log.read_text(errors="replace")[-2000:])
            clock.sleep(0.02)

    def end(self, how: signal.Signals) -> None:
        """Send it the signal and wait until it is gone; harmless when it is gone already."""
        if self._process is None or self._watch is None:
            return
        self.resume()
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watch.kill()
        self._watch.communicate()
        self._process = self._watch = None

    def kill(self) -> None:
        """End it and its children where they stand, as a crash of the machine would."""
        family = list(self._family())
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.end(signal.SIGKILL)
        deadline = clock.monotonic() + STOP_S
        while any(_lives(process) for process in family) and clock.monotonic() < deadline:
            clock.sleep(0.01)

    def pause(self) -> None:
        """Hold it still, with its children: connections stay open and nobody answers."""
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        """Let it go on."""
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _family(self) -> Iterator[psutil.Process]:
        """The program first: held still or dead, it has no more children when we look at them."""
        if self._process is None or self._process.poll() is not None:
            return
        program = psutil.Process(self._process.pid)
        children = program.children(recursive=True)
        yield program
        with suppress(psutil.NoSuchProcess):
            children = list({*children, *program.children(recursive=True)})
        yield from children


def _spawn(
    command: Sequence[str], output: IO[bytes] | int, source: int, **options: Any
) -> subprocess.Popen[bytes]:
    """Start in a session of its own, where a Ctrl-C meant for us does not reach."""
    return subprocess.Popen(
        command,
        stdin=source,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **options,
    )


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
