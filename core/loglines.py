"""Log lines that may leave: our words, scrubbed; of others' only what holds no value."""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from core import clock
from core.errors import GatewayError
from core.redact import scrub

_OURS = frozenset({"gateway", "app", "workers", "models", "schemas", "core"})
_LONGEST_CHAIN = 10
MOST_FRAMES = 50
_MOST_NAMED = 5


def words(failure: BaseException) -> str:
    """An exception in words that may leave: its type, and the message if it is one of ours."""
    name, message = type(failure).__name__, message_of(failure)
    # No colon: after a name such as UnreadableSecret, `scrub` would take the next word for one.
    return f"{name} ({message})" if message else name


def message_of(failure: BaseException) -> str:
    """What an exception says, if that may leave; else nothing."""
    if isinstance(failure, GatewayError):
        return scrub(str(failure))
    if isinstance(failure, BaseExceptionGroup):
        return ", ".join(type(each).__name__ for each in failure.exceptions[:_MOST_NAMED])
    return ""


def chain(failure: BaseException | None) -> Iterator[BaseException]:
    """What was raised, then what led to it."""
    met: set[int] = set()
    while failure is not None and id(failure) not in met and len(met) < _LONGEST_CHAIN:
        met.add(id(failure))
        yield failure
        context = None if failure.__suppress_context__ else failure.__context__
        failure = failure.__cause__ or context


class Lines(logging.StreamHandler[Any]):
    """Lines to stderr."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        """Lose the line quietly; the library would print what went into it."""


def is_ours(record: logging.LogRecord) -> bool:
    """Whether a line is of this project's own code."""
    return record.name.partition(".")[0] in _OURS


def _message(record: logging.LogRecord) -> str:
    """Our own words in one line; of another's only the pattern, without what was put into it."""
    if not is_ours(record):
        place = f"{record.name} ({record.module} line {record.lineno})"
        return scrub(f"{place}: {record.msg}") if record.args else place
    text = scrub(_own_message(record))
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _own_message(record: logging.LogRecord) -> str:
    if isinstance(record.msg, BaseException):
        return words(record.msg)
    pattern = str(record.msg)
    if not record.args:
        return pattern
    given: Any = record.args
    if isinstance(given, tuple):
        given = tuple(map(_harmless_argument, given))
    else:
        given = {name: _harmless_argument(each) for name, each in given.items()}
    try:
        return str(pattern % given)
    except (TypeError, ValueError, KeyError):
        return pattern  # the arguments do not fit; which is no reason to lose the line


def _harmless_argument(value: object) -> object:
    is_foreign = isinstance(value, BaseException) and not isinstance(value, GatewayError)
    return type(value).__name__ if is_foreign else value


def traceback_of(failure: BaseException | None) -> str:
    """An exception's chain, what came first first: where each was raised, and its words."""
    told = [
        "".join(traceback.format_list(traceback.extract_tb(each.__traceback__)[-MOST_FRAMES:]))
        + words(each)
        for each in reversed(list(chain(failure)))
    ]
    return scrub("\n".join(told))


class ConsoleLines(logging.Formatter):
    """For a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or several with a traceback."""
        at = self.formatTime(record, "%H:%M:%S")
        line = f"{at} {record.levelname:<7} {_message(record)}"
        return f"{line}\n{traceback_of(record.exc_info[1])}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """For a machine."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line = {
            "at_ms": clock.now_ms(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            line["exception"] = traceback_of(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)
