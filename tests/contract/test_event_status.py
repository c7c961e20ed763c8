"""The status endpoint: what became of an event, told to the integration that it came from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.pbx import SECRET

if TYPE_CHECKING:
    from tests.gateway import Gateway
    from tests.pbx import Pbx

FIELDS = [
    "success", "event_id", "event_type", "state", "error", "message", "reason", "delivery",
    "received_at", "finished_at",
]  # fmt: skip


def time_of(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def test_a_sent_event_has_every_field(pbx: Pbx) -> None:
    event_id = pbx.outcome().json()["event_id"]
    answer = pbx.status(event_id)
    said = answer.json()
    assert answer.status == 200
    assert list(said) == FIELDS
    assert said["event_id"] == event_id
    assert (said["success"], said["event_type"], said["state"]) == (
        True,
        "outbound_message",
        "sent",
    )
    assert (said["error"], said["message"], said["reason"]) == (None, None, None)


def test_times_are_in_utc_with_milliseconds(pbx: Pbx) -> None:
    said = pbx.outcome().json()
    assert [len(said[each]) for each in ("received_at", "finished_at")] == [24, 24]
    received, finished = time_of(said["received_at"]), time_of(said["finished_at"])
    assert timedelta(0) <= finished - received < timedelta(seconds=20)
    assert abs(datetime.now(UTC) - received) < timedelta(seconds=20)


def test_an_event_that_has_not_ended_has_no_end(gateway: Gateway) -> None:
    pbx = gateway.pbx(pause_reason="by a test")
    said = pbx.status(pbx.post().json()["event_id"]).json()
    assert said["state"] in {"received", "valid", "allowed", "ready"}
    assert (said["finished_at"], said["delivery"], said["error"]) == (None, None, None)


def test_a_refused_event_says_why(pbx: Pbx) -> None:
    refused = pbx.outcome(pbx.reply(message_purpose="political")).json()
    said = pbx.status(refused["details"]["event_id"]).json()
    assert said["success"] is True
    assert (said["state"], said["error"]) == ("refused", "message_purpose_not_allowed")
    assert said["message"] == refused["message"]
    assert (said["delivery"], said["reason"]) == (None, None)
    assert time_of(said["finished_at"])


def test_the_delivery_follows_what_whatsapp_says(pbx: Pbx) -> None:
    event_id = pbx.outcome().json()["event_id"]

    def has_come_to(status: str) -> bool:
        return bool(pbx.status(event_id).json()["delivery"] == status)

    pbx.gateway.wait_until(lambda: has_come_to("delivered"))
    pbx.gateway.whatsapp.customer_reads(pbx.customer.lstrip("+"), pbx.phone_number_id)
    pbx.gateway.wait_until(lambda: has_come_to("read"))
    assert pbx.status(event_id).json()["state"] == "sent"


def test_a_message_that_whatsapp_could_not_deliver_has_failed(pbx: Pbx) -> None:
    pbx.gateway.whatsapp.faults.set([{"failed": 131026, "customer": pbx.customer}])
    event_id = pbx.outcome().json()["event_id"]
    pbx.gateway.wait_until(lambda: pbx.status(event_id).json()["delivery"] == "failed")
    assert pbx.status(event_id).json()["state"] == "sent"


def test_an_event_of_another_integration_is_as_unknown_as_none(gateway: Gateway, pbx: Pbx) -> None:
    event_id = pbx.post().json()["event_id"]
    other = gateway.pbx()
    foreign = other.status(event_id)
    nobody_s = other.status("evt_00000000000000000000000000")
    assert foreign.refusal == (404, "event_not_found")
    assert foreign.timeless == nobody_s.timeless


@pytest.mark.parametrize(
    "event_id",
    ["x", "%00", "evt_%00", "%FF", "%F0%9F%98%80", "..", "%2E%2E", "' OR 1=1", "x" * 10_000, "%25",
     "%0A"],
)  # fmt: skip
def test_an_id_that_is_none_is_unknown(pbx: Pbx, event_id: str) -> None:
    assert pbx.status(event_id).refusal == (404, "event_not_found")


def test_nobody_else_may_ask(pbx: Pbx) -> None:
    event_id = pbx.post().json()["event_id"]
    for headers in ([], [(SECRET, "wrong")]):
        assert pbx.status(event_id, headers).refusal == (401, "invalid_3cx_webhook")


def test_a_signed_integration_signs_an_empty_body(gateway: Gateway) -> None:
    pbx = gateway.pbx(auth_mode="secret_and_signature")
    assert pbx.status("evt_x", pbx.signed(b"")).refusal == (404, "event_not_found")
    for headers in (pbx.proof, pbx.signed(b"{}"), pbx.signed(b"", at_s=0)):
        assert pbx.status("evt_x", headers).refusal == (401, "invalid_3cx_webhook")


def test_asking_again_with_the_same_signature_is_no_repeat(gateway: Gateway) -> None:
    pbx = gateway.pbx(auth_mode="secret_and_signature")
    event_id = pbx.post(headers=pbx.signed(b"{}"), body=b"{}").json()["event_id"]
    headers = pbx.signed(b"")
    answers = [pbx.status(event_id, headers) for _ in range(2)]
    assert [each.status for each in answers] == [200, 200]
    assert not any("duplicate" in each.json() for each in answers)
