"""The history of a run: what callers, the gateway's database and WhatsApp each saw, line by line.

Triggers append every change that matters to a table `history`, in the transaction of the change:
what is committed is in the history, what was rolled back is not. Row numbers order like commits
wherever it counts. A number is drawn when the trigger fires, so after the change has its locks, and
before they are let go at the commit: changes of one row are numbered in the order of their commits,
and so is everything that happens under the lock of one account, which the move to `sending`, the
end of a request, opt-outs, pauses and limits take first (workers/sending.py, models/suppression.py,
models/provisioning.py). SQLite has one writer, and there all of it is so ordered. The checker can
therefore compare commits exactly, without a clock.

`at_ms` of a row is the database's own clock: it does not jump when the gateway's does.
"""

from __future__ import annotations

import heapq
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import psycopg

from core import clock
from tests.chaos.triggers import WATCHED, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from core.config import Settings

    Line = dict[str, Any]

_TRIES = 5
_AT_ONCE = 5_000

_STANDING = {
    "standing": ("event", "event_id"),
    "standing_news": ("forward", "forward_id"),
}


class Record:
    """Lines that whoever runs the load writes down; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("ab", buffering=0)

    def write(self, kind: str, **fields: Any) -> None:
        """Append a line, in one write; `at_ms` is now unless it is given."""
        line = {"kind": kind, "at_ms": clock.now_ms()} | fields
        with self._lock:
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def posted(
        self,
        asked_ms: int,
        status: int,
        told: Mapping[str, Any],
        payload: Mapping[str, Any],
        *,
        key: str | None,
        integration_id: str,
        instance_id: str,
    ) -> None:
        """A caller has posted a webhook, just now.

        Args:
            asked_ms: when the request went out, in epoch milliseconds.
            status: of the answer; 0 when there was none.
            told: the answer's document.
            payload: what was posted.
            key: its Idempotency-Key.
            integration_id: to which it was posted.
            instance_id: whose number is to send it.
        """
        self.write(
            "posted",
            at_ms=asked_ms,
            answered_at_ms=clock.now_ms() if status else None,
            status=status,
            event_id=told.get("event_id"),
            duplicate=told.get("duplicate", False),
            key=key,
            integration_id=integration_id,
            instance_id=instance_id,
            customer=payload.get("to"),
            text=payload.get("message_text"),
            event_type=payload["event_type"],
        )

    def wrote(
        self,
        asked_ms: int,
        status: int,
        *,
        instance_id: str,
        customer: str,
        message_id: str,
        opt_out: bool,
        text: str | None = None,
    ) -> None:
        """A customer wrote, and Meta has just told of it.

        Args:
            asked_ms: when the request went out, in epoch milliseconds.
            status: of the answer; 0 when there was none.
            instance_id: the number that they wrote to.
            customer: who.
            message_id: the same for every time that Meta tells of it.
            opt_out: whether they want no more messages.
            text: what they wrote, if nobody else writes the same.
        """
        self.write(
            "wrote",
            at_ms=asked_ms,
            answered_at_ms=clock.now_ms() if status else None,
            status=status,
            instance_id=instance_id,
            customer=customer,
            opt_out=opt_out,
            message_id=message_id,
            text=text,
        )

    def close(self) -> None:
        """No more lines."""
        self._file.close()


def install(settings: Settings) -> None:
    """Have the migrated database write its history from now on; what is there comes first.

    May run beside a live gateway, and again: a history that is there goes on.
    """
    for left in reversed(range(_TRIES)):
        try:
            _install(settings)
        except psycopg.errors.DeadlockDetected:
            if not left:
                raise
        else:
            return


def _install(settings: Settings) -> None:
    with _opened(settings) as (connection, dialect):
        if dialect == "postgres":
            there = _tables(connection, dialect)
            tables = ", ".join(sorted({each.table for each in WATCHED} & there))
            connection.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
            known = "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'history'"
        else:
            connection.execute("BEGIN IMMEDIATE")
            known = "SELECT 1 FROM sqlite_master WHERE name = 'history'"
        if connection.execute(known).fetchone() is None:
            for statement in statements(dialect, _tables(connection, dialect)):
                connection.execute(statement)
        connection.commit()


def collect(
    caller_file: Path,
    whatsapp_journal: Path,
    settings: Settings,
    out: Path,
    trunk_journal: Path | None = None,
) -> None:
    """Merge what callers, WhatsApp, 3CX and the database saw into one file of JSON lines.

    Lines stand by their `at_ms`, but those of one source stay in their own order: it says more than
    the clock. The last lines, of kind `standing` and `standing_news`, are the events and the news
    that have not ended.
    """
    with _opened(settings) as (connection, dialect), out.open("wb") as file:
        begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        connection.execute(begin if dialect == "postgres" else "BEGIN")
        sources = [_lines(caller_file), _receipts(whatsapp_journal), _rows(connection, dialect)]
        if trunk_journal is not None:
            sources.append(_lines(trunk_journal))
        for line in heapq.merge(*sources, key=lambda line: line["at_ms"]):
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        for line in _standing(connection, _tables(connection, dialect)):
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        connection.rollback()


def _lines(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):  # a writer that was killed leaves half a line, at the end
                yield orjson.loads(raw)


def _receipts(journal: Path) -> Iterator[Line]:
    kept = ("at_ms", "message_id", "customer", "phone_number_id", "text", "fails")
    for entry in _lines(journal):
        if entry["kind"] == "message":
            correlation = entry["biz_opaque_callback_data"]
            line = {"kind": "received", "correlation": correlation}
            yield line | {name: entry[name] for name in kept}


def _rows(connection: Any, dialect: str) -> Iterator[Line]:
    query = "SELECT n, at_ms, tx, kind, fields FROM history ORDER BY n"
    # Named, so that the server keeps the rows and we hold some at a time.
    named = {"name": "history"} if dialect == "postgres" else {}
    with closing(connection.cursor(**named)) as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_AT_ONCE):
            for n, at_ms, tx, kind, fields in rows:
                yield {"kind": kind, "at_ms": at_ms, "n": n, "tx": tx} | orjson.loads(fields)


def _standing(connection: Any, there: set[str]) -> Iterator[Line]:
    now = clock.now_ms()
    for kind, (table, name) in _STANDING.items():
        if table not in there:
            continue
        rows = connection.execute(
            f"SELECT id, state, waiting_for, due_at_ms FROM {table} "  # noqa: S608 - our own words
            "WHERE finished_at_ms IS NULL ORDER BY seq"
        )
        for row_id, state, waiting_for, due_at_ms in rows:
            line = {"kind": kind, "at_ms": now, name: row_id, "state": state}
            yield line | {"waiting_for": waiting_for, "due_at_ms": due_at_ms}


def _tables(connection: Any, dialect: str) -> set[str]:
    """The tables that there are: a database of the version before has fewer."""
    names = {
        "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    }
    return {name for (name,) in connection.execute(names[dialect])}


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Any, str]]:
    if settings.database_url:
        with psycopg.connect(settings.database_url, connect_timeout=10) as server:
            yield server, "postgres"
        return
    path = settings.data_dir / "gateway.sqlite3"
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as file:
        yield file, "sqlite"
