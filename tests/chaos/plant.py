"""The gateway as a platform runs it: its processes, its servers, and the network between them."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from app.sandbox import Number, Sandbox
from app.spool import Spool
from core import clock
from core.config import Settings
from core.crypto import generate_keys
from tests.chaos.program import CLOCK, Hands
from tests.chaos.proxy import Proxy
from tests.chaos.sites import KEY
from tests.gateway import Served, environment
from tests.servers import Postgres, Redis

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from tests.chaos.disk import Disk
    from tests.chaos.sites import Site
    from tests.wire import Address

EMBEDDED, SERVERS = "embedded", "servers"
BACK_ENDS = (SERVERS, EMBEDDED)
PROGRAM = (sys.executable, "-P", "-m", "tests.chaos.program")
_COMMANDS = {EMBEDDED: ("up",), SERVERS: ("web", "web", "worker", "worker")}
_LOOK_EVERY_S, _PAUSE_S, _SHORT_LIFE_S = 0.1, 1.0, 3.0
_START_S = 30.0


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


class Plant:
    """Everything that a fault can strike, and WhatsApp beyond it.

    The gateway reaches Postgres and Redis over `database_way` and `redis_way`; whoever looks on
    uses `settings`, which go there directly.
    """

    def __init__(self, folder: Path, back_end: str, disk: Disk | None) -> None:
        self.folder = folder
        self.back_end = back_end
        self.disk = disk
        self.whatsapp = Sandbox(journal=folder / "whatsapp.jsonl")
        self.hands = Hands(folder / "clock")
        self.postgres: Postgres | None = None
        self.redis: Redis | None = None
        self.database_way: Proxy | None = None
        self.redis_way: Proxy | None = None
        self._stack = ExitStack()
        encryption_key, hash_key = generate_keys()
        self._variables = {
            "ENVIRONMENT": "production",
            "ENCRYPTION_KEYS": encryption_key,
            "HASH_KEY": hash_key,
            "DATA_DIR": str((disk.path if disk else folder) / "data"),
            "SPOOL_DIR": str(folder / "spool"),
            "FAILURES_BEFORE_SLOWDOWN": "100000",
            "LOG_LEVEL": "WARNING",
            "GRACE_S": "5",
            CLOCK: str(self.hands.file),
        }
        self._direct: dict[str, str] = {}
        self.units: list[Unit] = []
        self._tending = threading.Thread(target=self._tend, name="platform", daemon=True)
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        """Start WhatsApp and the servers; the gateway itself waits for `start`."""
        self._stack.callback(self._stop_all)
        self.whatsapp.start()
        if self.back_end == SERVERS:
            self._start_servers()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stop_all(self) -> None:
        self.stop_tending()
        for unit in self.units:
            unit.kill()
        self.whatsapp.stop()

    def _start_servers(self) -> None:
        self.postgres = Postgres.start(self.folder, under=self.disk.path if self.disk else None)
        self._stack.callback(self.postgres.stop)
        self.redis = Redis.start(self.folder, durable=True)
        self._stack.callback(self.redis.stop)
        self._direct = {
            "DATABASE_URL": self.postgres.create_database("gateway"),
            "REDIS_URL": self.redis.url(7),
        }
        ways = {name: Proxy(urlsplit(url).port or 0) for name, url in self._direct.items()}
        for name, way in ways.items():
            self._stack.callback(way.close)
            self._variables[name] = _by_way_of(way, self._direct[name])
        self.database_way, self.redis_way = ways["DATABASE_URL"], ways["REDIS_URL"]

    @property
    def settings(self) -> Settings:
        """For whoever looks on: the same database, reached directly."""
        return Settings.from_environment(self.environment)

    @property
    def environment(self) -> Mapping[str, str]:
        """For the command line beside the gateway: the same database, reached directly."""
        return environment(self._variables | self._direct)

    @property
    def doors(self) -> list[Address]:
        """Where webhooks are taken."""
        return [("127.0.0.1", unit.port) for unit in self.units if unit.port]

    def connect(self, sites: list[Site]) -> None:
        """Let WhatsApp know the numbers of these sites and the people who have just written."""
        for place, site in enumerate(sites):
            _, port = self.doors[place % len(self.doors)]
            url = f"http://127.0.0.1:{port}/webhooks/whatsapp/{site.instance_id}"
            display = f"+96611{place:07}"
            self.whatsapp.register(Number(site.phone_number_id, display, KEY, KEY, url))
            for each in sorted(set(site.customers) - site.closed):
                customer = each.lstrip("+")
                self.whatsapp.phones.opened_window(customer, site.phone_number_id, clock.now_ms())

    def start(self) -> None:
        """Start the gateway, and tend it from now on."""
        for command in _COMMANDS[self.back_end]:
            unit = Unit(command, self.folder, environment(self._variables))
            self.units.append(unit)
            unit.tend()
        until = clock.monotonic() + _START_S
        while not all(unit.listens() for unit in self.units if unit.command != "worker"):
            if clock.monotonic() > until:
                raise TimeoutError(f"the gateway does not start; its words are in {self.folder}")
            clock.sleep(0.05)
        self._tending.start()

    def of(self, command: str) -> list[Unit]:
        """The processes that run this command."""
        return [unit for unit in self.units if unit.command == command]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is in the spool, and WhatsApp has no status to report any more."""
        return Spool(self.folder / "spool", 0).empty and not self.whatsapp.phones.unreported()

    def stop(self) -> None:
        """Stop the gateway in order."""
        self.stop_tending()
        for unit in self.units:
            unit.end(signal.SIGTERM)

    def stop_tending(self) -> None:
        """Let what ends stay ended."""
        self._closing.set()
        if self._tending.ident is not None:
            self._tending.join()

    def _tend(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            for unit in self.units:
                unit.tend()


def _by_way_of(way: Proxy, url: str) -> str:
    parts = urlsplit(url)
    userinfo, _, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{userinfo}@127.0.0.1:{way.port}"))
