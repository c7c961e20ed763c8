"""Where doomed gateways live: each with a store of its own, copied from one that is migrated."""

from __future__ import annotations

import queue
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from core.config import Settings
from tests.chaos import history
from tests.crash import errands
from tests.crash.doomed import Doomed
from tests.gateway import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import ProcessPoolExecutor
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.servers import PostgresAt, Redis

AT_ONCE = 16  # Redis has as many databases


class Lab:
    """Makes gateways on one back end."""

    def __init__(self, folder: Path, pool: ProcessPoolExecutor) -> None:
        self.folder = folder
        self._pool = pool

    @contextmanager
    def gateway(self) -> Iterator[Doomed]:
        """A gateway that has not been started."""
        folder = self.folder / secrets.token_hex(6)
        folder.mkdir()
        with self.store(folder) as store:
            spool = {"SPOOL_DIR": str(folder / "spool")}
            gateway = Doomed(folder, store | spool, self._pool)
            try:
                yield gateway
            finally:
                gateway.stop()

    def store(self, folder: Path) -> AbstractContextManager[dict[str, str]]:
        """The settings of a store, which exists for so long."""
        raise NotImplementedError


class Embedded(Lab):
    """`up`, on SQLite."""

    def __init__(self, folder: Path, pool: ProcessPoolExecutor) -> None:
        super().__init__(folder, pool)
        self._used = folder / "used"
        # One that has run: what its first start does by itself is no part of any story.
        first = Doomed(folder, {"DATA_DIR": str(self._used)}, pool)
        try:
            first.start({})
            first.wait_until(lambda: "Send the first message" in first.said())
            history.install(first.settings)
        finally:
            first.stop()

    @contextmanager
    def store(self, folder: Path) -> Iterator[dict[str, str]]:
        """A data folder."""
        yield {"DATA_DIR": str(shutil.copytree(self._used, folder / "data"))}


class Servers(Lab):
    """`web` and `worker`, on Postgres and Redis."""

    def __init__(
        self, folder: Path, pool: ProcessPoolExecutor, postgres: PostgresAt, cache: Redis
    ) -> None:
        super().__init__(folder, pool)
        self._postgres = postgres
        self._free: queue.SimpleQueue[str] = queue.SimpleQueue()
        for number in range(AT_ONCE):
            self._free.put(cache.url(number))
        self._template = f"gateway_crash_{secrets.token_hex(6)}"
        variables = environment({"DATABASE_URL": postgres.create_database(self._template)})
        pool.submit(errands.errand, variables, errands.kept, ()).result()
        history.install(Settings.from_environment(variables))

    @contextmanager
    def store(self, folder: Path) -> Iterator[dict[str, str]]:
        """A database and a Redis database."""
        name, cache = f"{self._template}_{folder.name}", self._free.get()
        with psycopg.connect(self._postgres.url, autocommit=True) as server:
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            server.execute(copy.format(sql.Identifier(name), sql.Identifier(self._template)))
        url = urlunsplit(urlsplit(self._postgres.url)._replace(path=f"/{name}"))
        try:
            yield {"DATABASE_URL": url, "REDIS_URL": cache}
        finally:
            self._postgres.drop_database(name)
            with redis.Redis.from_url(cache) as client:
                client.flushdb()
            self._free.put(cache)
