"""Call events set up by the command line: hours, holidays, templates, and 3CX's CRM template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app import threecx_template
from tests.crm.rules import faults
from workers import call_texts

if TYPE_CHECKING:
    from tests.app.cli.console import Console

NINE_TO_FIVE = [["09:00", "17:00"]]
KINDS = ["missed_call", "voicemail", "call_ended", "queue_callback", "after_hours"]


def integration(console: Console) -> str:
    """A new integration's id."""
    return console.site()["integration_id"]


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ("language=ar", {"language": "ar"}),
        ("mark_read=on", {"mark_read": True}),
        ("business_hours=mon 09:00-17:00", {"business_hours": {"mon": NINE_TO_FIVE}}),
        (
            "business_hours=sat-mon 09:00-17:00, Tue 13:00-24:00 00:00-01:30",
            {
                "business_hours": {
                    "mon": NINE_TO_FIVE,
                    "tue": [["00:00", "01:30"], ["13:00", "24:00"]],
                    "sat": NINE_TO_FIVE,
                    "sun": NINE_TO_FIVE,
                }
            },
        ),
        ('business_hours={"fri": [["09:00", "17:00"]]}', {"business_hours": {"fri": NINE_TO_FIVE}}),
        ('business_hours={"fri": []}', {"business_hours": {"fri": []}}),
        ("business_hours={}", {"business_hours": {}}),
        ("business_hours=", {"business_hours": None}),
        (
            "holidays=2027-01-01, 2026-12-25,2027-01-01",
            {"holidays": ["2026-12-25", "2027-01-01"]},
        ),
        ("holidays=", {"holidays": []}),
    ],
)
def test_an_integration_takes_what_calls_are_about(
    console: Console, pair: str, shown: dict[str, Any]
) -> None:
    name = integration(console)
    changed = console.json("integration", "set", name, pair)
    assert changed | shown == changed
    assert console.json("integration", "show", name) == changed


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("language=it", "must be one of en, ar, es, fr, de, pt"),
        ("business_hours=mon 9:00-17:00", "must be hours such as"),
        ("business_hours=mon 17:00-09:00", "over midnight is two days"),
        ("business_hours=mon 09:00-24:01", "must be hours such as"),
        ("business_hours=mon 09:00-12:00 11:00-13:00", "must be hours such as"),
        ("business_hours=mon 09:00-12:00, mon 09:00-12:00", "must be hours such as"),
        ("business_hours=mo 09:00-12:00", "must be hours such as"),
        ("business_hours=mon-xyz 09:00-12:00", "must be hours such as"),
        ("business_hours=mon 09:00", "must be hours such as"),
        ("business_hours=,", "must be hours such as"),
        ('business_hours={"mon": [["09:00"]]}', "must be hours such as"),
        ('business_hours={"mon": "09:00-17:00"}', "must be hours such as"),
        ('business_hours={"mon": [[9, 17]]}', "must be hours such as"),
        ('business_hours={"monday": []}', "must be hours such as"),
        ('business_hours={"mon": [', "must be hours such as"),
        ("holidays=25.12.2026", "must be dates such as 2026-12-25"),
        ("holidays=2026-02-30", "must be dates such as 2026-12-25"),
    ],
)
def test_what_calls_cannot_be_about_is_refused(console: Console, pair: str, words: str) -> None:
    said = console.run("integration", "set", "int_x", pair)
    assert (said.status, said.out) == (2, "")
    assert words in said.err
    assert said.err.count("\n") == 1


def test_hours_are_shown_to_people_as_they_write_them(console: Console) -> None:
    name = integration(console)
    assert "always open" in console.run("integration", "show", name).out
    hours = "mon 09:00-12:00 13:00-17:00, tue 09:00-17:00"
    assert hours in console.run("integration", "set", name, f"business_hours={hours}").out
    assert "never open" in console.run("integration", "set", name, "business_hours={}").out


def test_a_template_is_switched_and_worded(console: Console) -> None:
    name = integration(console)
    console.json("integration", "set", name, "language=fr", "call_events=on")
    change = ("integration", "call-template", name, "missed_call")
    first = console.json(*change, "--on")
    assert (first["enabled"], first["own_text"]) == (True, False)
    assert first["text"] == call_texts.default("missed_call", "fr")
    worded = console.json(*change, "--text", " Merci, {{business_name}} ")
    assert (worded["enabled"], worded["text"]) == (True, "Merci, {{business_name}}")
    off = console.json(*change, "--off")
    assert (off["enabled"], off["own_text"]) == (False, True)
    assert console.json(*change, "--text", "")["own_text"] is False


def test_a_text_of_several_lines_comes_on_standard_input(console: Console) -> None:
    name = integration(console)
    change = ("integration", "call-template", name, "voicemail", "--on", "--text", "-")
    said = console.json(*change, typing="Thank you.\nWe call back. \U0001f468\u200d\U0001f467\n")
    assert said["text"] == "Thank you.\nWe call back. \U0001f468\u200d\U0001f467"


def test_an_integration_shows_all_its_templates(console: Console) -> None:
    name = integration(console)
    console.json("integration", "call-template", name, "missed_call", "--on")
    console.json("integration", "call-template", name, "voicemail", "--on", "--text", "Hello")
    console.json("integration", "call-template", name, "call_ended", "--text", "Hello")
    shown = console.json("integration", "show", name)["call_templates"]
    assert list(shown) == KINDS
    assert {kind for kind in KINDS if shown[kind]["enabled"]} == {"missed_call", "voicemail"}
    assert shown["voicemail"] == {"enabled": True, "text": "Hello", "own_text": True}
    said = console.run("integration", "show", name).out
    assert "missed_call (our text), voicemail (own text)\n" in said


def test_somebody_whose_call_events_are_off_hears_how_to_switch_them_on(console: Console) -> None:
    name = integration(console)
    change = ("integration", "call-template", name, "missed_call", "--on")
    assert f"gateway integration set {name} call_events=on" in console.run(*change).out
    console.json("integration", "set", name, "call_events=on")
    assert "call_events=on" not in console.run(*change).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reply", "--on"], "must be one of missed_call, voicemail, call_ended, queue_callback"),
        (["missed_call"], "needs --on or --off, or --text"),
        (["missed_call", "--on", "--off"], "needs --on or --off, or --text"),
        (["missed_call", "--text", "Dear {{first name}}"], "There is no variable 'first name'"),
        (["missed_call", "--text", "{{queue}} {{call_time}}"], "must have words beside"),
        (["missed_call", "--text", "x" * 12_289], "at most 12,288 characters"),
        (["missed_call", "--text", "a\x1b[2Jb"], "no control characters"),
        (["missed_call", "--on"], "There is no integration int_x."),
    ],
    ids=lambda each: " ".join(each)[:50] if isinstance(each, list) else "",
)
def test_a_template_that_cannot_be_is_refused(
    console: Console, arguments: list[str], words: str
) -> None:
    said = console.run("integration", "call-template", "int_x", *arguments)
    assert (said.status, said.out) == (2, "")
    assert words in said.err
    assert said.err.count("\n") == 1


def test_the_crm_template_is_printed_for_an_upload(console: Console) -> None:
    name = integration(console)
    console.variables["PUBLIC_URL"] = "https://gateway.example"
    printed = console.run("integration", "crm-template", name)
    assert printed.out == threecx_template.xml("https://gateway.example", name) + "\n"
    assert faults(printed.out) == []
    other = console.json("integration", "crm-template", name, "--url", "https://other.example/")
    assert other["xml"] == threecx_template.xml("https://other.example", name)


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ([], "set PUBLIC_URL, or give --url"),
        (["--url", "gateway.example"], "--url is 'gateway.example', and must be a URL"),
    ],
)
def test_a_crm_template_must_know_where_the_gateway_is(
    console: Console, rest: list[str], words: str
) -> None:
    said = console.run("integration", "crm-template", integration(console), *rest)
    assert (said.status, said.out) == (2, "")
    assert words in said.err


def test_a_crm_template_cannot_sign(console: Console) -> None:
    name = integration(console)
    console.json("integration", "set", name, "auth_mode=secret_and_signature")
    said = console.run("integration", "crm-template", name, "--url", "https://gateway.example")
    assert (said.status, said.out) == (2, "")
    assert f"gateway integration set {name} auth_mode=secret" in said.err
