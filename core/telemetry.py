"""What leaves the process about itself: log lines and reports of what is broken.

Nothing personal or secret may leave. Words of exceptions that are not ours are dropped, since
drivers put values into them; ours are written without any, and scrubbed all the same.
"""

import json
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

import sentry_sdk

from core import clock
from core.config import Settings
from core.errors import GatewayError
from core.redact import scrub

_REPORTED_TAGS = ("event_id", "account", "integration", "stage", "attempt", "component", "actor")
_KEPT_PARTS = frozenset(
    {"event_id", "timestamp", "level", "platform", "release", "environment", "sdk", "tags",
     "exception", "fingerprint", "contexts", "type", "check_in_id", "monitor_slug", "status"}
)  # fmt: skip


def start(settings: Settings, component: str) -> None:
    """Set up logging, and Sentry if there is a DSN.

    Args:
        settings: form and level of the log; where reports go.
        component: web, worker or up, as a tag of each report.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if settings.log_format == "json" else _ConsoleLines())
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    logging.getLogger("dramatiq").setLevel(logging.CRITICAL)
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    threading.excepthook = _report_thread
    if settings.sentry_dsn:
        sentry_sdk.init(
            dsn=settings.sentry_dsn,
            release=settings.release or None,
            environment=settings.environment,
            default_integrations=False,
            auto_enabling_integrations=False,
            send_default_pii=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            max_request_body_size="never",
            server_name="",
            before_send=_before_send,
        )
        sentry_sdk.set_tag("component", component)


def report(failure: BaseException, **tags: object) -> None:
    """Tell the log and Sentry of something that is broken; never of a refusal.

    Args:
        failure: what was raised.
        tags: event_id, account, integration, stage, attempt, actor, as far as they are known.
    """
    known = {name: str(value) for name, value in tags.items() if name in _REPORTED_TAGS and value}
    logging.getLogger("gateway").error(
        "%s failed: %s",
        " ".join(f"{name}={value}" for name, value in known.items()) or "something",
        words(failure),
        exc_info=(type(failure), failure, failure.__traceback__),
    )
    if sentry_sdk.is_initialized():
        with sentry_sdk.new_scope() as scope:
            for name, value in known.items():
                scope.set_tag(name, value)
            scope.capture_exception(failure)


def warn(failure: GatewayError) -> None:
    """Tell the log of something that is known to happen and passes, with its cause's type."""
    cause = failure.__cause__
    logging.getLogger("gateway").warning(
        "%s%s", words(failure), f" ({type(cause).__name__})" if cause else ""
    )


def stop(timeout_s: float = 2.0) -> None:
    """Send what waits to be sent."""
    if sentry_sdk.is_initialized():
        sentry_sdk.flush(timeout_s)


def words(failure: BaseException) -> str:
    """An exception in words that may leave: its type, and the message if it is one of ours."""
    name = type(failure).__name__
    return f"{name}: {scrub(str(failure))}" if isinstance(failure, GatewayError) else name


def _before_send(event: Any, hint: dict[str, Any]) -> Any:
    kept = {name: value for name, value in event.items() if name in _KEPT_PARTS}
    kept["contexts"] = {
        name: value
        for name, value in (event.get("contexts") or {}).items()
        if name in {"runtime", "trace"}
    }
    failure = (hint.get("exc_info") or (None, None, None))[1]
    ours = _own_words(failure)
    for value in (kept.get("exception") or {}).get("values", []):
        value["value"] = ours.get(value.get("type") or "", "")
        for frame in (value.get("stacktrace") or {}).get("frames", []):
            frame.pop("vars", None)
            frame.pop("abs_path", None)
    return kept


def _own_words(failure: BaseException | None) -> dict[str, str]:
    found: dict[str, str] = {}
    while failure is not None and len(found) < 10:  # noqa: PLR2004 (a chain is never this long)
        if isinstance(failure, GatewayError):
            found[type(failure).__name__] = scrub(str(failure))
        failure = failure.__cause__ or failure.__context__
    return found


def _report_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        report(arguments.exc_value, actor=arguments.thread.name if arguments.thread else None)


class _SafeLines(logging.Formatter):
    """Lines without personal data, whoever wrote them."""

    def formatException(  # noqa: N802 (the library's name)
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Where it was raised, and words that may leave; not the message of a foreign exception."""
        _, failure, trace = ei
        if failure is None:
            return ""
        frames = traceback.format_list(traceback.extract_tb(trace))
        return "".join(frames) + words(failure)


class _ConsoleLines(_SafeLines):
    """For a person at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """One line, or several with a traceback."""
        return scrub(super().format(record))


class _JsonLines(_SafeLines):
    """For a machine."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line = {
            "at_ms": clock.now_ms(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
