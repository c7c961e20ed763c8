"""What leaves the process about itself: log lines and reports of what is broken.

Nothing personal or secret may leave. Others' words (a driver's exception, a library's log line)
are dropped, since values are put into them; ours are written without any, and scrubbed all the
same. What is left tells what broke and where: types, functions, lines.
"""

import logging
import sys
import threading
import warnings
from types import TracebackType
from typing import Any, TextIO

import sentry_sdk

from core.config import Settings
from core.errors import GatewayError, Refused
from core.loglines import (
    MOST_FRAMES,
    ConsoleLines,
    JsonLines,
    Lines,
    chain,
    is_ours,
    message_of,
    words,
)
from core.redact import scrub, scrub_any

_TAGS = ("event_id", "account", "integration", "stage", "attempt", "component", "actor")
# A library's least severity of interest. peewee at DEBUG writes every statement with its values.
_LEVELS = {
    "dramatiq": logging.ERROR,
    "waitress": logging.ERROR,
    "urllib3": logging.ERROR,
    "peewee": logging.WARNING,
    "sentry_sdk": logging.CRITICAL,
}

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
    lines = Lines()
    lines.setFormatter(JsonLines() if settings.log_format == "json" else ConsoleLines())
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
        scope.fingerprint = [*(type(each).__name__ for each in chain(failure)), place]
        scope.capture_exception(failure)


def _before_send(event: Any, hint: dict[str, Any]) -> Any:
    """Build the report anew out of the parts that are known to be harmless."""
    values = (event.get("exception") or {}).get("values")
    if not values:
        return None
    failure = (hint.get("exc_info") or (None, None, None))[1]
    messages = {type(each).__name__: message_of(each) for each in chain(failure)}
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
        "stacktrace": {"frames": [_only(_KEPT_OF_FRAMES, each) for each in frames[-MOST_FRAMES:]]},
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
        if failure is not None and not is_ours(record):
            _send(failure, _common_tags | {"actor": record.name})
