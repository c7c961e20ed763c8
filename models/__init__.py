"""What is remembered. Peewee, one model a file; `start()` makes them usable."""

from core.config import Settings
from models.base import use_vault
from models.database import check_durable, close_database, open_database
from models.keys import unlock
from models.migrate import check_migrated, migrate


def start(settings: Settings, *, migrating: bool = False) -> None:
    """Open the database, see that it fits this code, and unlock it.

    Args:
        settings: which database, which keys.
        migrating: bring the database up to this code first.

    Raises:
        DatabaseUnavailable: it cannot be reached.
        NotMigrated: it has another form than this code needs.
        UsageError: the keys are not its keys, or it answers commits before they are kept.
    """
    open_database(settings)
    try:
        if migrating:
            migrate()
        check_migrated()
        check_durable()
        unlock(settings)
    except BaseException:
        stop()
        raise


def stop() -> None:
    """Finish what is being written, and close."""
    close_database()
    use_vault(None)
