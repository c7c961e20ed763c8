"""An event's story: how far it came, what decided, what was tried, what WhatsApp and 3CX took."""

from typing import Any

from app import traces
from app.cli.output import Answer, fields, iso, short_time, table
from app.webhooks.outcome import status_body
from core import phone
from models.attempt import Attempt
from models.decision import Decision
from models.delivery import Delivery
from models.event import Event
from models.forward import Forward


def of(event: Event, *, reveal: bool) -> Answer:
    """The story; the number is masked and the text hidden unless they are to be revealed."""
    about = status_body(event) | {
        "account_id": event.account_id,
        "integration_id": event.integration_id,
        "instance_id": event.instance_id,
        "dead": event.dead,
        "waiting_for": event.waiting_for,
        "due_at": None if event.finished else iso(event.due_at_ms),
        "expires_at": iso(event.expires_at_ms),
        **_content(event, reveal=reveal),
    }
    del about["success"]
    left = traces.of([event.id])[event.id]
    decisions, attempts = list(map(_decision, left.decisions)), list(map(_attempt, left.attempts))
    deliveries, forwards = list(map(_delivery, left.deliveries)), list(map(_forward, left.forwards))
    text = [fields(about)]
    for title, rows, columns in (
        ("Decisions", decisions, ("time", "stage", "check", "outcome", "code")),
        ("Attempts", attempts, ("time", "part", "number", "outcome", "provider_code", "words")),
        ("Deliveries", deliveries, ("time", "part", "status", "provider_code")),
        ("Into 3CX", forwards, ("time", "kind", "state", "tries", "status", "words")),
    ):
        if rows:
            cells = [[row.get(column) for column in columns] for row in rows]
            text += ["", title, table(columns, cells)]
    together = {
        "decisions": decisions,
        "attempts": attempts,
        "deliveries": deliveries,
        "forwards": forwards,
    }
    for row in (*decisions, *attempts, *deliveries, *forwards):
        del row["time"]
    return Answer(about | together, "\n".join(text))


def _content(event: Event, *, reveal: bool) -> dict[str, Any]:
    content = event.content
    number, text = content.get("to"), content.get("text") or ""
    shown: dict[str, Any] = {
        "message_purpose": content.get("purpose"),
        "to": number if reveal or not number else phone.mask(number),
        "text_characters": len(text),
    }
    return shown | {"text": text} if reveal else shown


def _decision(row: Decision) -> dict[str, Any]:
    return {
        "time": short_time(row.decided_at_ms),
        "stage": row.stage,
        "check": row.check_name,
        "outcome": row.outcome,
        "code": row.code,
        "saw": row.saw,
        "decided_at": iso(row.decided_at_ms),
    }


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "time": short_time(row.started_at_ms),
        "part": row.part,
        "number": row.number,
        "outcome": row.outcome,
        "provider_code": row.provider_code,
        "words": row.words,
        "started_at": iso(row.started_at_ms),
        "finished_at": iso(row.finished_at_ms),
    }


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "time": short_time(row.status_at_ms),
        "part": row.part,
        "status": row.status,
        "provider_code": row.provider_code,
        "status_at": iso(row.status_at_ms),
    }


def _forward(row: Forward) -> dict[str, Any]:
    return {
        "time": short_time(row.received_at_ms),
        "id": row.id,
        "destination_id": row.destination_id,
        "kind": row.kind,
        "state": row.state,
        "waiting_for": row.waiting_for,
        "tries": row.tries,
        "status": row.status,
        "words": row.words,
        "received_at": iso(row.received_at_ms),
        "due_at": None if row.finished else iso(row.due_at_ms),
        "finished_at": iso(row.finished_at_ms),
    }
