"""What 3CX wants of a CRM template, as its description and templates that run have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKUP, REPORT = "", "ReportCall"

# Attributes of each element: those that it must have, and those that it may have.
ATTRIBUTES: dict[str, tuple[set[str], set[str]]] = {
    "Crm": ({"Name", "Country", "Version", "SupportsEmojis"}, {"ListPageSize"}),
    "Number": ({"Prefix", "MaxLength"}, set()),
    "Connection": ({"MaxConcurrentRequests"}, set()),
    "Parameters": (set(), set()),
    "Parameter": ({"Name", "Type", "Parent", "Editor", "Title", "Default"}, set()),
    "Authentication": ({"Type"}, set()),
    "Scenarios": (set(), set()),
    "Scenario": ({"Id", "Type"}, {"EntityId", "EntityOrder"}),
    "Request": (
        {
            *("Url", "MessagePasses", "RequestContentType", "RequestEncoding"),
            *("RequestType", "ResponseType", "SkipIf"),
        },
        {"Message"},
    ),
    "Headers": (set(), set()),
    "PostValues": (set(), {"Key", "If", "SkipIf"}),
    "Value": ({"Key", "Passes", "Type"}, {"If", "SkipIf"}),
    "Rules": (set(), set()),
    "Rule": ({"Type", "Ethalon"}, set()),
    "Variables": (set(), set()),
    "Variable": ({"Name", "Path"}, {"LookupValue"}),
    "Filter": (set(), set()),
    "Outputs": ({"AllowEmpty"}, {"Next"}),
    "Output": ({"Type", "Value", "Passes"}, set()),
}
CHILDREN = {
    "Crm": ["Number", "Connection", "Parameters", "Authentication", "Scenarios"],
    LOOKUP: ["Request", "Rules", "Variables", "Outputs"],
    REPORT: ["Request"],
}
# As they are written: 3CX does not take them in another case.
ENUMERATIONS = {
    ("Crm", "SupportsEmojis"): {"true", "false"},
    ("Number", "Prefix"): {"AsIs", "Off", "Plus", "Zeros"},
    ("Parameter", "Type"): {"String", "Password", "Boolean", "Integer", "Double", "DateTime"},
    ("Parameter", "Editor"): {"String", "Sql"},
    ("Authentication", "Type"): {"No", "Basic", "Scenario"},
    ("Scenario", "Type"): {"REST", "SQLDatabase", "NoSQLDatabase"},
    ("Request", "RequestEncoding"): {"UrlEncoded", "Json"},
    ("Request", "RequestType"): {"Get", "Post", "Put", "Patch"},
    ("Request", "ResponseType"): {"Json", "Xml"},
    ("Value", "Type"): {"String", "Integer", "Double", "Boolean"},
    ("Rule", "Type"): {"Any", "Equals", "EqualsCaseInsensitive"},
    ("Outputs", "AllowEmpty"): {"true", "false"},
}
CALL_TYPES = {"Inbound", "Outbound", "Missed", "Notanswered"}
OF_A_CALL = {
    *("CallType", "CallDirection", "Number", "Name", "Agent", "AgentEmail", "AgentFirstName"),
    *("AgentLastName", "QueueExtension", "Duration", "DurationTimespan", "DateTime"),
    *("CallStartTimeLocal", "CallStartTimeUTC", "CallEstablishedTimeUTC", "CallEndTimeUTC"),
    *("EntityId", "EntityType"),
}
NAMES = {"FirstName", "LastName", "CompanyName"}
PHONES = {"PhoneMobile", "PhoneBusiness", "PhoneHome", "PhoneOther"}
OUTPUTS = NAMES | PHONES | {"ContactUrl", "EntityId", "EntityType", "ContactID", "Email"}

FORMATTING = re.compile(r'\[\[(\w+)\]\.ToString\("[^"\[\]]+"\)\]')
VARIABLE = re.compile(r"\[(\w+)\]")
_CONDITION = re.compile(r"\[CallType\](?:==|!=)(\w+)")


def faults(xml: str) -> list[str]:
    """Why 3CX would refuse a template, or not do what it says; nothing of a good one."""
    try:
        crm = ET.fromstring(xml)  # noqa: S314 - our own template
    except ET.ParseError as failure:
        return [f"no XML: {failure}"]  # two hyphens in a comment are none either
    return [*_form(crm), *_shape(crm), *_conditions(crm), *_contact(crm), *_expressions(crm)]


def _form(crm: ET.Element) -> Iterator[str]:
    for each in crm.iter():
        if each.tag not in ATTRIBUTES:
            yield f"unknown element {each.tag}"
            continue
        needed, possible = ATTRIBUTES[each.tag]
        yield from (f"{each.tag} lacks {name}" for name in sorted(needed - each.attrib.keys()))
        for name, value in each.attrib.items():
            if name not in needed | possible:
                yield f"{each.tag} has no {name}"
            if value not in ENUMERATIONS.get((each.tag, name), {value}):
                yield f"{name} of {each.tag} is {value}"
            if name.endswith(("Passes", "Requests", "Version")) and not value.isdecimal():
                yield f"{name} of {each.tag} is no number"


def _shape(crm: ET.Element) -> Iterator[str]:
    if [each.tag for each in crm] != CHILDREN["Crm"]:
        yield "Crm has other children, or in another order"
    scenarios = {each.get("Id"): each for each in crm.iter("Scenario")}
    if len(scenarios) != len(list(crm.iter("Scenario"))):
        yield "two scenarios have one id"
    for name in (LOOKUP, REPORT):
        found = scenarios.get(name)
        if found is None or [each.tag for each in found] != CHILDREN[name]:
            yield f"scenario {name!r} must have {CHILDREN[name]}"
    for request in crm.iter("Request"):
        if not request.get("Url", "").startswith(("http://", "https://")):
            yield "a request goes nowhere"
        if request.get("RequestType") == "Get" and request.find("PostValues") is not None:
            yield "a GET posts"


def _conditions(crm: ET.Element) -> Iterator[str]:
    for each in crm.iter("Value"):
        condition = each.get("If", "")
        found = _CONDITION.fullmatch(condition)
        if condition and (found is None or found[1] not in CALL_TYPES):
            yield f"a condition of {condition}"
        if not each.get("Key"):
            yield "a value has no key"
    for values in crm.iter("PostValues"):
        alike = [(each.get("Key"), each.get("If")) for each in values]
        if len(set(alike)) < len(alike):
            yield "a key is given twice"


def _contact(crm: ET.Element) -> Iterator[str]:
    shown = {each.get("Type", "") for each in crm.iter("Output")}
    for wanted, name in (({"ContactUrl"}, "a link"), (NAMES, "a name"), (PHONES, "a number")):
        if not shown & wanted:
            yield f"a contact needs {name}"
    yield from (f"no output {each}" for each in sorted(shown - OUTPUTS))


def _expressions(crm: ET.Element) -> Iterator[str]:
    parameters = {each.get("Name", "") for each in crm.iter("Parameter")}
    for each in crm.iter("Parameter"):
        if each.get("Type") == "Password" and each.get("Default"):
            yield "a password lies open in the template"
    for scenario in crm.iter("Scenario"):
        known = parameters | {each.get("Name", "") for each in scenario.iter("Variable")}
        known |= OF_A_CALL if scenario.get("Id") == REPORT else {"Number", "CallDirection"}
        for each in (*scenario.iter("Value"), *scenario.iter("Output")):
            yield from _expression(each, each.text or each.get("Value", ""), known)


def _expression(element: ET.Element, text: str, known: set[str]) -> Iterator[str]:
    formatted = set(FORMATTING.findall(text))
    bare = FORMATTING.sub("", text)
    for name in sorted((formatted | set(VARIABLE.findall(bare))) - known):
        yield f"nobody fills in {name}"
    if "CallEstablishedTimeUTC" in formatted:
        yield "a missed call was never answered, and formatting that time fails"
    if formatted and element.get("Passes") != "2":
        yield "a formatted time takes two passes"
    if set(VARIABLE.sub("", bare)) & set("[]"):
        yield f"brackets are left over in {text}"
