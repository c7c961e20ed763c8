"""Both back ends, in this process: SQLite with the broker in memory, Postgres with Redis."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from psycopg import sql

import models
from core import clock
from core.config import Settings
from core.crypto import Vault, generate_keys
from models.base import use_vault, vault
from models.database import close_connection, database, transaction
from workers import broker as brokers
from workers import inbound, outbound  # noqa: F401 - declares the actors
from workers.crew import Crew
from workers.stage import Seats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dramatiq.broker import Broker

    from tests.servers import PostgresAt, RedisAt

T = TypeVar("T")

ENCRYPTION_KEY, HASH_KEY = generate_keys()
_KEYS = {"ENCRYPTION_KEYS": ENCRYPTION_KEY, "HASH_KEY": HASH_KEY}
_SEATS = Seats.per_account
# Who refers to somebody comes before whom.
_YOUNGEST_FIRST = """
    SELECT relname::text FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY oid DESC
"""
_REDIS_DB = 1  # the gateways that other tests run have the first


def settings(**variables: str) -> Settings:
    """Settings as the environment would give them, with the keys of all tests."""
    return Settings.from_environment({"SWEEP_INTERVAL_MS": "100"} | _KEYS | variables)


@dataclass(frozen=True)
class Store:
    """An open database, migrated and empty at the start of a test."""

    settings: Settings

    @property
    def _file(self) -> Path:
        return self.settings.data_dir / "gateway.sqlite3"

    def everything(self) -> bytes:
        """All that is in the database, in clear bytes as they lie there."""
        kept = bytearray()
        for rows in self._tables().values():
            for row in rows:
                for value in row:
                    kept += bytes(value) if isinstance(value, bytes) else str(value).encode()
                    kept += b"\n"
        return bytes(kept)

    @contextmanager
    def away(self) -> Iterator[None]:
        """The database takes nothing for a while."""
        if not self.settings.database_url:
            _be_patient(50)
            with closing(sqlite3.connect(self._file, isolation_level=None)) as somebody:
                somebody.execute("BEGIN EXCLUSIVE")
                yield
            _be_patient(10_000)
            return
        close_connection()
        _let_in(self.settings.database_url, enter=False)
        yield
        _let_in(self.settings.database_url, enter=True)

    def _tables(self) -> dict[str, list[tuple[Any, ...]]]:
        if self.settings.database_url:
            with psycopg.connect(self.settings.database_url) as connection:
                names = _tables_of(connection)
                query = sql.SQL("SELECT * FROM {}")
                return {
                    name: connection.execute(query.format(sql.Identifier(name))).fetchall()
                    for name in names
                }
        with closing(sqlite3.connect(self._file)) as file:
            listed = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {
                name: file.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - our names
                for (name,) in listed
            }


@transaction
def _be_patient(busy_timeout_ms: int) -> None:
    database.execute_sql(f"PRAGMA busy_timeout = {busy_timeout_ms}")


def _let_in(url: str, *, enter: bool) -> None:
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as server:
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        server.execute(statement.format(sql.Identifier(name), sql.Literal(enter)))
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        server.execute(end, (name,))


def _tables_of(connection: psycopg.Connection[Any]) -> list[str]:
    listed = connection.execute(_YOUNGEST_FIRST)
    return [name for (name,) in listed.fetchall()]


@dataclass(frozen=True)
class Opened:
    """A migrated Postgres that stays open between tests, for opening takes longer than most."""

    settings: Settings
    opened: Any
    vault: Vault

    def bind(self) -> None:
        """Let the models use it, emptied."""
        database.initialize(self.opened)
        use_vault(self.vault)
        tables = [name for (name,) in self.opened.execute_sql(_YOUNGEST_FIRST).fetchall()]
        statements = ["SET lock_timeout = '10s'"]
        statements += [f"DELETE FROM {name}" for name in tables if name != "schema_migration"]  # noqa: S608 - our names
        statements += ["INSERT INTO revision (id, number) VALUES (1, 1)", "RESET lock_timeout"]
        self.opened.execute_sql(";".join(statements))

    @staticmethod
    def release() -> None:
        """Let the models use another."""
        database.initialize(None)
        use_vault(None)


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresAt, redis_server: RedisAt) -> Iterator[Opened]:
    """A database that this run's in-process tests share, one after the other."""
    name = f"gateway_{secrets.token_hex(6)}"
    url = postgres_server.create_database(name)
    servers = settings(DATABASE_URL=url, REDIS_URL=redis_server.url(_REDIS_DB))
    models.start(servers, migrating=True)
    kept = Opened(servers, database.obj, vault())
    kept.release()
    yield kept
    kept.opened.shut_down()
    postgres_server.drop_database(name)


@pytest.fixture
def store(back_end: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database, open, on each back end."""
    if back_end == "servers":
        kept: Opened = request.getfixturevalue("migrated_postgres")
        kept.bind()
        yield Store(kept.settings)
        kept.release()
    else:
        embedded = settings(DATA_DIR=str(tmp_path / "data"))
        models.start(embedded, migrating=True)
        yield Store(embedded)
        models.stop()
    clock.reset()
    Seats.per_account = _SEATS


@pytest.fixture
def broker(store: Store) -> Iterator[Broker]:
    """An empty queue that nobody works on yet, on each back end."""
    with connected(store.settings) as opened:
        yield opened


@contextmanager
def connected(settings: Settings) -> Iterator[Broker]:
    """All actors bound to the queue of these settings, which is empty."""
    Seats.per_account = settings.account_seats
    opened = brokers.connect(settings, working=True)
    client = opened.client if isinstance(opened, brokers.WakeUpBroker) else None
    if client is not None:
        with suppress(redis.RedisError):
            client.flushdb()
    yield opened
    if client is not None:
        client.close()


def in_redis(url: str) -> bytes:
    """Every key and every value of a Redis database."""
    with redis.Redis.from_url(url) as client:
        kept = bytearray()
        for key in client.scan_iter():
            kept += key + b"\n" + _value(client, key) + b"\n"
        return bytes(kept)


def _value(client: redis.Redis, key: bytes) -> bytes:
    read: dict[Any, Callable[[], Any]] = {
        b"string": lambda: [client.get(key)],
        b"list": lambda: client.lrange(key, 0, -1),
        b"hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        b"zset": lambda: client.zrange(key, 0, -1),
        b"set": lambda: list(client.smembers(key)),
    }
    values = read[client.type(key)]()
    # A pipeline's messages hold what they are to do next in base64, if at all.
    return b"\n".join(values) + b"\n".join(map(_unpacked, values))


def _unpacked(value: bytes) -> bytes:
    with suppress(ValueError):
        return base64.b64decode(value, validate=True)
    return b""


@contextmanager
def working(settings: Settings, broker: Broker, **changes: Any) -> Iterator[Crew]:
    """Real workers and the sweep at their work, drained at the end."""
    crew = Crew.start(replace(settings, **changes), broker, frozenset(brokers.QUEUES))
    try:
        yield crew
    finally:
        crew.stop()


def until(ready: Callable[[], bool], within_s: float = 10) -> None:
    """Wait for what others bring about."""
    ends = clock.monotonic() + within_s
    while not ready():
        assert clock.monotonic() < ends, "what was waited for did not come"
        clock.sleep(0.01)


def together(count: int, work: Callable[[int], T]) -> list[T]:
    """Do something in so many threads at the same moment; the results, in the threads' order."""
    begin = threading.Barrier(count)
    results: dict[int, T] = {}
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            begin.wait(10)
            results[number] = work(number)
        except BaseException as failure:  # noqa: BLE001 - it is raised where the test sees it
            failures.append(failure)
        finally:
            close_connection()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
    return [results[number] for number in range(count)]


def asked_by(work: Callable[[], object]) -> list[tuple[str, Any]]:
    """What is asked of the database meanwhile, statement by statement."""
    statements: list[tuple[str, Any]] = []
    execute = database.obj.execute_sql

    def note(sql: str, params: Any = None) -> Any:
        statements.append((sql, params))
        return execute(sql, params)

    database.obj.execute_sql = note
    try:
        work()
    finally:
        del database.obj.execute_sql
    return statements
