"""The last requests of an integration: bounded, sealed, and pushed out by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
import pytest
from falcon import testing

from app import WEBHOOK, answers, capture
from app.body import read_body
from app.capture import Recorder
from core import clock
from core.errors import ErrorCode, Refused
from models.capture import KEPT, UNPROVEN, Capture
from models.patience import within
from tests import factories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.backends import Store

SECRET, NUMBER, TEXT = "whsec_hush-hush", "+966512345678", "the parcel is on its way"


class _Door:
    """Answers as the request says, and reads the body first, as the doors do."""

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, integration_id: str, **_: str
    ) -> None:
        read_body(req)
        code = req.get_header("X-Answer")
        if code is not None:
            raise Refused(ErrorCode(code))
        resp.status, resp.media = falcon.HTTP_202, {"event_id": integration_id}

    def on_get(self, _req: falcon.Request, resp: falcon.Response, integration_id: str) -> None:
        resp.media = {"error": None, "event_id": integration_id}


class Caller:
    """Somebody in front of a door with a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        app = falcon.App(middleware=[recorder])
        app.add_route(WEBHOOK, _Door())
        app.add_route(WEBHOOK.replace("webhook/", "") + "/sms/{key}", _Door())
        answers.add_error_handlers(app)
        self._client = testing.TestClient(app)

    def posts(self, integration_id: str, code: str | None = None, **more: Any) -> None:
        headers = {"X-WhatsApp-Gateway-3CX-Secret": SECRET, "Content-Type": "application/json"}
        if code is not None:
            headers["X-Answer"] = code
        usual: dict[str, Any] = {
            "path": WEBHOOK.format(integration_id=integration_id),
            "method": "POST",
            "json": {"to": NUMBER, "message_text": TEXT},
            "headers": headers,
            "extras": {"REMOTE_ADDR": "203.0.113.7"},
        }
        self._client.simulate_request(**usual | more)


@pytest.fixture
def integration_id(store: Store) -> str:  # noqa: ARG001 - it must be open
    return factories.a_site().integration_id


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(())


@pytest.fixture
def caller(recorder: Recorder) -> Caller:
    return Caller(recorder)


@pytest.fixture(autouse=True)
def _a_time_of_its_own_for_each() -> Iterator[None]:
    clock.freeze()
    yield
    clock.reset()


def test_a_request_is_kept_sealed_and_redacted(
    recorder: Recorder, caller: Caller, integration_id: str, store: Store
) -> None:
    caller.posts(integration_id, query_string="key=hush-hush")
    recorder.write()
    (kept,) = Capture.of(integration_id)
    assert (kept.door, kept.status, kept.error, kept.proven) == ("webhook", 202, None, True)
    assert kept.address == "203.0.113.7"
    assert kept.content["body"]["json"] == {
        "to": "+••••••••••78",
        "message_text": f"<text, {len(TEXT)} characters>",
    }
    assert kept.content["headers"]["x-whatsapp-gateway-3cx-secret"] == "present"
    assert kept.content["query"] == ["key"]
    for hidden in (SECRET, NUMBER[:-2], TEXT):
        assert hidden not in str(kept.content)
    assert b"message_text" not in store.everything(), "not even the shape lies there in clear"


def test_the_last_25_are_kept_and_no_more(
    recorder: Recorder, caller: Caller, integration_id: str
) -> None:
    for number in range(KEPT + 5):
        caller.posts(integration_id, json={"agent_extension": str(number)})
        clock.turn(1)
        if number == KEPT:
            recorder.write()
    recorder.write()
    found = [each.content["body"]["json"]["agent_extension"] for each in Capture.of(integration_id)]
    assert found == [str(number) for number in reversed(range(5, KEPT + 5))]
    assert Capture.select().count() == KEPT


@pytest.mark.parametrize("writing", ["at once", "in between"])
def test_whoever_fails_to_authenticate_pushes_nobody_elses_out(
    recorder: Recorder, caller: Caller, integration_id: str, writing: str
) -> None:
    for _ in range(KEPT):
        caller.posts(integration_id)
        clock.turn(1)
    if writing == "in between":
        recorder.write()
    before_proof = sorted(each.value for each in capture._BEFORE_PROOF)
    for number in range(KEPT * 4):
        caller.posts(integration_id, before_proof[number % len(before_proof)])
        caller.posts(integration_id, method="OPTIONS")
        clock.turn(1)
    recorder.write()
    kept = Capture.of(integration_id)
    assert sum(not each.proven for each in kept) == UNPROVEN
    assert sum(each.proven for each in kept) == KEPT - UNPROVEN
    assert Capture.select().count() == KEPT


def test_ids_that_nobody_has_are_not_kept(
    recorder: Recorder, caller: Caller, integration_id: str
) -> None:
    for number in range(300):
        caller.posts(f"int_{number:026}", "invalid_3cx_webhook")
    caller.posts("nonsense", "invalid_3cx_webhook")
    caller.posts(integration_id)
    recorder.write()
    assert {each.integration_id for each in Capture.select()} == {integration_id}


def test_one_integration_cannot_crowd_out_another(
    recorder: Recorder, caller: Caller, integration_id: str
) -> None:
    other = factories.a_site().integration_id
    caller.posts(other)
    for _ in range(200):
        caller.posts(integration_id)
    recorder.write()
    assert len(Capture.of(other)) == 1


def test_bodies_are_held_within_a_bound(
    recorder: Recorder,
    caller: Caller,
    integration_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capture, "_BYTES_AT_MOST", 500)
    for _ in range(3):
        caller.posts(integration_id, json={"more": "x" * 200})
        clock.turn(1)
    recorder.write()
    third, second, first = Capture.of(integration_id)
    assert third.content["body"] is None
    assert first.content["body"] == second.content["body"]


def test_headers_of_strangers_are_held_within_a_bound(
    recorder: Recorder,
    caller: Caller,
    integration_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capture, "_BYTES_AT_MOST", 5_000)
    for _ in range(3):
        headers = {"X-Answer": "invalid_3cx_webhook", "X-Many": "x" * 2_000}
        caller.posts(integration_id, headers=headers)
    caller.posts(integration_id)
    recorder.write()
    assert [each.proven for each in Capture.of(integration_id)].count(False) < 3
    assert [each.proven for each in Capture.of(integration_id)].count(True) == 1


def test_who_asks_for_the_state_of_events_pushes_nothing_out(
    recorder: Recorder, caller: Caller, integration_id: str
) -> None:
    caller.posts(integration_id)
    for _ in range(KEPT):
        caller.posts(integration_id, method="GET", json=None)
    recorder.write()
    assert [each.content["method"] for each in Capture.of(integration_id)] == ["POST"]


def test_a_wrong_address_that_names_an_integration_is_seen(
    recorder: Recorder, caller: Caller, integration_id: str
) -> None:
    caller.posts(integration_id, path=f"/integrations/3cx/webhook/{integration_id}/hush-hush")
    clock.turn(1)
    caller.posts(integration_id, path=f"/integrations/3cx/{integration_id}/sms/hush-hush")
    recorder.write()
    kept = Capture.of(integration_id)
    assert [(each.door, each.status) for each in kept] == [("sms", 202), ("no such address", 404)]
    assert all("hush" not in str(each.content) + each.door for each in kept)


def test_with_the_database_away_the_recorder_goes_on(
    recorder: Recorder, caller: Caller, integration_id: str, store: Store
) -> None:
    caller.posts(integration_id)
    with store.away(), within(0.2):
        recorder.write()
    caller.posts(integration_id)
    recorder.write()
    assert len(Capture.of(integration_id)) == 1


def test_the_thread_writes_what_is_left_at_its_end(
    recorder: Recorder, caller: Caller, integration_id: str
) -> None:
    recorder.start()
    caller.posts(integration_id)
    recorder.stop()
    assert len(Capture.of(integration_id)) == 1
