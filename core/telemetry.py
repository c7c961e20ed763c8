"""What leaves the process about itself: log lines and reports of what is broken.

Nothing personal or secret may leave. Others' words (a driver's exception, a library's log line)
are dropped, since values are put into them; ours are written without any, and scrubbed all the
same. What is left tells what broke and where: types, functions, lines.
"""

import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TextIO

import sentry_sdk

from core import clock
from core.config import Settings
from core.errors import GatewayError, Refused
from core.redact import scrub, scrub_any

_TAGS = ("event_id", "account", "integration", "stage", "attempt", "component", "actor")
_OURS = frozenset({"gateway", "app", "workers", "models", "schemas", "core"})
# A library's least severity of interest. peewee at DEBUG writes every statement with its values.
_LEVELS = {
    "dramatiq": logging.ERROR,
    "waitress": logging.ERROR,
    "urllib3": logging.ERROR,
    "peewee": logging.INFO,
    "sentry_sdk": logging.CRITICAL,
}
_LONGEST_CHAIN = 10
_MOST_FRAMES = 50
_MOST_NAMED = 5

_KEPT = frozenset({"event_id", "timestamp", "level", "platform", "release", "environment", "sdk"})
_KEPT_OF_CONTEXTS = {"trace": {"trace_id", "span_id"}, "runtime": {"name", "version"}}
_KEPT_OF_FRAMES = {"filename", "function", "module", "lineno", "in_app"}
_KEPT_OF_MECHANISMS = {
    "type", "handled", "source", "exception_id", "parent_id", "is_exception_group"
}  # fmt: skip

_log = logging.getLogger("gateway")
_common_tags: dict[str, str] = {}


def start(settings: Settings, component: str) -> None:
    """Set up logging, the process's last words, and Sentry if there is a DSN.

    Args:
        settings: form and level of the log; where reports go.
        component: web, worker or up, as a tag of each report.
    """
    _common_tags["component"] = component
    lines = _Lines()
    lines.setFormatter(_JsonLines() if settings.log_format == "json" else _ConsoleLines())
    logging.basicConfig(handlers=[lines, _Reports()], level=settings.log_level, force=True)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    # What these print by default is an exception's message, or an object.
    sys.excepthook = _report_uncaught
    sys.unraisablehook = _report_unraisable
    threading.excepthook = _report_thread
    warnings.showwarning = _log_warning
    if settings.sentry_dsn:
        _start_sentry(settings)


def report(failure: BaseException, **tags: object) -> None:
    """Tell the log and Sentry of something that is broken; a refusal is told to nobody.

    Args:
        failure: what was raised.
        tags: event_id, account, integration, stage, attempt, actor, as far as they are known.
    """
    if isinstance(failure, Refused):
        return
    known = {
        name: scrub(str(value))
        for name, value in (_common_tags | tags).items()
        if name in _TAGS and value is not None
    }
    _log.error(
        "%s failed: %s",
        " ".join(f"{name}={value}" for name, value in known.items()) or "something",
        words(failure),
        exc_info=(type(failure), failure, failure.__traceback__),
    )
    _send(failure, known)


def warn(failure: GatewayError) -> None:
    """Tell the log of something that is known to happen and passes, with its cause's type."""
    cause = failure.__cause__
    _log.warning("%s%s", words(failure), f", from {type(cause).__name__}" if cause else "")


def stop(timeout_s: float = 2.0) -> None:
    """Send what waits to be sent."""
    if sentry_sdk.is_initialized():
        sentry_sdk.flush(timeout_s)


def words(failure: BaseException) -> str:
    """An exception in words that may leave: its type, and the message if it is one of ours."""
    name, message = type(failure).__name__, _message_of(failure)
    # No colon: after a name such as UnreadableSecret, `scrub` would take the next word for one.
    return f"{name} ({message})" if message else name


def _message_of(failure: BaseException) -> str:
    if isinstance(failure, GatewayError):
        return scrub(str(failure))
    if isinstance(failure, BaseExceptionGroup):
        return ", ".join(type(each).__name__ for each in failure.exceptions[:_MOST_NAMED])
    return ""


def _chain(failure: BaseException | None) -> Iterator[BaseException]:
    """What was raised, then what led to it."""
    met: set[int] = set()
    while failure is not None and id(failure) not in met and len(met) < _LONGEST_CHAIN:
        met.add(id(failure))
        yield failure
        context = None if failure.__suppress_context__ else failure.__context__
        failure = failure.__cause__ or context


def _start_sentry(settings: Settings) -> None:
    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        release=settings.release or None,
        environment=settings.environment,
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        send_client_reports=False,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        server_name="",
        before_send=_before_send,
        # Said here, so that no variable of the environment says otherwise.
        debug=False,
        spotlight=False,
    )


def _send(failure: BaseException, tags: dict[str, str]) -> None:
    if not sentry_sdk.is_initialized():
        return
    place = tags.get("stage") or tags.get("actor") or tags.get("component", "")
    with sentry_sdk.new_scope() as scope:
        for name, value in tags.items():
            scope.set_tag(name, value)
        # A message differs from event to event, and is not sent: what broke where is the cause.
        scope.fingerprint = [*(type(each).__name__ for each in _chain(failure)), place]
        scope.capture_exception(failure)


def _before_send(event: Any, hint: dict[str, Any]) -> Any:
    """Build the report anew out of the parts that are known to be harmless."""
    values = (event.get("exception") or {}).get("values")
    if not values:
        return None
    failure = (hint.get("exc_info") or (None, None, None))[1]
    messages = {type(each).__name__: _message_of(each) for each in _chain(failure)}
    return {name: value for name, value in event.items() if name in _KEPT} | {
        "fingerprint": event.get("fingerprint"),
        "tags": {name: value for name, value in event.get("tags", {}).items() if name in _TAGS},
        "contexts": {
            name: _only(kept, event.get("contexts", {}).get(name))
            for name, kept in _KEPT_OF_CONTEXTS.items()
        },
        "exception": scrub_any({"values": [_harmless(value, messages) for value in values]}),
    }


def _harmless(value: dict[str, Any], messages: dict[str, str]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": messages.get(value.get("type") or "", ""),
        "mechanism": _only(_KEPT_OF_MECHANISMS, value.get("mechanism")),
        "stacktrace": {"frames": [_only(_KEPT_OF_FRAMES, each) for each in frames[-_MOST_FRAMES:]]},
    }


def _only(kept: set[str], given: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (given or {}).items() if name in kept}


def _report_uncaught(
    _kind: type[BaseException], failure: BaseException, _trace: TracebackType | None
) -> None:
    if not isinstance(failure, KeyboardInterrupt):
        report(failure, actor="main")
        stop()


def _report_thread(arguments: threading.ExceptHookArgs) -> None:
    failure = arguments.exc_value
    if failure is not None and not isinstance(failure, SystemExit):
        report(failure, actor=arguments.thread.name if arguments.thread else None)


def _report_unraisable(arguments: "sys.UnraisableHookArgs") -> None:
    if arguments.exc_value is not None:
        report(arguments.exc_value, actor="finalizer")


def _log_warning(  # noqa: PLR0917 (the library's signature)
    message: Warning | str,  # noqa: ARG001 (its words are not ours)
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    _log.warning("%s at %s line %d", category.__name__, filename, lineno)


class _Reports(logging.Handler):
    """Reports what a library could only log: a request that died, a message that no actor took."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """Send the exception of another's line; ours come through `report`."""
        failure = record.exc_info[1] if record.exc_info else None
        if failure is not None and not _is_ours(record):
            _send(failure, _common_tags | {"actor": record.name})


class _Lines(logging.StreamHandler[Any]):
    """Lines to stderr."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        """Lose the line quietly; the library would print what went into it."""


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _OURS


def _message(record: logging.LogRecord) -> str:
    """Our own words in one line; of another's only the pattern, without what was put into it."""
    if not _is_ours(record):
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


def _story(record: logging.LogRecord) -> str:
    """The exception's chain, what came first first: where each was raised, and its words."""
    failure = record.exc_info[1] if record.exc_info else None
    told = [
        "".join(traceback.format_list(traceback.extract_tb(each.__traceback__)[-_MOST_FRAMES:]))
        + words(each)
        for each in reversed(list(_chain(failure)))
    ]
    return scrub("\n".join(told))


class _ConsoleLines(logging.Formatter):
    """For a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or several with a traceback."""
        at = self.formatTime(record, "%H:%M:%S")
        line = f"{at} {record.levelname:<7} {_message(record)}"
        return f"{line}\n{_story(record)}" if record.exc_info else line


class _JsonLines(logging.Formatter):
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
            line["exception"] = _story(record)
        return json.dumps(line, ensure_ascii=False)
