"""Postgres, with a connection per thread."""

from collections.abc import Callable
from typing import Any, TypeVar

import peewee
import psycopg

from models.patience import patience_s
from models.unavailable import FAILURES, as_unavailable

R = TypeVar("R")

_CONNECT_TIMEOUT_S = 3
_UNHEARD_MS = 10_000  # after which the kernel takes a peer that acknowledges nothing for gone
_ATTEMPTS = 3
# A process that stands still in the middle of a transaction must not hold its locks for long. Said
# for each transaction, in the same round trip: behind a pool, a session is not ours alone.
_BEGIN = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'"


class _Unanswered(psycopg.OperationalError):
    """The server took the statement and said nothing for as long as anybody wanted to wait."""


class _Connection(psycopg.Connection[Any]):
    """A connection that is given up when the server has not answered in time."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server as psycopg does, but no longer than this thread is patient."""
        try:
            return super().wait(gen, interval, patience_s() if timeout is None else timeout)
        except psycopg.OperationalError as failure:
            if self.pgconn.transaction_status != psycopg.pq.TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()  # its answer may come yet, and would be taken for the next
            raise _Unanswered("no answer in time") from failure


class _Adapter(peewee.Psycopg3Adapter):
    """Has Peewee open such connections."""

    def connect(self, db: peewee.Database, **params: Any) -> _Connection:
        """Open one."""
        patience = patience_s() or _CONNECT_TIMEOUT_S
        params["connect_timeout"] = max(1, min(int(patience), _CONNECT_TIMEOUT_S))
        return _Connection.connect(db.database, **params)


class Postgres(peewee.PostgresqlDatabase):
    """A connection per thread, opened once and replaced when the server has dropped it."""

    psycopg3_adapter = _Adapter

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            prefer_psycopg3=True,
            tcp_user_timeout=_UNHEARD_MS,
            application_name="whatsapp-gateway",
        )

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run a statement; outside a transaction once more when the connection was a dead one.

        Raises:
            DatabaseUnavailable: outside a transaction; within one, the driver's error goes up.
        """
        if self.in_transaction():
            return super().execute_sql(sql, params)
        with as_unavailable():
            return self._on_a_live_connection(
                lambda: super(Postgres, self).execute_sql(sql, params)
            )

    def begin(self, isolation_level: str | None = None) -> None:  # noqa: ARG002 (there is one)
        """Begin a transaction, on a new connection when the old one is dead."""
        self._on_a_live_connection(lambda: super(Postgres, self).execute_sql(_BEGIN))

    def _on_a_live_connection(self, work: Callable[[], R]) -> R:
        was_open = not self.is_closed()
        try:
            return work()
        except FAILURES as failure:
            if not was_open or self.is_connection_usable() or _was_unanswered(failure):
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
            except FAILURES as failure:
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


def _was_unanswered(failure: Exception) -> bool:
    return isinstance(failure.__cause__ or failure.__context__, _Unanswered)


def _rolled_back(failure: Exception) -> bool:
    cause = failure.__cause__ or failure.__context__
    return getattr(cause, "sqlstate", None) in {"40001", "40P01"}
