"""Where the truth is kept: one way to open it and one way to write, on Postgres and on SQLite.

Reads go over a connection of the calling thread. Writes are functions marked `@transaction`: on
Postgres they run in the calling thread; on SQLite one writer thread runs them, and gathers those
that wait into one commit (synchronous FULL makes the commit the dear part).
"""

import contextlib
import functools
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import peewee

from core import clock
from core.config import Settings
from core.errors import GatewayError

P = ParamSpec("P")
R = TypeVar("R")

database = peewee.DatabaseProxy()

_GATHER_AT_MOST = 64
_BUSY_TIMEOUT_MS = 10_000
_LOCK_LOOK_S = 0.003
_CONNECT_TIMEOUT_S = 5
_ATTEMPTS = 3


class DatabaseUnavailable(GatewayError):
    """The database could not be reached, or failed; nothing of the transaction was kept."""


# InternalError is what a server that has become a standby says of a write.
_FAILURES = (peewee.OperationalError, peewee.InterfaceError, peewee.InternalError)


@contextlib.contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except peewee.PeeweeException as failure:
        # A damaged file has no class of its own.
        if not isinstance(failure, _FAILURES) and type(failure) is not peewee.DatabaseError:
            raise
        # The driver's words may hold values; its code tells as much.
        driver = failure.__cause__ or failure.__context__
        code = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None)
        raise DatabaseUnavailable(f"the database failed ({code or 'no connection'})") from failure


class Postgres(peewee.PostgresqlDatabase):
    """A connection per thread, opened once and replaced when the server has dropped it."""

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run a statement; outside a transaction once more when the connection was a dead one.

        Raises:
            DatabaseUnavailable: outside a transaction; within one, the driver's error goes up.
        """
        if self.in_transaction():
            return super().execute_sql(sql, params)
        with _as_unavailable():
            return self._on_a_live_connection(
                lambda: super(Postgres, self).execute_sql(sql, params)
            )

    def begin(self, isolation_level: str | None = None) -> None:
        """Begin a transaction, on a new connection when the old one is dead."""
        self._on_a_live_connection(lambda: super(Postgres, self).begin(isolation_level))

    def _on_a_live_connection(self, work: Callable[[], R]) -> R:
        was_open = not self.is_closed()
        try:
            return work()
        except _FAILURES:
            if not was_open or self.is_connection_usable():
                raise
            self.close()
            return work()

    def transact(self, work: Callable[[], R]) -> R:
        """Run the work in a transaction of this thread; joins the one that is open."""
        if self.in_transaction():
            return work()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.atomic():
                    return work()
            except _FAILURES as failure:
                # A deadlock or a serialisation failure was rolled back whole: it may run again.
                if attempt == _ATTEMPTS or not _rolled_back(failure):
                    if not self.is_connection_usable():
                        self.close()
                    raise
        raise AssertionError("unreachable")

    def shut_down(self) -> None:
        """Close this thread's connection; other threads' go with them."""
        if not self.is_closed():
            self.close()


def _rolled_back(failure: Exception) -> bool:
    cause = failure.__cause__ or failure.__context__
    return getattr(cause, "sqlstate", None) in {"40001", "40P01"}


class _Job:
    __slots__ = ("outcome", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.outcome: Future[Any] = Future()


class Sqlite(peewee.SqliteDatabase):
    """WAL, synchronous FULL, and one thread that writes."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            str(path),
            pragmas={
                "journal_mode": "wal",
                "synchronous": "full",
                "foreign_keys": 1,
                "busy_timeout": _BUSY_TIMEOUT_MS,
                "wal_autocheckpoint": 1000,
                "journal_size_limit": 64 * 1024 * 1024,
            },
            timeout=_BUSY_TIMEOUT_MS / 1000,
        )
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="sqlite-writer", daemon=True)
        self._writer.start()

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run a statement.

        Raises:
            DatabaseUnavailable: outside a transaction; within one, the driver's error goes up.
        """
        if self.in_transaction():
            return super().execute_sql(sql, params)
        with _as_unavailable():
            return super().execute_sql(sql, params)

    def transact(self, work: Callable[[], R]) -> R:
        """Have the writer thread run the work, and wait for the commit."""
        if threading.current_thread() is self._writer:
            return work()
        if not self._writer.is_alive():
            raise DatabaseUnavailable("the database is closed")
        job = _Job(work)
        self._jobs.put(job)
        return cast("R", job.outcome.result())

    def begin(self, lock_type: str | None = None) -> None:
        """Begin a transaction, asking for the lock again every few milliseconds.

        SQLite's own waiting backs off to 100 ms a look, and so loses to a process that writes one
        transaction after the other: the command line would starve beside a busy `up`.
        """
        until = clock.monotonic() + _BUSY_TIMEOUT_MS / 1000
        self.connection().execute("PRAGMA busy_timeout = 0")
        while True:
            try:
                return super().begin(lock_type)
            except peewee.OperationalError as failure:
                if not _is_busy(failure) or clock.monotonic() >= until:
                    raise
                clock.sleep(_LOCK_LOOK_S)

    def rollback(self) -> None:
        """Roll back, unless SQLite has done so itself, as it does on a full disk."""
        if self.connection().in_transaction:
            super().rollback()

    def shut_down(self) -> None:
        """Let the writer finish what waits, and end it."""
        self._jobs.put(None)
        self._writer.join()
        if not self.is_closed():
            self.close()

    def _write(self) -> None:
        while True:
            jobs, last = self._gather()
            if jobs:
                self._commit(jobs)
            if last:
                self.close()
                return

    def _gather(self) -> tuple[list[_Job], bool]:
        job = self._jobs.get()
        jobs: list[_Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) == _GATHER_AT_MOST:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            with self.atomic("IMMEDIATE"):
                outcomes = [self._run(job, alone=len(jobs) == 1) for job in jobs]
        except BaseException as failure:  # noqa: BLE001 (every waiting thread must get its answer)
            outcomes = [(None, failure)] * len(jobs)
        for job, (value, failed) in zip(jobs, outcomes, strict=True):
            if failed is None:
                job.outcome.set_result(value)
            else:
                job.outcome.set_exception(failed)

    def _run(self, job: _Job, *, alone: bool) -> tuple[Any, BaseException | None]:
        if alone:
            return job.work(), None
        try:
            with self.savepoint():
                return job.work(), None
        except Exception as failure:
            if not self.connection().in_transaction:
                raise  # SQLite rolled back what the others did, too: they must all hear of it
            return None, failure


def _is_busy(failure: Exception) -> bool:
    driver = failure.__cause__ or failure.__context__
    return str(getattr(driver, "sqlite_errorname", "")).startswith("SQLITE_BUSY")


def open_database(settings: Settings) -> None:
    """Bind the models to the database that the settings name.

    Raises:
        DatabaseUnavailable: the data folder cannot be made.
    """
    if settings.database_url:
        database.initialize(
            Postgres(
                settings.database_url,
                prefer_psycopg3=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name="whatsapp-gateway",
            )
        )
        return
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as failure:
        raise DatabaseUnavailable(
            f"DATA_DIR is '{settings.data_dir}', and it cannot be made: {failure.strerror}"
        ) from None
    database.initialize(Sqlite(settings.data_dir / "gateway.sqlite3"))


def close_database() -> None:
    """End the writer and close this thread's connection."""
    if database.obj is not None:
        database.obj.shut_down()
        database.initialize(None)


def close_connection() -> None:
    """Close this thread's connection, if it has one: for a thread that is about to end."""
    if database.obj is not None and not database.is_closed():
        database.close()


def is_postgres() -> bool:
    """Whether the open database is Postgres."""
    return isinstance(database.obj, Postgres)


def transaction(work: Callable[P, R]) -> Callable[P, R]:
    """Make a function one transaction: all of it is kept, durably, or nothing.

    A call from within another such function joins that one's transaction. On Postgres the function
    may run more than once (deadlocks): it must touch nothing but the database.

    Raises:
        DatabaseUnavailable: the database could not be reached, or failed.
    """

    @functools.wraps(work)
    def in_transaction(*arguments: P.args, **named: P.kwargs) -> R:
        with _as_unavailable():
            return cast("R", database.obj.transact(functools.partial(work, *arguments, **named)))

    return in_transaction


def locked(query: Any, of: Any = None) -> Any:
    """Lock the rows that a SELECT finds (those of one model, in a join) until the transaction ends.

    SQLite knows no row locks and needs none: its one writer holds the whole file.
    """
    return query.for_update(of=of) if is_postgres() else query
