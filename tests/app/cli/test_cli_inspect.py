"""Looking at what a PBX sent, by the command line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from app import shape
from core.config import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app.cli.console import Console

NOW = 1_795_000_000_000
BODY = (
    b'{"to": "+966512345678", "message_text": "hush", "event_type": "test", "code": "\\u001b[2J"}'
)


@contextmanager
def models_of(console: Console) -> Iterator[None]:
    import models

    models.start(Settings.from_environment(console.variables))
    try:
        yield
    finally:
        models.stop()


def came(console: Console, integration_id: str, body: bytes | None, **columns: Any) -> None:
    """Keep a request as the door's recorder does."""
    from models.capture import Capture

    request = {
        "method": "POST",
        "headers": shape.of_headers({"COOKIE": "hush", "USER-AGENT": "3CX"}),
        "query": [],
        "body": None if body is None else shape.of_body(body),
    }
    row = {
        "integration_id": integration_id,
        "at_ms": NOW,
        "door": "webhook",
        "status": 202,
        "error": None,
        "reason": None,
        "proven": True,
        "address": "203.0.113.7",
        "request": orjson.dumps(request).decode(),
    }
    with models_of(console):
        Capture.keep([row | columns])


def test_requests_are_told_the_newest_first_without_what_they_said(console: Console) -> None:
    integration_id = console.site()["integration_id"]
    command = ("integration", "inspect", integration_id)
    assert f"/integrations/3cx/webhook/{integration_id}" in console.run(*command).out
    came(console, integration_id, BODY)
    came(console, integration_id, b'{"to": "', at_ms=NOW + 1, status=400, error="invalid_json")
    refused = {"status": 401, "error": "invalid_3cx_webhook", "reason": "secret_wrong"}
    came(console, integration_id, None, at_ms=NOW + 2, proven=False, **refused)
    told = console.run(*command).out
    assert told.splitlines()[0] == "2026-11-18T11:06:40.002Z"
    assert told.index("invalid_3cx_webhook: secret_wrong") < told.index("unexpected end of data")
    assert '    "to": "+••••••••••78",' in told.splitlines()
    assert "cookie: present" in told
    assert "hush" not in told
    assert "\x1b" not in told
    third, second, first = console.json(*command)["requests"]
    assert (third["authenticated"], third["body"]) == (False, None)
    assert second["body"]["around"] == '{"xx": "'
    assert first["body"]["json"]["event_type"] == "test"


def test_an_integration_that_is_not_there_is_named(console: Console) -> None:
    said = console.run("integration", "inspect", "int_x")
    assert (said.status, said.err) == (2, "gateway: There is no integration int_x.\n")
