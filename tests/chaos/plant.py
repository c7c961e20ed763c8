"""The gateway as a platform runs it: its processes, its servers, and the network between them."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from app.sandbox import Number, Sandbox
from app.spool import Spool
from core import clock
from core.config import Settings
from core.crypto import generate_keys
from tests.chaos.program import CLOCK, TRUNKS, Hands
from tests.chaos.proxy import Proxy
from tests.chaos.sites import KEY
from tests.chaos.trunks import Trunks
from tests.chaos.unit import Unit
from tests.gateway import environment
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
_COMMANDS = {EMBEDDED: ("up",), SERVERS: ("web", "web", "worker", "worker")}
_LOOK_EVERY_S = 0.1
_START_S = 30.0


class Plant:
    """Everything that a fault can strike, with WhatsApp and the 3CX systems beyond it.

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
        """Start WhatsApp, 3CX and the servers; the gateway itself waits for `start`."""
        self.whatsapp.start()
        self._stack.callback(self.whatsapp.stop)
        self.trunks = Trunks(self.folder / "trunks.jsonl")
        self._variables[TRUNKS] = str(self.trunks.port)
        self.trunks.start()
        self._stack.callback(self.trunks.stop)
        if self.back_end == SERVERS:
            self._start_servers()
        self._stack.callback(self._kill)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _kill(self) -> None:
        self._stop_tending()
        for unit in self.units:
            unit.kill()

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
        self._stop_tending()
        for unit in self.units:
            unit.end(signal.SIGTERM)

    def _stop_tending(self) -> None:
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
