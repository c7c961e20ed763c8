"""Bringing the database to the form that this code needs, once, however many start at a time."""

from pathlib import Path

from core.errors import GatewayError
from models.database import database, is_postgres, transaction

_DIRECTORY = Path(__file__).parent / "migrations"
_LOCK = 3_219_045_771  # any number, as long as it stays the same


class NotMigrated(GatewayError):
    """The database lacks migrations that this code needs; further ones do no harm."""


@transaction
def migrate() -> list[str]:
    """Apply all pending migrations, all or none; a second caller waits for the first.

    Returns:
        The names of those that were applied.
    """
    from playhouse.migrations import Runner

    if is_postgres():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    applied: list[str] = Runner(database, str(_DIRECTORY)).up()
    return applied


def check_migrated() -> None:
    """Compare the database with the code.

    Raises:
        NotMigrated: the words say which migrations are missing, and what to do.
    """
    missing = sorted(_known() - _applied())
    if missing:
        raise NotMigrated(
            f"The database lacks {len(missing)} migration(s), the first is {missing[0]}. "
            "Run: gateway migrate"
        )


def _known() -> set[str]:
    return {path.stem for path in _DIRECTORY.glob("[0-9]*.py")}


def _applied() -> set[str]:
    if not database.table_exists("schema_migration"):
        return set()
    rows = database.execute_sql("SELECT name FROM schema_migration").fetchall()
    return {row[0] for row in rows}
