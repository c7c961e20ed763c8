"""The one error of a database that cannot be used, whichever it is."""

import contextlib
from collections.abc import Iterator

import peewee

from core.errors import GatewayError


class DatabaseUnavailable(GatewayError):
    """The database could not be reached, or failed; nothing of the transaction was kept."""


# InternalError is what a server that has become a standby says of a write.
FAILURES = (peewee.OperationalError, peewee.InterfaceError, peewee.InternalError)


@contextlib.contextmanager
def as_unavailable() -> Iterator[None]:
    """Let a database that fails be one error of ours, whichever driver it comes from."""
    try:
        yield
    except peewee.PeeweeException as failure:
        # A damaged file has no class of its own.
        if not isinstance(failure, FAILURES) and type(failure) is not peewee.DatabaseError:
            raise
        # The driver's words may hold values; its code tells as much.
        driver = failure.__cause__ or failure.__context__
        code = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None)
        raise DatabaseUnavailable(f"the database failed ({code or 'no connection'})") from failure
