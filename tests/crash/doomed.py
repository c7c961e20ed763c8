"""A gateway that is to die at a point, and to be brought back.

Its processes are the real program, forked from one that has imported it already: there are many.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from app.sandbox import Sandbox
from core import clock
from core.config import Settings
from tests.crash import errands
from tests.gateway import environment
from tests.program import ProgramError
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from tests.wire import Address

FORKS = multiprocessing.get_context("forkserver")
# A fork begins by importing what its parent began with, which is pytest.
FORKS.set_forkserver_preload(["pytest", "app.cli.serve", "app.cli.parser", "tests.crash.errands"])
_PATIENCE_S = 30.0
_LOOK_S = 0.2  # many gateways are looked at side by side
_MODEST = {
    "WORKER_THREADS": "3",
    "WEB_THREADS": "4",
    "SWEEP_INTERVAL_MS": "500",
    "SANDBOX_HOSTS": "127.0.0.1",
}


class Fork:
    """One process of the gateway."""

    def __init__(self, command: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.log = folder / f"{command}.log"
        self._begins = (command, environment(settings), folder, self.log)
        self._process: BaseProcess | None = None

    def start(self, armed: str) -> None:
        """Start it, to die at this point, if any is named."""
        command, variables, *places = self._begins
        begins = (command, variables | {"CRASH_AT": armed}, *places)
        self._process = FORKS.Process(target=_be, args=begins, daemon=True)
        self._process.start()

    @property
    def dead(self) -> bool:
        """Whether it has died where it was to; any other end is an error."""
        status = self._process.exitcode if self._process else None
        if status not in (None, -signal.SIGKILL):
            raise ProgramError(f"ended with {status}:\n{self.log.read_text()[-4000:]}")
        return status is not None

    def kill(self) -> None:
        """End it where it stands."""
        if self._process is not None:
            self._process.kill()
            self._process.join()


def _be(command: str, variables: Mapping[str, str], folder: Path, log: Path) -> None:
    from app.cli import main

    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    sys.exit(main([command]))


def _end_with_the_tests() -> None:
    tests = multiprocessing.parent_process()
    assert tests is not None
    tests.join()
    os._exit(1)


class Doomed:
    """A gateway on either back end, with WhatsApp behind it."""

    def __init__(self, folder: Path, store: Mapping[str, str], pool: ProcessPoolExecutor) -> None:
        self.folder = folder
        self.address: Address = ("127.0.0.1", _free_port())
        self._variables = {**_MODEST, **store, "PORT": str(self.address[1])}
        commands = ("web", "worker") if "REDIS_URL" in store else ("up",)
        self._processes = {command: Fork(command, folder, self._variables) for command in commands}
        self._pool = pool
        self.settings = Settings.from_environment(environment(self._variables))
        self.journal = folder / "whatsapp.jsonl"
        self.whatsapp = Sandbox(journal=self.journal)
        self.whatsapp.start()
        self.revived_at_ms: int | None = None
        self.left_in_hand: set[str] = set()  # the events that were being sent at a death

    def do(self, work: Callable[..., Any], *details: Any) -> Any:
        """Have something done in its database by a process of its own."""
        variables = environment(self._variables)
        return self._pool.submit(errands.errand, variables, work, details).result()

    def start(self, armed: Mapping[str, str]) -> None:
        """Start all processes; of `up`, `web` and `worker`, some are to die at a point."""
        for command, process in self._processes.items():
            process.start(armed.get(command, ""))
        self.wait_until(lambda: self.is_dead or self.is_ready)

    @property
    def is_dead(self) -> bool:
        """Whether a process has died."""
        return any(process.dead for process in self._processes.values())

    @property
    def is_ready(self) -> bool:
        """Whether webhooks are kept."""
        try:
            return ask(self.address, "GET", "/readyz").status == 200
        except (OSError, HTTPException):  # it may die while it answers
            return False

    def revive(self) -> None:
        """Start what has died, to live."""
        self.left_in_hand |= set(self.do(errands.being_sent))
        for process in self._processes.values():
            if process.dead:
                process.start("")
        self.wait_until(lambda: self.is_ready)
        self.revived_at_ms = clock.now_ms()

    def stop(self) -> None:
        """End everything where it stands."""
        for process in self._processes.values():
            process.kill()
        self.whatsapp.stop()

    def wait_until(self, ready: Callable[[], object], seconds: float = _PATIENCE_S) -> None:
        """Wait for something to become true; what the processes said is shown when it does not."""
        ends = clock.monotonic() + seconds
        while not ready():
            if clock.monotonic() > ends:
                raise ProgramError(self.said())
            clock.sleep(_LOOK_S)

    def said(self) -> str:
        """The end of what the processes printed."""
        logs = [process.log for process in self._processes.values()]
        return "\n".join(f"--- {log.name}\n{log.read_text()[-4000:]}" for log in logs)


def _free_port() -> int:
    # Below the ports that the system hands out: nobody else gets it while its process is dead.
    while True:
        port = 15_000 + int.from_bytes(os.urandom(2)) % 15_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
