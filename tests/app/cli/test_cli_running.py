"""The command line beside a running gateway, on both back ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway import Gateway
    from tests.pbx import Pbx

_SOON_S = 2.0


def test_what_the_command_line_sets_up_takes_webhooks(gateway: Gateway, pbx: Pbx) -> None:
    made = gateway.command(
        *("integration", "create", "--account", pbx.account_id, "--instance", pbx.instance_id)
    )
    pbx.integration_id, pbx.secret = made["integration_id"], made["secret"]
    assert pbx.outcome().json()["state"] == "sent"


def test_a_change_is_felt_within_two_seconds(gateway: Gateway, pbx: Pbx) -> None:
    assert pbx.post().status == 202
    gateway.command("integration", "set", pbx.integration_id, "enabled=off")
    gateway.wait_until(lambda: pbx.post().status == 401, _SOON_S)
    gateway.command("integration", "set", pbx.integration_id, "enabled=on")
    gateway.wait_until(lambda: pbx.post().status == 202, _SOON_S)


def test_a_rotated_secret_without_grace_ends_at_once(gateway: Gateway, pbx: Pbx) -> None:
    assert pbx.post().status == 202
    made = gateway.command("secret", "rotate", pbx.integration_id, "--grace", "0")
    gateway.wait_until(lambda: pbx.post().status == 401, _SOON_S)
    pbx.secret = made["secret"]
    assert pbx.post().status == 202


@pytest.mark.parametrize("noun", ["account", "instance", "integration"])
def test_messages_wait_for_the_end_of_a_pause_and_then_go(
    gateway: Gateway, pbx: Pbx, noun: str
) -> None:
    row_id = getattr(pbx, f"{noun}_id")
    gateway.command("pause", noun, row_id)
    event_id = pbx.post().json()["event_id"]
    gateway.wait_until(lambda: gateway.command("event", "show", event_id)["waiting_for"] == "pause")
    assert pbx.received() == []
    gateway.command("resume", noun, row_id)
    gateway.wait_until(pbx.received, _SOON_S)


def test_a_changed_limit_holds_for_the_next_message(gateway: Gateway, pbx: Pbx) -> None:
    gateway.command("account", "set", pbx.account_id, "daily_limit=0")
    assert pbx.outcome().json()["error"] == "daily_message_limit_exceeded"
    gateway.command("account", "set", pbx.account_id, "daily_limit=")
    assert pbx.outcome().json()["state"] == "sent"


def test_a_blocked_customer_gets_nothing_until_the_block_is_lifted(
    gateway: Gateway, pbx: Pbx
) -> None:
    number = (pbx.customer, "--account", pbx.account_id)
    gateway.command("suppression", "add", *number)
    assert pbx.outcome().json()["error"] == "recipient_suppressed"
    assert gateway.command("suppression", "remove", *number)["lifted"] == 1
    assert pbx.outcome().json()["state"] == "sent"


def test_a_refused_event_that_is_begun_anew_is_sent(gateway: Gateway, pbx: Pbx) -> None:
    gateway.command("integration", "set", pbx.integration_id, "outbound=off")
    refused = pbx.outcome()
    assert refused.json()["error"] == "outbound_disabled"
    event_id = refused.json()["details"]["event_id"]
    gateway.command("integration", "set", pbx.integration_id, "outbound=on")
    assert gateway.command("event", "requeue", event_id)["requeued"] == [event_id]
    gateway.wait_until(pbx.received, _SOON_S)
    assert pbx.ended(event_id)["state"] == "sent"


def test_the_doctor_finds_a_running_gateway_well(start_gateway: Callable[..., Gateway]) -> None:
    gateway = start_gateway()  # of its own: others' destinations cannot be reached
    found = gateway.command("doctor")
    verdicts = {each["check"]: each["verdict"] for each in found["findings"]}
    assert found["healthy"] is True
    for check in ("settings", "database", "migration", "keys", "clock", "broker"):
        assert verdicts[check] == "ok", check
