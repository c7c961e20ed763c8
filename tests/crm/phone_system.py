"""A 3CX with a CRM template: it fills the template in for each call, and posts what comes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from tests.crm.rules import FORMATTING, LOOKUP, REPORT, VARIABLE, faults
from tests.wire import ask

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from tests.wire import Answer

    Variables = Mapping[str, str | datetime]

STARTED = datetime(2026, 11, 22, 9, 30, 7, tzinfo=UTC)
_DOTNET = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


class TemplateFailed(Exception):
    """3CX could not fill the template in: nothing is posted, and nobody is told."""


class PhoneSystem:
    """A phone system whose administrator has uploaded a template and entered the secret."""

    def __init__(self, template: str, secret: str) -> None:
        assert faults(template) == []
        crm = ET.fromstring(template)  # noqa: S314 - our own template
        self._scenarios = {each.get("Id"): each for each in crm.iter("Scenario")}
        self._parameters = {"Secret": secret}

    def reports(
        self, call_type: str, number: str, *agents: str, **more: str | datetime
    ) -> list[Answer]:
        """A call has ended: one post for each agent whose phone rang, or one where none did.

        A call that nobody answered has no time of its answer. What is not given is not filled in.
        """
        call: dict[str, str | datetime] = {
            "CallType": call_type,
            "CallDirection": "Outbound" if call_type in {"Outbound", "Notanswered"} else "Inbound",
            "Number": number,
            "CallStartTimeUTC": STARTED,
        }
        if call_type in {"Inbound", "Outbound"}:
            call |= {"CallEstablishedTimeUTC": STARTED, "Duration": "00:01:23"}
        legs = [{"Agent": agent} for agent in agents] or [{}]
        return [self._posts(REPORT, call | leg | more) for leg in legs]

    def looks_up(self, number: str) -> dict[str, str] | None:
        """Who is calling: the outputs that an agent sees; None for somebody who is no contact."""
        answer = self._posts(LOOKUP, {"Number": number})
        assert answer.status == 200
        scenario = self._scenarios[LOOKUP]
        (rule,) = scenario.iter("Rule")
        if not _at(answer.json(), rule.text or ""):
            return None
        found = {
            each.get("Name", ""): _at(answer.json(), each.get("Path", "")) or ""
            for each in scenario.iter("Variable")
        }
        shown = {
            each.get("Type", ""): _filled(each.get("Value", ""), found)
            for each in scenario.iter("Output")
        }
        # 3CX matches by the number itself: another one's contact is nobody's.
        return shown if shown.get("PhoneMobile") == number else None

    def _posts(self, scenario_id: str, call: Variables) -> Answer:
        request = self._scenarios[scenario_id].find("Request")
        assert request is not None
        variables = self._parameters | dict(call)
        url = urlsplit(request.get("Url", ""))
        headers = [(key, text) for key, text in _values(request, "Headers", variables)]
        body = json.dumps(dict(_values(request, "PostValues", variables))).encode()
        return ask(
            (url.hostname or "", url.port or 0),
            request.get("RequestType", "").upper(),
            url.path,
            [*headers, ("Content-Type", "application/json")],
            body,
        )


def _values(request: ET.Element, where: str, variables: Variables) -> list[tuple[str, str]]:
    found = request.find(where)
    assert found is not None
    return [
        (each.get("Key", ""), _filled(each.text or "", variables))
        for each in found
        if _holds(each.get("If", ""), variables)
    ]


def _holds(condition: str, variables: Variables) -> bool:
    if not condition:
        return True
    name, _, wanted = condition.partition("==")
    return variables.get(name.strip("[]")) == wanted


def _filled(text: str, variables: Variables) -> str:
    def formatted(found: re.Match[str]) -> str:
        moment = variables.get(found[1])
        if not isinstance(moment, datetime):
            raise TemplateFailed(found[0])
        pattern = found[0].split('"')[1]
        for theirs, ours in _DOTNET.items():
            pattern = pattern.replace(theirs, ours)
        return moment.strftime(pattern)

    def filled(found: re.Match[str]) -> str:
        return str(variables.get(found[1], found[0]))  # what is unknown stays as it is written

    return VARIABLE.sub(filled, FORMATTING.sub(formatted, text))


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document
