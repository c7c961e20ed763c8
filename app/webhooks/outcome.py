"""What became of an event, as callers see it; and waiting for it."""

import re
import threading
from typing import Any

import falcon

from core import clock
from core.errors import ErrorCode
from core.words import State
from models.decision import Decision
from models.delivery import FAILED, Delivery
from models.event import Event
from models.unavailable import DatabaseUnavailable

LONGEST_WAIT_S = 10
_LOOK_EVERY_S = 0.02
_WAITERS_SHARE = 4
_PREFER_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:;.*)?")
_SHOWN = ("sent", "delivered", "read", "played", FAILED)


def status_body(event: Event) -> dict[str, Any]:
    """The answer of the status endpoint (webhook contract, Status of an event)."""
    error = ErrorCode(event.error) if event.error else None
    return {
        "success": True,
        "event_id": event.id,
        "event_type": event.event_type,
        "state": event.state,
        "error": error.value if error else None,
        "message": error.message if error else None,
        "reason": event.reason,
        "delivery": _delivery(event.id),
        "received_at": clock.iso(event.received_at_ms),
        "finished_at": None if event.finished_at_ms is None else clock.iso(event.finished_at_ms),
    }


def _delivery(event_id: str) -> str | None:
    """The status of the part that is least far; a failed one speaks for all."""
    statuses = [
        row.status for row in Delivery.select(Delivery.status).where(Delivery.event_id == event_id)
    ]
    shown = ["sent" if status == "accepted" else status for status in statuses]
    if not shown or any(status not in _SHOWN for status in shown):
        return FAILED if FAILED in shown else None
    return FAILED if FAILED in shown else min(shown, key=_SHOWN.index)


def wanted_wait_s(req: falcon.Request) -> int:
    """How long the caller would wait for the outcome (RFC 7240), at most 10 s; 0 for not at all."""
    for preference in (req.get_header("Prefer") or "").split(","):
        found = _PREFER_WAIT.fullmatch(preference.strip().lower())
        if found:
            return min(int(found[1]), LONGEST_WAIT_S)
    return 0


class Waiting:
    """Holds answers back until the outcome is known, for at most a quarter of the threads."""

    def __init__(self, web_threads: int) -> None:
        self._places = threading.Semaphore(web_threads // _WAITERS_SHARE)

    def outcome(self, event_id: str, wait_s: int) -> Event | None:
        """The event once it has ended or rests; None when that cannot be told in time."""
        if wait_s <= 0 or not self._places.acquire(blocking=False):
            return None
        try:
            return self._wait(event_id, clock.monotonic() + wait_s)
        except DatabaseUnavailable:
            return None  # it is kept, whatever becomes of the waiting
        finally:
            self._places.release()

    def _wait(self, event_id: str, until: float) -> Event | None:
        while clock.monotonic() < until:
            if Event.select(Event.finished_at_ms).where(Event.id == event_id).scalar():
                return Event.load(event_id)
            clock.sleep(min(_LOOK_EVERY_S, max(0.0, until - clock.monotonic())))
        return None


def _details(event: Event) -> dict[str, Any]:
    details: dict[str, Any] = {"event_id": event.id, "reason": event.reason}
    decision = (
        Decision.select(Decision.saw)
        .where(Decision.event_id == event.id, Decision.code == event.error)
        .order_by(Decision.id.desc())
        .first()
    )
    for name, value in (decision.saw if decision else {}).items():
        if name.endswith(("_limit", "_used")):
            details[name.rpartition("_")[2]] = value
    return details


def answer(resp: falcon.Response, event: Event, *, duplicate: bool) -> None:
    """Answer a caller who waited: the status, or the refusal with its own HTTP status."""
    if event.state == State.REFUSED and event.error:
        code = ErrorCode(event.error)
        resp.status = code.status
        resp.media = {
            "success": False,
            "error": code.value,
            "message": code.message,
            "details": _details(event),
        }
    else:
        resp.status = 200
        resp.media = status_body(event)
    if duplicate:
        resp.media["duplicate"] = True
