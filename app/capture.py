"""What came in lately for each integration: noted in memory, redacted and written by a thread.

A request costs a note. Everything is bounded, so that an attacker can make us neither write nor
grow, nor push out what others sent.
"""

import logging
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import falcon
import orjson

from app import shape
from app.addresses import client_address
from core import clock, telemetry
from core.config import IPNetwork
from core.errors import ErrorCode, GatewayError
from models.capture import KEPT, UNPROVEN, Capture
from models.database import close_connection
from models.patience import within
from models.unavailable import DatabaseUnavailable

_WRITE_EVERY_S = 2.0
_PATIENCE_S = 5.0
_BYTES_AT_MOST = 8 * 1024 * 1024  # until the next writing
_PROVEN_AT_MOST, _UNPROVEN_AT_MOST = 500, 100  # integrations, until the next writing
_REFUSED_FROM = 400
_LONGEST_METHOD = 20
_HEAVY = ("wsgi.input", "waitress.client_disconnected")  # the body once more, the connection
_NAMED = re.compile(r"/integrations/3cx/(?:webhook/)?(int_[0-9a-z]{26})(?![0-9A-Za-z])")
# What can be answered to somebody who has not authenticated.
_BEFORE_PROOF = frozenset(
    {
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.INVALID_3CX_WEBHOOK,
        ErrorCode.NOT_FOUND,
        ErrorCode.METHOD_NOT_ALLOWED,
        ErrorCode.BAD_REQUEST,
        ErrorCode.SERVICE_UNAVAILABLE,
        ErrorCode.INTERNAL_ERROR,
    }
)

_log = logging.getLogger(__name__)


@dataclass(slots=True, repr=False, eq=False)
class _Note:
    """A request as it came, until it is redacted."""

    integration_id: str
    at_ms: int
    template: str | None
    status: int
    error: str | None
    reason: str | None
    proven: bool
    environ: dict[str, Any]
    body: bytes | None


class _Pool:
    """Notes until the next writing: the last of each integration, of so many integrations."""

    def __init__(self, integrations: int, each: int) -> None:
        self._integrations, self._each = integrations, each
        self._lock = threading.Lock()
        self._notes: dict[str, deque[_Note]] = {}
        self._bytes = 0

    def add(self, note: _Note) -> None:
        size = _size(note)
        with self._lock:
            notes = self._notes.get(note.integration_id)
            if notes is None:
                if len(self._notes) >= self._integrations:
                    return
                notes = self._notes[note.integration_id] = deque(maxlen=self._each)
            if self._bytes + size <= _BYTES_AT_MOST:
                self._bytes += size
            elif note.proven:
                note.body = None
            else:
                return
            notes.append(note)

    def take(self) -> list[_Note]:
        with self._lock:
            taken, self._notes, self._bytes = self._notes, {}, 0
        return [note for notes in taken.values() for note in notes]


class Recorder:
    """Falcon's middleware that notes requests, and the thread that writes them.

    Args:
        trusted_proxies: whose X-Forwarded-For is believed.
    """

    def __init__(self, trusted_proxies: tuple[IPNetwork, ...]) -> None:
        self._trusted = trusted_proxies
        self._proven = _Pool(_PROVEN_AT_MOST, KEPT)
        self._unproven = _Pool(_UNPROVEN_AT_MOST, UNPROVEN)
        self._stop = threading.Event()
        self._writer = threading.Thread(target=self._run, name="capture", daemon=True)

    def start(self) -> None:
        """Begin writing what was noted."""
        self._writer.start()

    def stop(self) -> None:
        """Write what is left, and end."""
        self._stop.set()
        self._writer.join()

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: object
    ) -> None:
        """Note a request that names an integration, whatever it was answered."""
        status = resp.status_code
        # Whoever asks for the state of events would push out everything else.
        if req.method == "GET" and status < _REFUSED_FROM:
            return
        named = _NAMED.match(req.path)
        if named is None:
            return
        error = _error(resp.media) if status >= _REFUSED_FROM else None
        reason = _reason(req) if error == ErrorCode.INVALID_3CX_WEBHOOK else None
        # An id that nobody has is not kept; one within a wrong address may be somebody's.
        if reason == "unknown_integration" and req.uri_template:
            return
        proven = req.method == "POST" and error not in _BEFORE_PROOF
        note = _Note(
            named[1],
            clock.now_ms(),
            req.uri_template,
            status,
            error,
            reason,
            proven,
            req.env.copy(),
            getattr(req.context, "body", None),
        )
        for each in _HEAVY:
            note.environ.pop(each, None)
        (self._proven if note.proven else self._unproven).add(note)

    def write(self) -> None:
        """Redact and write what was noted since the last time."""
        notes = self._proven.take() + self._unproven.take()
        if not notes:
            return
        notes.sort(key=lambda note: note.at_ms)
        try:
            Capture.keep([self._row(note) for note in notes])
        except DatabaseUnavailable:
            _log.warning("capture: the last %d requests could not be kept", len(notes))

    def _row(self, note: _Note) -> dict[str, Any]:
        request: dict[str, Any] = {
            "method": note.environ["REQUEST_METHOD"][:_LONGEST_METHOD],
            "headers": shape.of_headers(_headers(note.environ)),
            "query": shape.of_query(note.environ.get("QUERY_STRING", "")),
            "body": None if note.body is None else shape.of_body(note.body),
        }
        return {
            "integration_id": note.integration_id,
            "at_ms": note.at_ms,
            "door": _door(note.template),
            "status": note.status,
            "error": note.error,
            "reason": note.reason,
            "proven": note.proven,
            "address": str(client_address(note.environ, self._trusted) or "unknown"),
            "request": orjson.dumps(request).decode(),
        }

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(_WRITE_EVERY_S)
            try:
                with within(_PATIENCE_S):
                    self.write()
            except Exception as failure:  # noqa: BLE001 (whatever came in, the next is noted)
                telemetry.report(failure, component="capture")
        close_connection()


def _size(note: _Note) -> int:
    size = len(note.body or b"")
    if not note.proven:  # who has authenticated is not out to fill the memory with headers
        size += sum(len(each) for each in note.environ.values() if isinstance(each, str))
    return size


def _error(media: object) -> str | None:
    return media.get("error") if isinstance(media, dict) else None


def _reason(req: falcon.Request) -> str:
    # The answer hides the reason, its exception does not; without one it was not looked at.
    why = getattr(req.context, "refused", None)
    hidden = why.__context__ if isinstance(why, GatewayError) else None
    return str(hidden) if isinstance(hidden, GatewayError) else "slowed_down"


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    names = {name: name.removeprefix("HTTP_") for name in environ if name.startswith("HTTP_")}
    names |= {name: name for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return {short.replace("_", "-"): str(environ[name]) for name, short in names.items()}


def _door(template: str | None) -> str:
    """The last word of an address that is no id and no key."""
    parts = (template or "").strip("/").split("/")
    return [each for each in parts if not each.startswith("{")][-1] or "no such address"
