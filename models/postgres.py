"""Postgres, with a connection per thread."""

from collections.abc import Callable
from typing import Any, TypeVar

import peewee

from models.unavailable import FAILURES, as_unavailable

R = TypeVar("R")

_CONNECT_TIMEOUT_S = 5
_ATTEMPTS = 3


class Postgres(peewee.PostgresqlDatabase):
    """A connection per thread, opened once and replaced when the server has dropped it."""

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            prefer_psycopg3=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
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

    def begin(self, isolation_level: str | None = None) -> None:
        """Begin a transaction, on a new connection when the old one is dead."""
        self._on_a_live_connection(lambda: super(Postgres, self).begin(isolation_level))

    def _on_a_live_connection(self, work: Callable[[], R]) -> R:
        was_open = not self.is_closed()
        try:
            return work()
        except FAILURES:
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


def _rolled_back(failure: Exception) -> bool:
    cause = failure.__cause__ or failure.__context__
    return getattr(cause, "sqlstate", None) in {"40001", "40P01"}
