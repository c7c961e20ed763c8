"""The endpoint's checks come in the contract's order: of two faults, the earlier is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pbx import SECRET

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx

TOO_LARGE = b"[" * 262_145
WRONG = [(SECRET, "wrong")]
WITHOUT_MODULE = {"module_enabled": False}
BAD_KEY = ("Idempotency-Key", "not visible")


def used_up(pbx: Pbx, crowd: ThreadPoolExecutor) -> Pbx:
    list(crowd.map(lambda _: pbx.post(body=b"[]"), range(60)))
    return pbx


def test_size_comes_before_authentication(pbx: Pbx) -> None:
    assert pbx.post(body=TOO_LARGE, headers=WRONG).refusal == (413, "payload_too_large")
    assert pbx.left_no_trace()


def test_size_comes_before_the_integration(pbx: Pbx) -> None:
    path = "/integrations/3cx/webhook/nobody"
    assert pbx.post(body=TOO_LARGE, path=path).refusal == (413, "payload_too_large")


def test_size_comes_before_the_rate(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    assert used_up(pbx, crowd).post(body=TOO_LARGE).refusal == (413, "payload_too_large")


def test_a_body_that_is_too_large_is_not_counted(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    pbx.post(body=TOO_LARGE)
    assert used_up(pbx, crowd).post().refusal == (429, "webhook_rate_limited")
    assert pbx.left_no_trace()


def test_authentication_comes_before_the_rate(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    refused = used_up(pbx, crowd).post(headers=WRONG)
    assert refused.refusal == (401, "invalid_3cx_webhook")
    assert refused.header("Retry-After") is None


def test_authentication_comes_before_the_body(pbx: Pbx) -> None:
    assert pbx.post(body=b"[]", headers=WRONG).refusal == (401, "invalid_3cx_webhook")


def test_authentication_comes_before_the_module(gateway: Gateway) -> None:
    pbx = gateway.pbx(account=WITHOUT_MODULE)
    assert pbx.post(headers=WRONG).refusal == (401, "invalid_3cx_webhook")


def test_the_rate_comes_before_the_body(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    assert used_up(pbx, crowd).post(body=b"[]").refusal == (429, "webhook_rate_limited")


def test_the_rate_comes_before_the_module(gateway: Gateway, crowd: ThreadPoolExecutor) -> None:
    pbx = gateway.pbx(account=WITHOUT_MODULE)
    assert used_up(pbx, crowd).post().refusal == (429, "webhook_rate_limited")


def test_the_body_comes_before_the_module(gateway: Gateway) -> None:
    pbx = gateway.pbx(account=WITHOUT_MODULE)
    assert pbx.post(body=b"[]").refusal == (400, "invalid_json")


def test_the_body_comes_before_the_key(pbx: Pbx) -> None:
    assert pbx.post(None, BAD_KEY, body=b"[]").refusal == (400, "invalid_json")


def test_the_module_comes_before_the_key(gateway: Gateway) -> None:
    pbx = gateway.pbx(account=WITHOUT_MODULE)
    assert pbx.post(None, BAD_KEY).refusal == (403, "module_not_enabled")


def test_an_account_without_the_module_is_refused(gateway: Gateway) -> None:
    pbx = gateway.pbx(account=WITHOUT_MODULE)
    refused = pbx.post()
    assert refused.refusal == (403, "module_not_enabled")
    assert refused.json()["message"] == (
        "3CX Middleware is not enabled for the account. "
        "Enable 3CX in the module settings or contact support."
    )
    assert pbx.left_no_trace()


def test_the_module_is_not_asked_for_a_status(gateway: Gateway) -> None:
    pbx = gateway.pbx(account=WITHOUT_MODULE)
    assert pbx.status("evt_x").refusal == (404, "event_not_found")
