"""From where a webhook may come: the allowlist, proxies, and addresses that fail too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pbx import SECRET

if TYPE_CHECKING:
    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer, Headers

FORWARDED = "X-Forwarded-For"
WRONG = [(SECRET, "wrong")]


def seen_from(pbx: Pbx, *addresses: str) -> Answer:
    """A good webhook that a proxy says comes from there."""
    return pbx.post(None, *((FORWARDED, each) for each in addresses))


def fail(pbx: Pbx, address: str, times: int) -> list[Answer]:
    return [pbx.post(None, (FORWARDED, address), headers=WRONG) for _ in range(times)]


@pytest.mark.parametrize(
    ("allowed", "forwarded"),
    [
        ("203.0.113.7", ["203.0.113.7"]),
        ("203.0.113.7", ["::ffff:203.0.113.7"]),
        ("203.0.113.7", ["6.6.6.6, 203.0.113.7"]),
        ("203.0.113.7", ["6.6.6.6", "203.0.113.7"]),
        ("203.0.113.7", ["203.0.113.7, 127.0.0.1"]),
        ("203.0.113.7", [" 203.0.113.7 "]),
        ("203.0.113.0/24", ["203.0.113.255"]),
        ("0.0.0.0/0", ["9.9.9.9"]),
        ("2001:db8::7", ["2001:0DB8:0:0::7"]),
        ("2001:db8::/32", ["2001:db8:ffff::1"]),
        ("127.0.0.1", []),
    ],
)
def test_an_allowed_address_behind_the_proxy_passes(
    fenced: Gateway, allowed: str, forwarded: list[str]
) -> None:
    pbx = fenced.pbx(allowed_ips=["198.51.100.1", allowed])
    assert seen_from(pbx, *forwarded).status == 202


@pytest.mark.parametrize(
    ("allowed", "forwarded"),
    [
        ("203.0.113.7", ["203.0.113.8"]),
        ("203.0.113.7", ["203.0.113.7, 6.6.6.6"]),
        ("203.0.113.7", ["203.0.113.7", "6.6.6.6"]),
        ("203.0.113.7", ["203.0.113.7, 6.6.6.6, 127.0.0.1"]),
        ("203.0.113.0/24", ["203.0.112.255"]),
        ("0.0.0.0/0", ["2001:db8::7"]),
        ("::/0", ["203.0.113.7"]),
        ("2001:db8::/32", ["2001:db9::1"]),
        ("0.0.0.0/0", ["banana"]),
        ("0.0.0.0/0", ["unknown, banana"]),
        ("0.0.0.0/0", ["203.0.113.7, "]),
        ("0.0.0.0/0", ["203.0.113.7:443"]),
        ("0.0.0.0/0", ["203.0.113.7/32"]),
        ("203.0.113.7", []),
    ],
)
def test_any_other_address_is_refused(fenced: Gateway, allowed: str, forwarded: list[str]) -> None:
    pbx = fenced.pbx(allowed_ips=[allowed])
    refused = seen_from(pbx, *forwarded)
    assert refused.refusal == (401, "invalid_3cx_webhook")
    assert "details" not in refused.json()
    assert pbx.left_no_trace()


@pytest.mark.parametrize(
    "header",
    [
        FORWARDED,
        "X-Real-IP",
        "Forwarded",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Client-IP",
        "X-Forwarded-Host",
        "REMOTE_ADDR",
        "Remote-Addr",
        "X_Forwarded_For",
    ],
)
def test_without_a_trusted_proxy_no_header_moves_an_address(gateway: Gateway, header: str) -> None:
    elsewhere = gateway.pbx(allowed_ips=["203.0.113.7"])
    value = "for=203.0.113.7" if header == "Forwarded" else "203.0.113.7"
    assert elsewhere.post(None, (header, value)).refusal == (401, "invalid_3cx_webhook")
    assert elsewhere.left_no_trace()
    here = gateway.pbx(allowed_ips=["127.0.0.0/8"])
    assert here.post(None, (header, "6.6.6.6")).status == 202


def test_an_address_that_fails_too_often_is_refused_unseen(fenced: Gateway) -> None:
    pbx = fenced.pbx()
    failures = fail(pbx, "198.51.100.10", 5)
    slowed_down = seen_from(pbx, "198.51.100.10")
    assert {each.timeless for each in failures} == {slowed_down.timeless}
    assert pbx.left_no_trace()
    assert seen_from(pbx, "198.51.100.11").status == 202


def test_a_failure_less_than_too_many_costs_nothing(fenced: Gateway) -> None:
    pbx = fenced.pbx()
    fail(pbx, "198.51.100.20", 4)
    assert seen_from(pbx, "198.51.100.20").status == 202


def test_an_address_that_authenticated_within_the_hour_is_exempt(fenced: Gateway) -> None:
    pbx = fenced.pbx()
    assert seen_from(pbx, "198.51.100.30").status == 202
    fail(pbx, "198.51.100.30", 20)
    assert seen_from(pbx, "198.51.100.30").status == 202


def test_the_addresses_of_one_ipv6_host_are_one(fenced: Gateway) -> None:
    pbx = fenced.pbx()
    for each in range(5):
        fail(pbx, f"2001:db8:1:1::{each}", 1)
    assert seen_from(pbx, "2001:db8:1:1:ffff::1").refusal == (401, "invalid_3cx_webhook")
    assert seen_from(pbx, "2001:db8:1:2::1").status == 202


def test_a_request_that_is_too_large_is_no_failed_authentication(fenced: Gateway) -> None:
    pbx = fenced.pbx()
    for _ in range(6):
        refused = pbx.post(None, (FORWARDED, "198.51.100.40"), headers=WRONG, body=b" " * 262_145)
        assert refused.refusal == (413, "payload_too_large")
    assert seen_from(pbx, "198.51.100.40").status == 202


def test_only_the_security_log_knows_the_reason(fenced: Gateway) -> None:
    pbx = fenced.pbx(auth_mode="secret_and_signature", allowed_ips=["198.51.100.0/24"])
    secret, *_ = pbx.proof
    stamp = ("X-WhatsApp-Gateway-Timestamp", "0")
    attempts: dict[str, tuple[str, Headers]] = {
        "address_not_allowed": ("203.0.113.50", [secret]),
        "secret_missing": ("198.51.100.51", []),
        "secret_wrong": ("198.51.100.52", WRONG),
        "timestamp_missing": ("198.51.100.53", [secret]),
        "timestamp_stale": ("198.51.100.54", [secret, stamp]),
        "signature_missing": ("198.51.100.55", pbx.signed(b"{}")[:3]),
        "signature_wrong": ("198.51.100.56", pbx.signed(b"other")),
    }
    answers = {
        pbx.post({}, (FORWARDED, address), headers=headers).timeless
        for address, headers in attempts.values()
    }
    assert len(answers) == 1
    fenced.restart()
    written = fenced.clerk.do("security", integration_id=pbx.integration_id)
    assert written == dict.fromkeys(attempts, 1)
