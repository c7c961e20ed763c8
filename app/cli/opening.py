"""Opening the database for a command that stays: one that is away is waited for.

A process that ends instead is started again and again, ever later, and meanwhile nobody says 503.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import falcon
import peewee

import models
from app import answers
from app.cli.session import words_of
from app.health import Liveness
from app.server import Server, stop_on_signals
from core.config import Settings
from models.unavailable import DatabaseUnavailable

_RETRY_S = 1.0
_DOOR_THREADS = 2
_GRACE_S = 1.0
# Of a file, only what passes is waited for.
_PASSES = ("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_IOERR")


def open_patiently(settings: Settings, *, migrating: bool, answering: bool) -> bool:
    """Open the database and the vault, however long that takes.

    Args:
        settings: which database, which keys.
        migrating: bring the database up to this code first.
        answering: meanwhile, answer every request with 503 where the settings say to listen.

    Returns:
        False when the process was asked to stop before.

    Raises:
        DatabaseUnavailable: it cannot be used, and waiting would not help.
        NotMigrated: it has another form than this code needs.
        UsageError: the keys are not its keys, or the address cannot be listened on.
    """
    failure = _try(settings, migrating=migrating)
    if failure is None:
        return True
    print(f"{failure} Trying again until it can.", file=sys.stderr, flush=True)
    stop = threading.Event()
    stop_on_signals(stop.set)
    with _closed_door(settings, answering=answering):
        while not stop.wait(_RETRY_S):
            if _try(settings, migrating=migrating) is None:
                return True
    return False


def _try(settings: Settings, *, migrating: bool) -> str | None:
    """What stands in the way, in words, if waiting may help."""
    try:
        models.start(settings, migrating=migrating)
    except (DatabaseUnavailable, peewee.PeeweeException) as failure:
        cause = failure.__cause__ if isinstance(failure, DatabaseUnavailable) else failure
        if cause is None:
            raise
        words = words_of(settings, cause)
        if not _passes(settings, cause):
            raise DatabaseUnavailable(words) from None
        return words
    return None


def _passes(settings: Settings, failure: BaseException) -> bool:
    if settings.database_url:
        return True
    driver = failure.__cause__ or failure.__context__ or failure
    return str(getattr(driver, "sqlite_errorname", "")).startswith(_PASSES)


@contextmanager
def _closed_door(settings: Settings, *, answering: bool) -> Iterator[None]:
    if not answering:
        yield
        return
    app = falcon.App[falcon.Request, falcon.Response]()
    app.add_route("/healthz", Liveness())
    app.add_sink(_away, "/")
    answers.add_error_handlers(app)
    server = Server(app, settings.host, settings.port, _DOOR_THREADS)
    thread = threading.Thread(target=server.serve, args=(_GRACE_S,), name="closed-door")
    thread.start()
    try:
        yield
    finally:
        server.request_stop()
        thread.join()


def _away(req: falcon.Request, resp: falcon.Response, **kwargs: Any) -> None:  # noqa: ARG001 (as sinks do)
    raise DatabaseUnavailable("the database could not be opened yet")
