"""All that the open database holds, as it stood at one moment, in a file that either kind takes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee

from core import clock
from core.errors import UsageError
from models import archive
from models.archive import FORMAT, Manifest, Row
from models.database import database, is_postgres
from models.migrate import applied
from models.tables import AT_LEISURE, quoted, tables
from models.unavailable import as_unavailable

_AT_ONCE = 200  # rows; a payload may have some hundred kilobytes


def back_up(path: Path) -> Manifest:
    """Write everything to a file; the gateway may go on meanwhile.

    The database may lack migrations of this code: a backup is wanted before they are applied.

    Raises:
        UsageError: the file cannot be written, or the database is no gateway's.
        DatabaseUnavailable: the database failed; there is no file.
    """
    made_at_ms = clock.now_ms()
    with archive.writing(path) as writer:
        with as_unavailable(), _snapshot():
            migrations = sorted(applied())
            if not migrations:
                raise UsageError("The database is empty: there is nothing to back up.")
            columns = tables()
            rows = {
                table: writer.add(table, kinds.values(), _rows(table, list(kinds)))
                for table, kinds in columns.items()
            }
        kind = "postgres" if is_postgres() else "sqlite"
        manifest = Manifest(FORMAT, made_at_ms, kind, migrations, columns, rows)
        writer.end(manifest)
    return manifest


@contextmanager
def _snapshot() -> Iterator[None]:
    with database.atomic():
        # A transaction of SQLite's reads as of its first statement in any case.
        if is_postgres():
            database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            database.execute_sql(AT_LEISURE)
        yield


def _rows(table: str, columns: list[str]) -> Iterator[Row]:
    select = f"SELECT {quoted(*columns)} FROM {quoted(table)}"  # noqa: S608 (the database's names)
    if not is_postgres():
        try:
            yield from database.execute_sql(select)
        except sqlite3.Error as failure:  # Peewee sees no further than to the first row
            raise peewee.DatabaseError(*failure.args) from failure
        return
    database.execute_sql(f"DECLARE reading NO SCROLL CURSOR FOR {select}")
    while rows := database.execute_sql(f"FETCH {_AT_ONCE} FROM reading").fetchall():
        yield from rows
    database.execute_sql("CLOSE reading")
