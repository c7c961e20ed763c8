"""Where the truth is kept: one way to open it and one way to write, on Postgres and on SQLite.

Reads go over a connection of the calling thread. Writes are functions marked `@transaction`: on
Postgres they run in the calling thread; on SQLite one writer thread runs them, and gathers those
that wait into one commit (synchronous FULL makes the commit the dear part).
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import peewee

from core import crash
from core.config import Settings
from core.errors import UsageError
from models.postgres import Postgres
from models.sqlite import Sqlite
from models.unavailable import DatabaseUnavailable, as_unavailable

P = ParamSpec("P")
R = TypeVar("R")

database = peewee.DatabaseProxy()


def open_database(settings: Settings) -> None:
    """Bind the models to the database that the settings name.

    Raises:
        DatabaseUnavailable: the data folder cannot be made.
    """
    if settings.database_url:
        database.initialize(Postgres(settings.database_url))
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


def check_durable() -> None:
    """See that what is committed is on disk: it is answered as kept.

    Raises:
        UsageError: Postgres answers a commit before it is (SQLite we set up ourselves).
    """
    if is_postgres():
        (setting,) = database.execute_sql("SHOW synchronous_commit").fetchone()
        if setting == "off":
            raise UsageError(
                "synchronous_commit is off for this role or database, so that a crash loses what "
                "was answered as kept. Turn it on: ALTER ROLE … SET synchronous_commit = on"
            )


def transaction(work: Callable[P, R]) -> Callable[P, R]:
    """Make a function one transaction: all of it is kept, durably, or nothing.

    A call from within another such function joins that one's transaction. On Postgres the function
    may run more than once (deadlocks): it must touch nothing but the database.

    Raises:
        DatabaseUnavailable: the database could not be reached, or failed.
    """

    @functools.wraps(work)
    def in_transaction(*arguments: P.args, **named: P.kwargs) -> R:
        with as_unavailable():
            if database.obj.in_transaction():
                return work(*arguments, **named)
            kept = database.obj.transact(functools.partial(to_the_end, *arguments, **named))
        crash.point("after commit", work.__qualname__)
        return cast("R", kept)

    def to_the_end(*arguments: P.args, **named: P.kwargs) -> R:
        outcome = work(*arguments, **named)
        crash.point("before commit", work.__qualname__)
        return outcome

    return in_transaction


def locked(query: Any, of: Any = None) -> Any:
    """Lock the rows that a SELECT finds (those of one model, in a join) until the transaction ends.

    SQLite knows no row locks and needs none: its one writer holds the whole file.
    """
    return query.for_update(of=of) if is_postgres() else query
