"""The settings that a command runs with, and the open database."""

import logging
import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from core.config import Settings
from core.errors import UsageError


def settings_of(options: Namespace, *given: tuple[str, str, str | None]) -> Settings:
    """The environment's settings, with what the command line says instead.

    Args:
        options: of which `--data-dir` is taken.
        given: further options, each with its variable and its value (None: not given). A value is
            held to what the variable is held to.

    Raises:
        UsageError: a value is wrong; the words name the option or the variable.
    """
    given = (("--data-dir", "DATA_DIR", options.data_dir), *given)
    for option, _, value in given:
        if value is not None and not value.strip():
            raise UsageError(f"{option} needs a value.")
    overriding = [each for each in given if each[2] is not None]
    try:
        return Settings.from_environment(
            os.environ | {variable: value or "" for _, variable, value in overriding}
        )
    except UsageError as wrong:
        raise UsageError(_by_option(str(wrong), overriding)) from None


@contextmanager
def opened(options: Namespace) -> Iterator[Settings]:
    """The database, for one command; on the embedded default it is made and migrated.

    Raises:
        DatabaseUnavailable: it cannot be used; the words say which one and why.
        NotMigrated: a server's database waits for `gateway migrate`.
    """
    import models

    logging.getLogger().addHandler(logging.NullHandler())
    settings = settings_of(options)
    try:
        with saying_which(settings):
            models.start(settings, migrating=not settings.database_url)
            yield settings
    finally:
        models.stop()


@contextmanager
def saying_which(settings: Settings) -> Iterator[None]:
    """Let a failure of the database come out with words that say which one it is.

    Raises:
        DatabaseUnavailable: for whatever the database's driver raised within.
    """
    import peewee

    from models.unavailable import DatabaseUnavailable

    try:
        yield
    except DatabaseUnavailable as failure:
        if failure.__cause__ is None:
            raise
        raise DatabaseUnavailable(words_of(settings, failure.__cause__)) from None
    except peewee.PeeweeException as failure:
        raise DatabaseUnavailable(words_of(settings, failure)) from None


def words_of(settings: Settings, failure: BaseException) -> str:
    """Which database failed, and how. A server's own words stay away: they may hold values."""
    name = type(failure).__name__
    if not settings.database_url:
        path = settings.data_dir / "gateway.sqlite3"
        return f"The database '{path}' cannot be used ({name}: {failure})."
    place = urlsplit(settings.database_url)
    at = f"{place.hostname}:{place.port or 5432}{place.path}"
    return (
        f"The database at {at} cannot be used ({name}). "
        "Check that it runs and that DATABASE_URL is right."
    )


def _by_option(words: str, overriding: list[tuple[str, str, str | None]]) -> str:
    for option, variable, _ in overriding:
        if words.startswith(f"{variable} is "):
            return option + words.removeprefix(variable)
    return words
