"""Bringing the database to the form that this code needs, once, however many start at a time."""

from pathlib import Path

from core import clock
from core.errors import GatewayError
from models.database import database, is_postgres, transaction
from models.tables import HISTORY
from models.unavailable import DatabaseUnavailable

_DIRECTORY = Path(__file__).parent / "migrations"
_LOCK = 3_219_045_771  # any number, as long as it stays the same
_LOCK_WAIT_MS = 300  # whoever comes to the table meanwhile waits behind us
_ASK_AGAIN_S = 1.0
_PATIENCE_S = 60.0
_LOCK_NOT_AVAILABLE = "55P03"


class NotMigrated(GatewayError):
    """The database lacks migrations that this code needs; further ones do no harm."""


class TableInUse(GatewayError):
    """Somebody held a table for so long that it could not be changed; nothing was."""


def migrate(patience_s: float = _PATIENCE_S) -> list[str]:
    """Apply all pending migrations, all or none; a second caller waits for the first.

    On Postgres a change of a table waits for every transaction that uses it, and everybody else
    waits behind the change. So it waits for a moment only, and comes back.

    Args:
        patience_s: for how long to come back.

    Returns:
        The names of those that were applied.

    Raises:
        TableInUse: there was no such moment.
    """
    until = clock.monotonic() + patience_s
    while True:
        try:
            return _migrate()
        except DatabaseUnavailable as failure:
            if not _found_no_moment(failure):
                raise
            if clock.monotonic() >= until:
                raise TableInUse(
                    f"A transaction (a backup, a report) held a table for {patience_s:.0f} s, and "
                    "nothing was migrated. Run it again when that has ended; meanwhile the gateway "
                    "goes on as it is."
                ) from None
        clock.sleep(_ASK_AGAIN_S)


@transaction
def _migrate() -> list[str]:
    if is_postgres():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        database.execute_sql(f"SET LOCAL lock_timeout = {_LOCK_WAIT_MS}")
    return apply_up_to(None)


def apply_up_to(last: str | None) -> list[str]:
    """Apply what is pending, in the caller's transaction, up to this migration or all of it."""
    from playhouse.migrations import Runner

    names: list[str] = Runner(database, str(_DIRECTORY), table_name=HISTORY).up(last)
    return names


def _found_no_moment(failure: DatabaseUnavailable) -> bool:
    driver = failure.__cause__ and (failure.__cause__.__cause__ or failure.__cause__.__context__)
    return getattr(driver, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def check_migrated() -> None:
    """Compare the database with the code.

    Raises:
        NotMigrated: the words say which migrations are missing, and what to do.
    """
    missing = sorted(known() - applied())
    if missing:
        raise NotMigrated(
            f"The database lacks {len(missing)} migration(s), the first is {missing[0]}. "
            "Run: gateway migrate"
        )


def known() -> set[str]:
    """The migrations that this code has."""
    return {path.stem for path in _DIRECTORY.glob("[0-9]*.py")}


def applied() -> set[str]:
    """The migrations that the database has had."""
    if not database.table_exists(HISTORY):
        return set()
    names = f"SELECT name FROM {HISTORY}"  # noqa: S608 (our own word)
    return {row[0] for row in database.execute_sql(names).fetchall()}
