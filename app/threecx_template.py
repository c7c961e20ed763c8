"""The CRM template of an integration: how an unmodified 3CX tells of calls and asks who calls.

Its form is that of 3CX's "CRM Template XML Description" and of templates that run on V18 and V20.
Enumerations are case-sensitive, and what follows `==` in an `If` stands without quotes.
"""

from xml.etree import ElementTree as ET

from app import LOOKUP, WEBHOOK
from core.signing import SECRET_HEADER
from core.words import EventType, Purpose

VERSION = 1  # 3CX shows a template with a higher one as an update

# A time is an object of .NET's, and needs a second pass to be formatted. It says UTC by its Z. That
# of the answer, [CallEstablishedTimeUTC], must not be formatted: a missed call has none.
_STARTED = '[[CallStartTimeUTC].ToString("yyyy-MM-ddTHH:mm:ssZ")]'
_AS_IT_IS, _FILLED_IN, _FORMATTED = "0", "1", "2"  # the passes that fill in a value

# Calls that the business made are told too, so that somebody who wonders sees them arrive.
_EVENT_TYPES = {
    "Missed": EventType.MISSED_CALL,
    "Inbound": EventType.CALL_ENDED,
    "Outbound": EventType.CALL_ENDED,
    "Notanswered": EventType.CALL_ENDED,
}
_CALL = {
    "call_type": (_FILLED_IN, "[CallType]"),
    "customer_phone": (_FILLED_IN, "[Number]"),
    "agent_extension": (_FILLED_IN, "[Agent]"),
    "queue": (_FILLED_IN, "[QueueExtension]"),
    "call_time": (_FORMATTED, _STARTED),
    "duration_seconds": (_FILLED_IN, "[Duration]"),
    # 3CX has no id of a call: the same call told twice alike is one event.
    "event_id": (_FORMATTED, f"{_STARTED}-[Number]-[CallType]"),
    "message_purpose": (_AS_IT_IS, Purpose.OPERATIONAL.value),
}
_CONTACT = {
    "ContactId": "contact.id",
    "ContactName": "contact.name",
    "ContactPhone": "contact.phone",
    "ContactUrl": "contact.url",
}
_SHOWN = {
    "ContactUrl": "[ContactUrl]",
    "FirstName": "[ContactName]",
    "PhoneMobile": "[ContactPhone]",
    "EntityId": "[ContactId]",
    "EntityType": "Contacts",
}


def xml(origin: str, integration_id: str) -> str:
    """The template, as 3CX takes it in an upload; the administrator enters the secret there.

    Args:
        origin: where 3CX reaches the gateway, as `https://gateway.example`.
        integration_id: whose calls these are.
    """
    crm = ET.Element(
        "Crm", Name="WhatsApp Gateway", Country="US", Version=str(VERSION), SupportsEmojis="true"
    )
    ET.SubElement(crm, "Number", Prefix="Plus", MaxLength="")
    ET.SubElement(crm, "Connection", MaxConcurrentRequests="2")
    _secret(ET.SubElement(crm, "Parameters"))
    ET.SubElement(crm, "Authentication", Type="No")
    scenarios = ET.SubElement(crm, "Scenarios")
    _lookup(scenarios, origin + LOOKUP.format(integration_id=integration_id))
    _report(scenarios, origin + WEBHOOK.format(integration_id=integration_id))
    ET.indent(crm)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(crm, encoding="unicode")


def _secret(parameters: ET.Element) -> None:
    ET.SubElement(
        parameters,
        "Parameter",
        Name="Secret",
        Type="Password",
        Parent="General Configuration",
        Editor="String",
        Title="Secret of the integration:",
        Default="",
    )


def _lookup(scenarios: ET.Element, url: str) -> None:
    scenario = ET.SubElement(scenarios, "Scenario", Id="", Type="REST")
    _value(_request(scenario, url), "number", (_FILLED_IN, "[Number]"))
    rules = ET.SubElement(scenario, "Rules")
    ET.SubElement(rules, "Rule", Type="Any", Ethalon="").text = _CONTACT["ContactId"]
    variables = ET.SubElement(scenario, "Variables")
    for name, path in _CONTACT.items():
        ET.SubElement(variables, "Variable", Name=name, Path=path)
    outputs = ET.SubElement(scenario, "Outputs", AllowEmpty="true")
    for kind, value in _SHOWN.items():
        ET.SubElement(outputs, "Output", Type=kind, Passes=_AS_IT_IS, Value=value)


def _report(scenarios: ET.Element, url: str) -> None:
    scenario = ET.SubElement(scenarios, "Scenario", Id="ReportCall", Type="REST")
    values = _request(scenario, url)
    for call_type, event_type in _EVENT_TYPES.items():
        _value(values, "event_type", (_AS_IT_IS, event_type.value), If=f"[CallType]=={call_type}")
    for key, value in _CALL.items():
        _value(values, key, value)


def _request(scenario: ET.Element, url: str) -> ET.Element:
    request = ET.SubElement(
        scenario,
        "Request",
        SkipIf="",
        Url=url,
        MessagePasses="0",
        RequestContentType="",
        RequestEncoding="Json",
        RequestType="Post",
        ResponseType="Json",
    )
    headers = ET.SubElement(request, "Headers")
    _value(headers, SECRET_HEADER, (_AS_IT_IS, "[Secret]"))
    return ET.SubElement(request, "PostValues")


def _value(parent: ET.Element, key: str, value: tuple[str, str], **condition: str) -> None:
    passes, text = value
    attributes = {"Key": key, "Passes": passes, "Type": "String"} | condition
    ET.SubElement(parent, "Value", attributes).text = text
