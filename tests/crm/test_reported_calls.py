"""An unmodified 3CX with our CRM template tells of its calls, and asks who is calling."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app import threecx_template
from tests.crm.phone_system import STARTED, PhoneSystem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer

TEXT = "We missed you at {{call_time}}, says {{business_name}}: {{agent_extension}}/{{queue}}."
TEMPLATES = {kind: {"enabled": True, "text": TEXT} for kind in ("missed_call", "call_ended")}


@pytest.fixture
def pbx(gateway: Gateway) -> Pbx:
    """A phone system whose integration answers missed calls, and calls that have ended."""
    account = {"name": "Bakery", "timezone": "Asia/Riyadh"}
    return gateway.pbx(call_events=True, call_templates=TEMPLATES, account=account)


@pytest.fixture
def threecx(gateway: Gateway, pbx: Pbx) -> PhoneSystem:
    """The 3CX itself, with the template of that integration."""
    return PhoneSystem(threecx_template.xml(origin(gateway), pbx.integration_id), pbx.secret)


def origin(gateway: Gateway) -> str:
    """Where 3CX reaches the gateway."""
    host, port = gateway.address
    return f"http://{host}:{port}"


def ends(pbx: Pbx, answers: Sequence[Answer]) -> list[tuple[str, str | None]]:
    """How the events that 3CX was told of ended: state, and code or reason."""
    told = [answer.json() for answer in answers]
    assert [answer.status for answer in answers] == [202] * len(answers)
    said: list[dict[str, Any]] = [pbx.ended(each["event_id"]) for each in told]
    return [(each["state"], each["error"] or each["reason"]) for each in said]


def texts(pbx: Pbx) -> list[str]:
    """What the customer read."""
    return [each["text"] for each in pbx.received()]


def test_a_missed_call_is_answered_once_for_two_agents_and_not_again_within_the_cooldown(
    pbx: Pbx, threecx: PhoneSystem
) -> None:
    legs = threecx.reports("Missed", pbx.customer, "101", "102", QueueExtension="800")
    assert sorted(ends(pbx, legs)) == [("recorded", "cooldown"), ("sent", None)]
    (text,) = texts(pbx)
    assert text.startswith("We missed you at 12:30, says Bakery: 10")
    later = threecx.reports(
        "Missed", pbx.customer, "103", CallStartTimeUTC=STARTED + timedelta(minutes=5)
    )
    assert ends(pbx, later) == [("recorded", "cooldown")]
    assert len(texts(pbx)) == 1


def test_the_command_line_prints_the_template(gateway: Gateway, pbx: Pbx) -> None:
    url = origin(gateway)
    printed = gateway.command("integration", "crm-template", pbx.integration_id, "--url", url)
    assert printed["xml"] == threecx_template.xml(url, pbx.integration_id)


def test_what_3cx_does_not_fill_in_stays_out(pbx: Pbx, threecx: PhoneSystem) -> None:
    assert ends(pbx, threecx.reports("Missed", pbx.customer)) == [("sent", None)]
    assert texts(pbx) == ["We missed you at 12:30, says Bakery: /."]
    (event,) = pbx.events()
    assert event["body"]["agent_extension"] == "[Agent]"
    assert event["body"]["duration_seconds"] == "[Duration]"
    assert event["duration_s"] is None


@pytest.mark.parametrize(
    "written", ["{}", "00{}", "+{}", "0{local}", "+{} "], ids=["bare", "00", "plus", "local", "gap"]
)
def test_a_number_comes_with_or_without_its_prefix(
    pbx: Pbx, threecx: PhoneSystem, written: str
) -> None:
    digits = pbx.customer.lstrip("+")
    number = written.format(digits, local=digits.removeprefix("966"))
    assert ends(pbx, threecx.reports("Missed", number, "101")) == [("sent", None)]
    assert [each["to"] for each in pbx.events()] == [pbx.customer]


def test_a_call_that_was_answered_has_its_length(pbx: Pbx, threecx: PhoneSystem) -> None:
    assert ends(pbx, threecx.reports("Inbound", pbx.customer, "101")) == [("sent", None)]
    (event,) = pbx.events()
    assert (event["event_type"], event["duration_s"]) == ("call_ended", 83)


@pytest.mark.parametrize("call_type", ["Outbound", "Notanswered"])
def test_a_call_that_an_agent_made_is_recorded(
    pbx: Pbx, threecx: PhoneSystem, call_type: str
) -> None:
    told = threecx.reports(call_type, pbx.customer, "101")
    assert ends(pbx, told) == [("recorded", "call_type_sends_nothing")]
    assert not pbx.received()


def test_the_same_call_told_again_is_a_repeat(pbx: Pbx, threecx: PhoneSystem) -> None:
    (first,) = threecx.reports("Missed", pbx.customer, "101")
    (again,) = threecx.reports("Missed", pbx.customer, "101")
    assert again.json() == first.json() | {"duplicate": True}
    assert len(pbx.events()) == 1


def test_a_call_whose_time_3cx_cannot_tell_is_never_taken_for_another(
    pbx: Pbx, threecx: PhoneSystem
) -> None:
    """An id made of a variable that nobody filled in would be the same for every call."""
    body = {
        "event_type": "missed_call",
        "customer_phone": pbx.customer,
        "event_id": f"[CallStartTimeUTC]-{pbx.customer}-Missed",
    }
    first, second = pbx.post(body).json(), pbx.post(body).json()
    assert first["event_id"] != second["event_id"]
    assert "duplicate" not in second
    assert pbx.ended(first["event_id"])["state"] == "sent"
    assert pbx.ended(second["event_id"])["reason"] == "cooldown"
    assert ends(pbx, threecx.reports("Missed", pbx.customer)) == [("recorded", "cooldown")]


def test_a_call_of_an_unknown_kind_is_refused_and_seen(pbx: Pbx, threecx: PhoneSystem) -> None:
    told = threecx.reports("Abandoned", pbx.customer, "101")
    assert ends(pbx, told) == [("refused", "unsupported_event_type")]


def test_a_wrong_secret_is_refused(gateway: Gateway, pbx: Pbx) -> None:
    template = threecx_template.xml(origin(gateway), pbx.integration_id)
    (answer,) = PhoneSystem(template, "whsec_wrong").reports("Missed", pbx.customer)
    assert answer.refusal == (401, "invalid_3cx_webhook")
    assert pbx.left_no_trace()


def test_an_agent_sees_who_is_calling(pbx: Pbx, threecx: PhoneSystem) -> None:
    local = "0" + pbx.customer.removeprefix("+966")
    for number in (pbx.customer, local):
        contact = threecx.looks_up(number)
        assert contact is not None
        assert contact["PhoneMobile"] == number
        assert contact["FirstName"]
        assert contact["ContactUrl"].startswith(("http://", "https://", "/"))
        assert contact["EntityId"]
    assert threecx.looks_up("+966599999999") is None
