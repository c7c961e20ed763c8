"""The real program in processes of its own, as an operator runs it, with WhatsApp behind it."""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from app.sandbox import Number, Sandbox
from core import clock
from core.config import variables
from tests.clerk import Clerk
from tests.pbx import Pbx
from tests.program import Program, ProgramError
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.wire import Address, Answer

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = (sys.executable, "-P", "-m", "app")

_LISTENS = re.compile(
    r"(?:runs at http://127\.0\.0\.1:|listen(?:s|ing) on 127\.0\.0\.1 port )(\d+)"
)
_COMMAND_S = 60
_PATIENCE_S = 10.0
_serial = itertools.count(1)


class Served(Program):
    """One process of the gateway."""

    def __init__(
        self,
        command: str,
        folder: Path,
        environment: Mapping[str, str],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.log = folder / f"{command}.{next(_serial)}.log"
        super().__init__([*program, command], self.log, cwd=folder, env=environment)

    @property
    def port(self) -> int | None:
        """Where it listens, once it has said so."""
        found = _LISTENS.search(self.log.read_text())
        return int(found[1]) if found else None

    def stop(self) -> None:
        """Ask it to end, as a platform does; it must do so in time and say that all is well."""
        process = self._process
        self.end(signal.SIGTERM)
        status = None if process is None else process.returncode
        assert status in (None, 0), f"ended with {status}:\n{self.log.read_text()[-4000:]}"


class Gateway:
    """A running gateway, on either back end."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], commands: tuple[str, ...]
    ) -> None:
        self._folder = folder
        self._environment = environment(settings)
        self._commands = commands
        self._processes: list[Served] = []
        self.whatsapp = Sandbox()
        self.address: Address = ("127.0.0.1", 0)

    @classmethod
    def embedded(cls, folder: Path, **settings: str) -> Self:
        """`gateway up` on a fresh data folder."""
        return cls(folder, {"DATA_DIR": str(folder / "data")} | settings, ("up",))._begin()

    @classmethod
    def servers(cls, folder: Path, database_url: str, redis_url: str, **settings: str) -> Self:
        """`gateway migrate`, then `web` and `worker`, on Postgres and Redis."""
        urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        gateway = cls(folder, urls | settings, ("web", "worker"))
        gateway.command("migrate")
        return gateway._begin()

    def _begin(self) -> Self:
        self.whatsapp.start()
        self.start()
        self.clerk = Clerk(self._environment, self._folder)
        return self

    def start(self) -> None:
        """Start every process, and wait until webhooks are kept; the address stays the same."""
        self._environment["PORT"] = str(self.address[1])
        self._processes = [
            Served(command, self._folder, self._environment) for command in self._commands
        ]
        door, *others = self._processes
        for process in others:
            process.start(lambda: True)
        door.start(lambda: door.port is not None)
        self.address = ("127.0.0.1", door.port or 0)
        self.wait_until(lambda: self.get("/readyz").status == 200)

    def another_door(self) -> Address:
        """Start one more web process beside the first; it ends with the gateway."""
        door = Served("web", self._folder, self._environment | {"PORT": "0"})
        door.start(lambda: door.port is not None)
        self._processes.append(door)
        return "127.0.0.1", door.port or 0

    def stop(self) -> None:
        """Stop everything in order; each process must end well."""
        for process in self._processes:
            process.stop()
        self.clerk.stop()
        self.whatsapp.stop()

    def restart(self) -> None:
        """Stop the gateway's processes in order, each ending well, and start them again."""
        for process in self._processes:
            process.stop()
        self.start()

    def kill(self) -> None:
        """End the gateway's processes as a crash would; `start` brings them back."""
        for process in self._processes:
            process.kill()

    def get(self, path: str) -> Answer:
        """Ask for a page of the gateway's own."""
        return ask(self.address, "GET", path)

    def command(self, *arguments: str) -> Any:
        """What the command line answers with --json, beside the running gateway."""
        done = subprocess.run(
            [*PROGRAM, *arguments, "--json"],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def pbx(self, *customers: str, **settings: Any) -> Pbx:
        """A 3CX system with an account, an instance and an integration of its own.

        Args:
            customers: E.164; they have just written. Without any, there is one.
            settings: columns of the integration; `account` and `instance` are dicts of theirs.
        """
        customers = customers or (f"+9665{next(_serial):08}",)
        number_id = str(10**14 + secrets.randbelow(10**14))
        made = self.clerk.do(
            "site",
            customers=list(customers),
            account=settings.pop("account", {}),
            instance={"phone_number_id": number_id, "base_url": self.whatsapp.base_url}
            | settings.pop("instance", {}),
            integration={"default_region": "SA"} | settings,
        )
        url = f"http://127.0.0.1:{self.address[1]}/webhooks/whatsapp/{made['instance_id']}"
        self.whatsapp.register(Number(number_id, "+966110000000", "test-key", "test-key", url))
        for each in customers:
            self.whatsapp.phones.opened_window(each.lstrip("+"), number_id, clock.now_ms())
        signs = settings.get("auth_mode") == "secret_and_signature"
        return Pbx(self, number_id, customers[0], signs=signs, **made)

    def wait_until(self, ready: Callable[[], object], seconds: float = _PATIENCE_S) -> None:
        """Wait for something to become true; what the processes said is shown when it does not."""
        ends = clock.monotonic() + seconds
        while not ready():
            if clock.monotonic() > ends:
                raise ProgramError(self.said())
            clock.sleep(0.01)

    def said(self) -> str:
        """The end of what the processes printed."""
        tails = (f"--- {each.log.name}\n{each.log.read_text()[-4000:]}" for each in self._processes)
        return "\n".join(tails)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a gateway's process: these settings, and none that we run under."""
    ours = {name for name, *_ in variables()} | {"PYTHONPATH"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    own = {"HOST": "127.0.0.1", "PORT": "0", "PYTHONPATH": str(ROOT)}
    return inherited | own | dict(settings)
