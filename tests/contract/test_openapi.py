"""The served document is valid, and what the running program does is what it says."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import LOOKUP, SMS, SMS_WITH_KEY
from core.errors import ErrorCode
from tests.pbx import SECRET

if TYPE_CHECKING:
    from tests.gateway import Gateway
    from tests.pbx import Pbx

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 100
A_MINUTE = 40  # requests: an integration may have 60, one customer 45 at once
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
FEW = settings(BOUNDED, max_examples=40)
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> dict[str, Any]:
    answer = gateway.get("/openapi.json")
    assert answer.status == 200
    served: dict[str, Any] = answer.json()
    return served


class Callers:
    """A phone system that proves itself, and another one when its minute is used up."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._calls = count()
        self._pbx: Pbx | None = None

    def next(self) -> Pbx:
        if next(self._calls) % A_MINUTE == 0 or self._pbx is None:
            self._pbx = self._gateway.pbx()
        return self._pbx


def strategy(document: dict[str, Any], path: str, method: str) -> Any:
    operation = openapi.from_dict(document)[path][method]
    return st.sampled_from(MODES).flatmap(operation.as_strategy)


def holds(case: Case[Any], gateway: Gateway) -> int:
    """Whether an answer is as documented; gives its status."""
    base_url = "http://{}:{}".format(*gateway.address)
    return case.call_and_validate(base_url=base_url, checks=CHECKS, timeout=20).status_code


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    openapi.from_dict(document).validate()


def test_every_code_of_the_webhook_is_documented(document: dict[str, Any]) -> None:
    webhook = document["paths"]["/integrations/3cx/webhook/{integration_id}"]["post"]
    of_other_doors = {
        ErrorCode.EVENT_NOT_FOUND, ErrorCode.NOT_FOUND, ErrorCode.METHOD_NOT_ALLOWED,
        ErrorCode.INVALID_WHATSAPP_WEBHOOK, ErrorCode.INTERNAL_ERROR, ErrorCode.BAD_REQUEST,
        ErrorCode.RATE_LIMITED, ErrorCode.UNKNOWN_DID, ErrorCode.TOO_MANY_FILES,
        ErrorCode.MEDIA_GONE, ErrorCode.MEDIA_UNAVAILABLE,
    }  # fmt: skip
    for code in set(ErrorCode) - of_other_doors:
        assert f"`{code.value}`" in webhook["responses"][str(code.status)]["description"]


@pytest.mark.long
def test_the_webhook_does_what_the_document_says(
    document: dict[str, Any], gateway: Gateway
) -> None:
    callers, statuses = Callers(gateway), set()

    @BOUNDED
    @given(case=strategy(document, "/integrations/3cx/webhook/{integration_id}", "post"),
           wait=st.sampled_from(["wait=0", "wait=1"]))  # fmt: skip
    def check(case: Case[Any], wait: str) -> None:
        pbx = callers.next()
        case.path_parameters["integration_id"] = pbx.integration_id
        case.headers.update({SECRET: pbx.secret, "Prefer": wait})
        statuses.add(holds(case, gateway))

    check()
    assert statuses >= {202, 422}


@pytest.mark.long
def test_a_message_to_a_customer_does_what_the_document_says(
    document: dict[str, Any], gateway: Gateway
) -> None:
    callers, statuses = Callers(gateway), set()
    operation = openapi.from_dict(document)["/integrations/3cx/webhook/{integration_id}"]["post"]

    @BOUNDED
    @given(case=operation.as_strategy(GenerationMode.POSITIVE))
    def check(case: Case[Any]) -> None:
        pbx = callers.next()
        case.path_parameters["integration_id"] = pbx.integration_id
        case.headers.update({SECRET: pbx.secret, "Prefer": "wait=5"})
        assert isinstance(case.body, dict)
        case.body = {"event_type": "outbound_message", "message_purpose": "support", **case.body}
        case.body.update({"to": pbx.customer, "message_text": "Your parcel is on its way."})
        statuses.add(holds(case, gateway))

    check()
    assert statuses >= {200}


@pytest.mark.long
def test_a_stranger_gets_what_the_document_says(document: dict[str, Any], gateway: Gateway) -> None:
    statuses = set()

    @BOUNDED
    @given(case=strategy(document, "/integrations/3cx/webhook/{integration_id}", "post"))
    def check(case: Case[Any]) -> None:
        statuses.add(holds(case, gateway))

    check()
    assert statuses >= {401}
    assert statuses <= {400, 401, 404, 405}


def test_the_status_is_what_the_document_says(document: dict[str, Any], pbx: Pbx) -> None:
    statuses = set()
    path = "/integrations/3cx/webhook/{integration_id}/events/{event_id}"
    ids = [pbx.post(each).json()["event_id"] for each in (None, {"event_type": "test"})]
    ids += [pbx.outcome().json()["event_id"]]

    @BOUNDED
    @given(case=strategy(document, path, "get"), event_id=st.sampled_from([None, *ids]))
    def check(case: Case[Any], event_id: str | None) -> None:
        case.path_parameters["integration_id"] = pbx.integration_id
        if event_id is not None:
            case.path_parameters["event_id"] = event_id
        case.headers.update({SECRET: pbx.secret})
        statuses.add(holds(case, pbx.gateway))

    check()
    assert statuses >= {200, 404}


@pytest.mark.parametrize("path", [SMS, SMS_WITH_KEY])
def test_agents_chat_does_what_the_document_says(
    document: dict[str, Any], gateway: Gateway, path: str
) -> None:
    pbx, statuses = gateway.pbx(), set()
    pbx.connect()

    @FEW
    @given(case=strategy(document, path, "post"), known=st.sampled_from([{}, pbx.sms()]))
    def check(case: Case[Any], known: dict[str, Any]) -> None:
        case.path_parameters["integration_id"] = pbx.integration_id
        if path == SMS_WITH_KEY:
            case.path_parameters["key"] = pbx.secret
        case.headers.update(dict(pbx.bearer))
        if isinstance(case.body, dict):
            case.body = case.body | known
        statuses.add(holds(case, gateway))

    check()
    assert statuses >= {200, 422}


def test_the_lookup_does_what_the_document_says(document: dict[str, Any], pbx: Pbx) -> None:
    statuses = set()

    @FEW
    @given(case=strategy(document, LOOKUP, "post"), known=st.sampled_from([{}, pbx.customer]))
    def check(case: Case[Any], known: object) -> None:
        case.path_parameters["integration_id"] = pbx.integration_id
        case.headers.update(dict(pbx.proof))
        if isinstance(case.body, dict) and known:
            case.body["number"] = known
        statuses.add(holds(case, pbx.gateway))

    check()
    assert statuses >= {200}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_what_the_document_says(
    document: dict[str, Any], gateway: Gateway, path: str
) -> None:
    case = openapi.from_dict(document)[path]["get"].Case()
    assert holds(case, gateway) == 200
