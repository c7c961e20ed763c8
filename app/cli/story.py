"""An event's story: how far it came, what decided, what was tried, what WhatsApp says."""

from typing import Any

from app.cli.output import Answer, fields, iso, short_time, table
from app.webhooks.outcome import status_body
from core import phone
from models.attempt import Attempt
from models.decision import Decision
from models.delivery import Delivery
from models.event import Event


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
    decisions, attempts, deliveries = _decisions(event), _attempts(event), _deliveries(event)
    text = [fields(about)]
    for title, rows, columns in (
        ("Decisions", decisions, ("time", "stage", "check", "outcome", "code")),
        ("Attempts", attempts, ("time", "part", "number", "outcome", "provider_code", "words")),
        ("Deliveries", deliveries, ("time", "part", "status", "provider_code")),
    ):
        if rows:
            cells = [[row.get(column) for column in columns] for row in rows]
            text += ["", title, table(columns, cells)]
    together = {"decisions": decisions, "attempts": attempts, "deliveries": deliveries}
    for row in (*decisions, *attempts, *deliveries):
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


def _decisions(event: Event) -> list[dict[str, Any]]:
    rows = Decision.select().where(Decision.event_id == event.id).order_by(Decision.id)
    return [
        {
            "time": short_time(row.decided_at_ms),
            "stage": row.stage,
            "check": row.check_name,
            "outcome": row.outcome,
            "code": row.code,
            "saw": row.saw,
            "decided_at": iso(row.decided_at_ms),
        }
        for row in rows
    ]


def _attempts(event: Event) -> list[dict[str, Any]]:
    rows = Attempt.select().where(Attempt.event_id == event.id).order_by(Attempt.id)
    return [
        {
            "time": short_time(row.started_at_ms),
            "part": row.part,
            "number": row.number,
            "outcome": row.outcome,
            "provider_code": row.provider_code,
            "words": row.words,
            "started_at": iso(row.started_at_ms),
            "finished_at": iso(row.finished_at_ms),
        }
        for row in rows
    ]


def _deliveries(event: Event) -> list[dict[str, Any]]:
    rows = Delivery.select(
        Delivery.part, Delivery.status, Delivery.status_at_ms, Delivery.provider_code
    )
    return [
        {
            "time": short_time(row.status_at_ms),
            "part": row.part,
            "status": row.status,
            "provider_code": row.provider_code,
            "status_at": iso(row.status_at_ms),
        }
        for row in rows.where(Delivery.event_id == event.id).order_by(Delivery.part)
    ]
