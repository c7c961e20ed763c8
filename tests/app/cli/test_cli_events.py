"""Looking at events, and beginning them anew, by the command line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from app.cli.output import WIDTH
from core import clock
from core.config import Settings
from core.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app.cli.console import Console

NUMBER, TEXT = "+966512345678", "the parcel is on its way"
NOW = 1_795_000_000_000


@contextmanager
def models_of(console: Console) -> Iterator[None]:
    import models

    models.start(Settings.from_environment(console.variables), migrating=True)
    try:
        yield
    finally:
        models.stop()


def event(console: Console, state: str, **columns: Any) -> str:
    """Keep an event that has come as far as this."""
    from models.event import Event

    event_id = new_id("evt")
    ends = None if state in {"received", "ready", "sending"} else NOW + 1_000
    row = {
        "id": event_id,
        "account_id": "acc_1",
        "integration_id": "int_1",
        "instance_id": "ins_1",
        "event_type": "outbound_message",
        "state": state,
        "payload": orjson.dumps({"to": NUMBER, "text": TEXT, "purpose": "support"}).decode(),
        "due_at_ms": NOW,
        "received_at_ms": NOW,
        "expires_at_ms": NOW + 900_000,
        "finished_at_ms": ends,
    }
    with models_of(console):
        Event.insert(**row | columns).execute()
    return event_id


def test_events_are_listed_the_newest_first_and_as_asked(console: Console) -> None:
    sent = event(console, "sent")
    dead = event(console, "refused", error="gateway_send_failed", dead=True)
    refused = event(console, "refused", error="outbound_disabled", integration_id="int_2")
    waiting = event(console, "ready", waiting_for="limit")
    for filters, found in (
        ((), [waiting, refused, dead, sent]),
        (("--limit", "2"), [waiting, refused]),
        (("--integration", "int_2"), [refused]),
        (("--integration", "int_1", "--state", "sent"), [sent]),
        (("--state", "refused"), [refused, dead]),
        (("--error", "outbound_disabled"), [refused]),
        (("--dead",), [dead]),
        (("--integration", "int_3"), []),
    ):
        events = console.json("event", "list", *filters)["events"]
        assert [each["event_id"] for each in events] == found
    lines = console.run("event", "list").out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [line.split(None, 4)[-1] for line in lines[1:]] == [
        "ready: waits for limit",
        "outbound_disabled",
        "dead: gateway_send_failed",
        "sent",
    ]


def test_a_story_tells_what_happened_and_hides_who_and_what(console: Console) -> None:
    from models.attempt import Attempt
    from models.decision import Decision
    from models.delivery import Delivery

    event_id = event(console, "sent")
    with models_of(console):
        Decision.create(
            event_id=event_id, stage="decide", check_name="window", outcome="allow",
            saw={"open": True}, decided_at_ms=NOW,
        )  # fmt: skip
        Attempt.create(event_id=event_id, part=0, number=1, outcome="sent", started_at_ms=NOW)
        Delivery.insert(
            event_id=event_id, part=0, instance_id="ins_1", status="read", status_at_ms=NOW
        ).execute()
    story = console.json("event", "show", event_id)
    assert (story["state"], story["delivery"], story["to"]) == ("sent", "read", "+9665•••••78")
    assert story["text_characters"] == len(TEXT)
    assert story["received_at"] == "2026-11-18T11:06:40.000Z"
    assert [each["check"] for each in story["decisions"]] == ["window"]
    assert story["decisions"][0]["saw"] == {"open": True}
    assert [each["outcome"] for each in story["attempts"]] == ["sent"]
    assert [each["status"] for each in story["deliveries"]] == ["read"]
    told = console.run("event", "show", event_id).out
    assert {"Decisions", "Attempts", "Deliveries"} <= set(told.splitlines())
    for hidden in (NUMBER, TEXT):
        assert hidden not in told
        assert hidden not in str(story)
        assert hidden in console.run("event", "show", event_id, "--reveal").out


@pytest.mark.parametrize(
    ("state", "columns", "words"),
    [
        ("sent", {}, "is sent; only refused, dead and uncertain ones begin anew."),
        ("recorded", {}, "is recorded; only refused, dead and uncertain ones"),
        ("sending", {}, "is sending; only refused, dead and uncertain ones"),
        ("uncertain", {}, "To begin it anew all the same: --even-if-uncertain"),
        ("refused", {"event_type": "test"}, "is of a type that sends nothing."),
        ("refused", {"event_type": "queue_event"}, "is of a type that sends nothing."),
        ("refused", {"event_type": "nonsense"}, "is of a type that sends nothing."),
    ],
)
def test_what_must_not_go_again_does_not_and_takes_nothing_with_it(
    console: Console, state: str, columns: dict[str, Any], words: str
) -> None:
    fine, other = (
        event(console, "refused", error="outbound_disabled"),
        event(console, state, **columns),
    )
    said = console.run("event", "requeue", fine, other)
    assert said.status == 2
    assert words in said.err
    assert other in said.err
    assert console.json("event", "show", fine)["state"] == "refused"


@pytest.mark.parametrize(
    ("state", "columns", "options"),
    [
        ("refused", {"error": "outbound_disabled"}, []),
        ("refused", {"error": "gateway_send_failed", "dead": True}, []),
        ("uncertain", {"reason": "lease_lapsed"}, ["--even-if-uncertain"]),
    ],
)
def test_what_begins_anew_is_due_at_once(
    console: Console, state: str, columns: dict[str, Any], options: list[str]
) -> None:
    from models.event import Event

    event_id = event(console, state, **columns)
    assert console.json("event", "requeue", event_id, event_id, *options)["requeued"] == [event_id]
    with models_of(console):
        row = Event.get_by_id(event_id)
    assert (row.state, row.error, row.reason, row.dead) == ("received", None, None, False)
    assert row.due_at_ms <= clock.now_ms() < row.expires_at_ms
    assert row.finished_at_ms is None


def test_the_security_log_shows_nothing_that_a_terminal_would_obey(console: Console) -> None:
    from models.security_entry import SecurityEntry

    row = {"address": "203.0.113.7", "integration_id": "\x1b[2J" + "x" * 10_000, "count": 3}
    with models_of(console):
        SecurityEntry.write([row | {"reason": "secret", "first_at_ms": NOW, "last_at_ms": NOW}])
    said = console.run("security", "log")
    assert "203.0.113.7" in said.out
    assert "\x1b" not in said.out
    assert max(map(len, said.out.splitlines())) <= WIDTH
    (entry,) = console.json("security", "log")["entries"]
    assert (entry["count"], entry["reason"]) == (3, "secret")
