"""The contact lookup of 3CX's CRM template: who has this number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core import clock
from tests.pbx import SECRET, encoded
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway import Gateway
    from tests.pbx import Pbx

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def public(start_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway that knows where it is reached."""
    return start_gateway(PUBLIC_URL="https://gateway.example")


def contact(pbx: Pbx, number: object) -> Any:
    answer = pbx.looks_up(number)
    assert answer.status == 200, answer
    said = answer.json()
    assert said.keys() == {"success", "contact"}
    assert said["success"] is True
    return said["contact"]


def wrote(pbx: Pbx, ms_ago: int) -> None:
    """The customer wrote last so long ago."""
    pbx.gateway.clerk.do(
        "customer_wrote",
        account_id=pbx.account_id,
        instance_id=pbx.instance_id,
        phone=pbx.customer,
        ms_ago=ms_ago,
    )


def test_a_customer_is_a_contact_with_an_id_a_name_a_page_and_the_number_asked_for(
    pbx: Pbx,
) -> None:
    found = contact(pbx, pbx.customer)
    assert found.keys() == {"id", "phone", "name", "url"}
    assert found["id"].startswith("cus_")
    assert found["phone"] == pbx.customer
    assert found["name"].startswith(pbx.customer)
    assert found["url"].startswith("/dashboard/conversations/con_")


def test_the_page_is_at_the_public_address(public: Gateway) -> None:
    pbx = public.pbx()
    url = contact(pbx, pbx.customer)["url"]
    assert url.startswith("https://gateway.example/dashboard/conversations/con_")


def test_the_name_is_that_of_the_profile(gateway: Gateway) -> None:
    pbx = gateway.pbx("+966550000001")
    gateway.clerk.do("name", account_id=pbx.account_id, phone=pbx.customer, name="سارة O'Neill")
    assert contact(pbx, pbx.customer)["name"].startswith("سارة O'Neill (WhatsApp open, 23 h left)")


@pytest.mark.parametrize(
    ("language", "ms_ago", "left"),
    [
        ("en", 0, " (WhatsApp open, 23 h left)"),
        ("en", 19 * HOUR_MS - 60_000, " (WhatsApp open, 5 h left)"),
        ("en", 24 * HOUR_MS - 90_000, " (WhatsApp open, 2 min left)"),
        ("en", 24 * HOUR_MS, ""),
        ("en", 90 * HOUR_MS, ""),
        ("ar", 19 * HOUR_MS - 60_000, " (واتساب متاح، متبقٍ 5 ساعة)"),
        ("es", 19 * HOUR_MS - 60_000, " (WhatsApp abierto, quedan 5 h)"),
        ("fr", 19 * HOUR_MS - 60_000, " (WhatsApp ouvert, encore 5 h)"),
        ("de", 19 * HOUR_MS - 60_000, " (WhatsApp offen, noch 5 Std.)"),
        ("pt", 19 * HOUR_MS - 60_000, " (WhatsApp aberto, restam 5 h)"),
        ("xx", 19 * HOUR_MS - 60_000, " (WhatsApp open, 5 h left)"),
    ],
)
def test_the_name_says_how_long_the_window_is_open(
    gateway: Gateway, language: str, ms_ago: int, left: str
) -> None:
    pbx = gateway.pbx(language=language)
    wrote(pbx, ms_ago)
    assert contact(pbx, pbx.customer)["name"] == f"{pbx.customer}{left}"


@pytest.mark.parametrize("written", ["{}", "00{}", "0{local}", "+{spaced}", "\u200e+{}", " +{} "])
def test_a_number_is_found_as_3cx_writes_it_and_echoed_exactly(pbx: Pbx, written: str) -> None:
    digits = pbx.customer.lstrip("+")
    spaced = " ".join((digits[:3], digits[3:5], digits[5:]))
    number = written.format(digits, local=digits.removeprefix("966"), spaced=spaced)
    assert contact(pbx, number)["phone"] == number


def test_so_is_a_whole_number(pbx: Pbx) -> None:
    digits = pbx.customer.lstrip("+")
    assert contact(pbx, int(digits))["phone"] == digits


@pytest.mark.parametrize(
    "number",
    [
        "+966500999999",
        "[Number]",
        "",
        " ",
        "100",
        "anonymous",
        None,
        [],
        {},
        True,
        1.5,
        "9" * 9_999,
    ],
    ids=lambda each: repr(each)[:20],
)
def test_of_any_other_number_nobody_is_known(pbx: Pbx, number: object) -> None:
    assert contact(pbx, number) is None


def test_a_number_that_is_not_given_is_nobody_s(pbx: Pbx) -> None:
    path = f"/integrations/3cx/{pbx.integration_id}/lookup"
    answer = ask(pbx.gateway.address, "POST", path, pbx.proof, b'{"Number": "+966500000001"}')
    assert answer.json() == {"success": True, "contact": None}


def test_the_customers_of_others_are_unknown(gateway: Gateway, pbx: Pbx) -> None:
    assert contact(gateway.pbx(), pbx.customer) is None


def test_an_integration_knows_the_customers_of_all_its_numbers_and_of_no_more(
    gateway: Gateway,
) -> None:
    pbx, other = gateway.pbx(), gateway.pbx()
    gateway.clerk.do(
        "change", table="instance", row_id=other.instance_id, values={"account": pbx.account_id}
    )
    details = {"account_id": pbx.account_id, "instance_id": other.instance_id, "ms_ago": 0}
    gateway.clerk.do("customer_wrote", phone="+966551234567", **details)
    assert contact(pbx, "+966551234567") is None
    gateway.clerk.do(
        "connect",
        integration_id=pbx.integration_id,
        routes=[["+966112000003", other.instance_id]],
    )
    gateway.wait_until(lambda: contact(pbx, "+966551234567") is not None, 3)


def test_the_secret_alone_is_enough_where_webhooks_are_signed(gateway: Gateway) -> None:
    pbx = gateway.pbx(auth_mode="secret_and_signature")
    assert contact(pbx, pbx.customer) is not None


@pytest.mark.parametrize(
    "headers",
    [
        [(SECRET, "wrong")],
        [("Content-Type", "application/json")],
        [("Authorization", "Bearer {secret}")],
    ],
)
def test_a_stranger_gets_the_very_bytes_that_the_webhook_s_strangers_get(
    pbx: Pbx, headers: list[tuple[str, str]]
) -> None:
    given = [(name, value.format(secret=pbx.secret)) for name, value in headers]
    stranger = ask(pbx.gateway.address, "POST", "/integrations/3cx/webhook/int_nobody", [], b"{}")
    assert pbx.looks_up(pbx.customer, headers=given).timeless == stranger.timeless


def test_its_refusals_are_those_of_every_door(gateway: Gateway, pbx: Pbx) -> None:
    path = f"/integrations/3cx/{pbx.integration_id}/lookup"

    def refusal(body: bytes) -> tuple[int, str]:
        return ask(pbx.gateway.address, "POST", path, pbx.proof, body).refusal

    assert refusal(b"x" * 262_145) == (413, "payload_too_large")
    assert refusal(b"[]") == (400, "invalid_json")
    assert ask(pbx.gateway.address, "GET", path, pbx.proof).refusal == (405, "method_not_allowed")
    without = gateway.pbx(account={"module_enabled": False})
    assert without.looks_up(without.customer).refusal == (403, "module_not_enabled")


def test_its_limit_is_its_own(pbx: Pbx) -> None:
    for _ in range(70):
        contact(pbx, "+966500999999")
    assert pbx.post({"event_type": "call_started"}).status == 202


def test_it_is_quick_and_says_nothing_in_the_log(pbx: Pbx) -> None:
    contact(pbx, pbx.customer)
    began = clock.monotonic()
    for _ in range(20):
        contact(pbx, pbx.customer)
    assert (clock.monotonic() - began) / 20 < 0.5  # 3CX rings while it asks
    said = pbx.gateway.said()
    assert pbx.secret not in said
    assert pbx.customer.lstrip("+") not in said.replace("+966500000001", "")
    assert encoded({"number": pbx.customer}).decode() not in said
