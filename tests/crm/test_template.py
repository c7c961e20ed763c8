"""The CRM template is one that 3CX takes, and the rules by which we say so can fail."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from app import threecx_template
from tests.crm.phone_system import PhoneSystem, TemplateFailed
from tests.crm.rules import faults

ORIGIN = "https://gateway.example"
TEMPLATE = threecx_template.xml(ORIGIN, "int_01m80j8z5y0k42xeh9ah7gakvz")


def test_the_template_keeps_the_rules() -> None:
    assert faults(TEMPLATE) == []


def test_the_template_knows_its_gateway_and_its_integration_and_no_secret() -> None:
    urls = [each.get("Url") for each in ET.fromstring(TEMPLATE).iter("Request")]  # noqa: S314
    assert urls == [
        f"{ORIGIN}/integrations/3cx/int_01m80j8z5y0k42xeh9ah7gakvz/lookup",
        f"{ORIGIN}/integrations/3cx/webhook/int_01m80j8z5y0k42xeh9ah7gakvz",
    ]
    assert "whsec" not in TEMPLATE


@pytest.mark.parametrize(
    ("good", "broken", "fault"),
    [
        ("<Crm ", "<!-- a -- b --><Crm ", "no XML"),
        ("</Crm>", "", "no XML"),
        (' Country="US"', "", "Crm lacks Country"),
        (' SupportsEmojis="true"', ' SupportsEmojis="True"', "SupportsEmojis of Crm is True"),
        ('Version="1"', 'Version="1.0"', "Version of Crm is no number"),
        ('Prefix="Plus"', 'Prefix="plus"', "Prefix of Number is plus"),
        ('<Number Prefix="Plus" MaxLength="" />', "", "Crm has other children"),
        ('Type="Password"', 'Type="password"', "Type of Parameter is password"),
        ('Type="Password"', 'type="Password"', "Parameter lacks Type"),
        ('Default=""', 'Default="whsec_1"', "a password lies open"),
        ('Editor="String"', 'Editor="Text"', "Editor of Parameter is Text"),
        ('Authentication Type="No"', 'Authentication Type="None"', "Authentication is None"),
        ('Type="REST"', 'Type="Rest"', "Type of Scenario is Rest"),
        ('RequestType="Post"', 'RequestType="POST"', "RequestType of Request is POST"),
        ('RequestType="Post"', 'Method="Post"', "Request has no Method"),
        ('RequestType="Post"', 'RequestType="Get"', "a GET posts"),
        ('RequestEncoding="Json"', 'RequestEncoding="JSON"', "RequestEncoding of Request is JSON"),
        (' ResponseType="Json"', "", "Request lacks ResponseType"),
        ('Url="https://', 'Url="ftp://', "a request goes nowhere"),
        ('Id="ReportCall"', 'Id="ReportCalls"', "scenario 'ReportCall' must have"),
        ('Id="ReportCall"', 'Id=""', "two scenarios have one id"),
        ("</Request>\n    </Scenario>\n  </Scenarios>",
         '</Request><Outputs AllowEmpty="true"/></Scenario></Scenarios>',
         "scenario 'ReportCall' must have ['Request']"),
        ("</Request>\n    </Scenario>\n  </Scenarios>",
         "</Request><Rules/></Scenario></Scenarios>", "scenario 'ReportCall' must have"),
        ("</Request>\n    </Scenario>\n  </Scenarios>",
         "</Request><Variables/></Scenario></Scenarios>", "scenario 'ReportCall' must have"),
        ('<Rule Type="Any" Ethalon="">contact.id</Rule>',
         '<Rule Type="any" Ethalon="">contact.id</Rule>', "Type of Rule is any"),
        ("<Rules>", "<Rules/><Rulez>", "no XML"),
        ('AllowEmpty="true"', 'AllowEmpty="yes"', "AllowEmpty of Outputs is yes"),
        ('<Output Type="ContactUrl"', '<Output Type="ContactURL"', "a contact needs a link"),
        ('<Output Type="FirstName"', '<Output Type="Name"', "a contact needs a name"),
        ('<Output Type="PhoneMobile"', '<Output Type="Phone"', "a contact needs a number"),
        ("[CallType]==Missed", "[CallType]==&quot;Missed&quot;", "a condition of"),
        ("[CallType]==Missed", "[CallType]==missed", "a condition of"),
        ("[CallType]==Missed", "[CallType]=Missed", "a condition of"),
        ("[CallType]==Missed", "CallType==Missed", "a condition of"),
        ("[CallType]==Outbound", "[CallType]==Inbound", "a key is given twice"),
        ('Key="queue"', 'Key=""', "a value has no key"),
        ('Key="queue" Passes="1"', 'Key="queue" Passes="one"', "Passes of Value is no number"),
        ('Key="queue" Passes="1" Type="String"', 'Key="queue" Passes="1" Type="Text"',
         "Type of Value is Text"),
        ("[QueueExtension]", "[Queue]", "nobody fills in Queue"),
        ("[Secret]", "[APIKey]", "nobody fills in APIKey"),
        ("[ContactName]", "[Agent]", "nobody fills in Agent"),
        ("[Duration]", "[Duration", "brackets are left over"),
        ("[[CallStartTimeUTC].", "[[CallEstablishedTimeUTC].", "was never answered"),
        ('Key="call_time" Passes="2"', 'Key="call_time" Passes="1"', "two passes"),
    ],
)  # fmt: skip
def test_a_broken_template_breaks_a_rule(good: str, broken: str, fault: str) -> None:
    assert good in TEMPLATE
    found = faults(TEMPLATE.replace(good, broken))
    assert any(fault in each for each in found), found


def test_a_phone_system_posts_nothing_where_it_cannot_fill_the_template_in() -> None:
    untold = PhoneSystem(TEMPLATE, "whsec_1")
    with pytest.raises(TemplateFailed):
        untold.reports("Missed", "0500000001", CallStartTimeUTC="")
