"""SQLite, with one thread that writes and gathers what waits into one commit."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import peewee

from core import clock
from models.patience import patience_s
from models.unavailable import DatabaseUnavailable, as_unavailable

R = TypeVar("R")

_GATHER_AT_MOST = 64
_BUSY_TIMEOUT_MS = 10_000
_LOCK_LOOK_S = 0.003


class _Job:
    __slots__ = ("_asked", "outcome", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.outcome: Future[Any] = Future()
        self._asked: bool | None = None

    def is_wanted(self) -> bool:
        """Whether somebody still waits for it; from now on nobody can give it up."""
        if self._asked is None:
            self._asked = self.outcome.set_running_or_notify_cancel()
        return self._asked


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
        with as_unavailable():
            return super().execute_sql(sql, params)

    def transact(self, work: Callable[[], R]) -> R:
        """Have the writer thread run the work, and wait for the commit."""
        if threading.current_thread() is self._writer:
            return work()
        if not self._writer.is_alive():
            raise DatabaseUnavailable("the database is closed")
        job = _Job(work)
        self._jobs.put(job)
        with suppress(TimeoutError):
            return cast("R", job.outcome.result(patience_s()))
        # One that has not begun never will; one in hand ends soon.
        with suppress(TimeoutError):
            if not job.outcome.cancel():
                return cast("R", job.outcome.result(patience_s()))
        raise DatabaseUnavailable("the database failed (no answer in time)")

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
            if not job.is_wanted():
                continue
            if failed is None:
                job.outcome.set_result(value)
            else:
                job.outcome.set_exception(failed)

    def _run(self, job: _Job, *, alone: bool) -> tuple[Any, BaseException | None]:
        if not job.is_wanted():
            return None, None
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
