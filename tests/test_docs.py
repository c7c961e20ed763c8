"""What a person reads says what the code does: tables, commands, links, examples."""

from __future__ import annotations

import argparse
import hmac
import importlib
import json
import os
import pkgutil
import re
import shlex
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import models
from app import openapi, proof
from app.cli import account, demo, development, instance, integration, parser
from app.limiter import QUOTAS
from app.sandbox import Sandbox
from core.config import Settings, variables
from core.errors import ErrorCode
from core.optout import WORDS
from core.words import CALL_EVENTS, PUBLISHED_TYPES, RECORDED_ONLY, DeliveryStatus, Purpose, State
from models.account import Plan
from models.base import Model, SealedField
from models.event import Waiting
from schemas.threecx import EventStatus
from workers.policy import POLICY
from workers.providers import ProviderError, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page.relative_to(ROOT).as_posix() for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)
DECISIONS = [page for page in PAGES if re.match(r"docs/adr/\d", page)]
LANGUAGES = {
    "en": "English",
    "fr": "French",
    "es": "Spanish",
    "de": "German",
    "pt": "Portuguese",
    "ar": "Arabic",
}


def read(page: str) -> str:
    return (ROOT / page).read_text()


def code(word: object) -> str:
    return f"`{word}`"


def words_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL)


def cells(line: str) -> list[str]:
    return [each.strip().replace("\\|", "|") for each in re.split(r"(?<!\\)\|", line)[1:-1]]


def table(page: str, *header: str) -> list[list[str]]:
    """The rows below this header, of every table on the page that has it; there is one at least."""
    rows: list[list[str]] = []
    inside = False
    for line in read(page).splitlines():
        if not line.startswith("|"):
            inside = False
        elif cells(line) == list(header):
            inside = True
        elif inside and not line.startswith("| ---"):
            rows.append(cells(line))
    assert rows, f"{page} has no table of {header}"
    return rows


def test_every_setting_has_its_row() -> None:
    assert table("docs/configuration.md", "variable", "type", "default", "what it does") == [
        [code(name), kind, code(default) if default else "", words]
        for name, kind, default, words, _ in variables()
    ]


def test_every_error_code_has_its_status_cause_and_fix() -> None:
    assert sorted(table("docs/errors.md", "code", "status", "cause", "fix")) == sorted(
        [code(each.value), str(each.status), each.cause, each.fix] for each in ErrorCode
    )


def test_what_the_endpoint_checks_is_listed_with_the_right_status() -> None:
    listed = table("docs/webhook.md", "", "check", "code", "status")

    assert {words_in(row[2])[0]: int(row[3]) for row in listed} == {
        each.value: each.status for each in openapi._AT_THE_DOOR
    }


def test_every_door_s_limit_is_published() -> None:
    header = ("door", "requests in any 60 seconds, per integration", "code")

    assert table("docs/sms.md", *header) == [
        [code(each.door), str(each.limit), code(each.refusal.value)] for each in QUOTAS.values()
    ]


def test_every_error_of_whatsapp_has_its_codes_and_its_consequence() -> None:
    listed = table("docs/errors.md", "words", "Meta's codes", "what the gateway does")
    ours: list[tuple[set[int] | None, ProviderError]] = [
        *((set(codes), means()) for codes, means in errors.MEANINGS),
        *((None, means()) for means in (errors.UNKNOWN_CODE, errors.TOO_FAST, errors.UNCLEAR)),
    ]

    assert [(row[0], whole_numbers(row[1])) for row in listed] == [
        (error.summary, codes) for codes, error in ours
    ]
    for row, (_, error) in zip(listed, ours, strict=True):
        assert row[2].startswith("pauses") == error.pause, row
        assert row[2].startswith("refuses") == error.permanent, row
        assert row[2].startswith("`uncertain`") == error.maybe_sent, row
        assert ("at most" in row[2]) == (error.max_retries is not None), row


def whole_numbers(listed: str) -> set[int] | None:
    """What a list such as `1, 3-5` names; None for words."""
    if not re.fullmatch(r"[\d, -]+", listed):
        return None
    ends = [each.strip().split("-") for each in listed.split(",")]
    return {number for each in ends for number in range(int(each[0]), int(each[-1]) + 1)}


def test_every_reason_of_the_security_log_is_explained() -> None:
    source = Path(proof.__file__).read_text()
    raised = re.findall(r'"(\w+)"', "".join(re.findall(r"_Unproven\((.*?)\)\n", source)))

    assert len(raised) > 8
    listed = table("docs/errors.md", "reason", "what to check")
    assert sorted(words_in(row[0])[0] for row in listed) == sorted(raised)


def test_every_event_type_says_what_it_does() -> None:
    listed = dict(table("docs/webhook.md", "`event_type`", "what it does"))

    assert listed.keys() == set(map(code, PUBLISHED_TYPES))
    assert {name for name in listed if "a call event" in listed[name]} == set(
        map(code, CALL_EVENTS)
    )
    assert {name for name in listed if listed[name] == "recorded only"} == set(
        map(code, RECORDED_ONLY)
    )


def test_every_purpose_is_listed() -> None:
    listed = table("docs/webhook.md", "`message_purpose`")

    assert listed == [[code(purpose.value)] for purpose in Purpose]


def test_every_state_is_explained_and_can_be_expected() -> None:
    assert [row[0] for row in table("docs/journey.md", "state", "meaning")] == list(
        map(code, State)
    )
    expected = dict(table("docs/webhook.md", "field", "content"))
    assert words_in(expected["`state`"]) == list(State)
    assert set(words_in(expected["`delivery`"])) == set(DeliveryStatus)


def test_everything_that_an_event_can_wait_for_is_explained() -> None:
    listed = table("docs/journey.md", "`waiting_for`", "ends")

    assert [row[0] for row in listed] == list(map(code, Waiting))


def test_the_policy_is_shown_in_its_order() -> None:
    listed = table("docs/journey.md", "check", "refuses with", "may wait")

    assert [row[:2] for row in listed] == [
        [code(check.__name__), code(refusal.value)] for check, refusal in POLICY
    ]


def test_every_opt_out_word_is_listed_with_what_it_does() -> None:
    assert table("docs/whatsapp.md", "word", "language", "does", "default") == [
        [
            word.text,
            LANGUAGES[word.language],
            word.keyword.value,
            "on" if word.is_default else "off",
        ]
        for word in WORDS
    ]


class Command(NamedTuple):
    """A command of the command line, as its parser knows it."""

    name: str
    arguments: tuple[str, ...]
    help: str | None


def commands(level: argparse.ArgumentParser, before: str = "") -> Iterator[Command]:
    """All commands, those of the nouns too."""
    for group in (each for each in level._actions if isinstance(each, argparse._SubParsersAction)):
        helps = {choice.dest: choice.help for choice in group._choices_actions}
        for name, each in group.choices.items():
            if any(isinstance(action, argparse._SubParsersAction) for action in each._actions):
                yield from commands(each, f"{before}{name} ")
            else:
                yield Command(f"{before}{name}", arguments(each), helps[name])


def arguments(command: argparse.ArgumentParser) -> tuple[str, ...]:
    return tuple(
        str(action.option_strings[-1] if action.option_strings else action.metavar or action.dest)
        for action in command._actions
        if action.dest not in {"help", "json", "data_dir"}
    )


COMMANDS = list(commands(parser._build()))


def test_every_command_is_listed_with_its_arguments() -> None:
    assert table("docs/command-line.md", "command", "arguments", "what it does") == [
        [code(each.name), " ".join(map(code, each.arguments)), each.help] for each in COMMANDS
    ]


@pytest.mark.parametrize("noun", [account, instance, integration], ids=lambda each: each.__name__)
def test_everything_that_can_be_set_is_explained(noun: object) -> None:
    name = noun.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    listed = table("docs/command-line.md", f"of an {name}", "value")

    assert {key for row in listed for key in words_in(row[0])} == noun._SETTABLE.keys()  # type: ignore[attr-defined]


def test_the_plans_have_their_published_limits() -> None:
    plans = dict(table("docs/command-line.md", "of an account", "value"))["`plan`"]

    for plan in Plan:
        said = re.search(rf"`{plan}` \(([\d,]+)[^(]*?, ([\d,]+)[^(]*?\)", plans)
        assert said is not None, plan
        numbers = tuple(int(each.replace(",", "")) for each in said.groups())
        assert numbers == (plan.limits.daily, plan.limits.monthly)


def test_every_sealed_column_is_named() -> None:
    for module in pkgutil.iter_modules(models.__path__, "models."):
        importlib.import_module(module.name)
    sealed = {
        model._meta.table_name: sorted(
            field.column_name
            for field in model._meta.sorted_fields
            if isinstance(field, SealedField)
        )
        for model in Model.__subclasses__()
    }
    listed = table("docs/security.md", "table", "columns")

    assert {words_in(name)[0]: sorted(words_in(columns)) for name, columns in listed} == {
        name: columns for name, columns in sealed.items() if columns
    }


def test_the_headers_are_those_that_the_door_reads() -> None:
    listed = {row[0] for row in table("docs/webhook.md", "header", "when", "content")}
    read_by_us = (proof.SECRET_HEADER, proof.TIMESTAMP_HEADER, proof.SIGNATURE_HEADER)

    assert listed == set(map(code, (*read_by_us, "Idempotency-Key", "Prefer")))


def test_the_signature_to_check_ones_own_code_with_is_right() -> None:
    page = read("docs/webhook.md")
    found = re.search(
        r"secret `(\S+)`, the timestamp `(\d+)` and the body above, the\s+signature is `(\w+)`",
        page,
    )
    body = re.search(r"^body='(.*)'$", page, re.MULTILINE)
    assert found is not None
    assert body is not None
    secret, timestamp, signature = found.groups()

    assert (
        signature == hmac.digest(secret.encode(), f"{timestamp}.{body[1]}".encode(), sha256).hex()
    )


@pytest.mark.parametrize("page", ["README.md", "docs/webhook.md"])
def test_examples_of_answers_are_json_and_complete(page: str) -> None:
    answers = [json.loads(block) for block in blocks(page, "json")]

    assert answers
    for answer in (each for each in answers if "state" in each):
        assert answer.keys() == EventStatus().fields.keys() - {"duplicate"}
    for answer in (each for each in answers if "error" in each and "state" not in each):
        assert answer["message"] == ErrorCode(answer["error"]).message


def test_the_readme_has_two_commands_that_the_launcher_knows() -> None:
    first = blocks("README.md", "sh")[0].splitlines()

    assert first == ["./gateway up", "./gateway test"]
    assert os.access(ROOT / "gateway", os.X_OK)
    for line in first:
        launcher, command = line.split()
        assert (ROOT / launcher).is_file()
        assert parser.read([command]).command == command


def test_the_readme_shows_what_the_first_start_prints(capsys: pytest.CaptureFixture[str]) -> None:
    shown = blocks("README.md", "console")[0].removeprefix("$ ./gateway up\n")
    integration_id = re.search(r"webhook/(int_\w+)", shown)
    secret = re.search(r"Secret +(\S+)", shown)
    assert integration_id is not None
    assert secret is not None
    settings = Settings.from_environment({"HOST": "127.0.0.1"})
    whatsapp = Sandbox()
    whatsapp.start()
    try:
        demo.Greeting(settings, whatsapp, settings.port)._print(integration_id[1], secret[1])
        graph = whatsapp.base_url
    finally:
        whatsapp.stop()

    printed = capsys.readouterr().out.replace(graph, "http://127.0.0.1:40665")
    assert shown.strip() == printed.strip()


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_the_procfile_is_shown_as_it_is(page: str) -> None:
    assert read("Procfile") in blocks(page, "")


def shown_commands(page: str) -> Iterator[str]:
    """The command lines of ours that stand in a page's blocks."""
    for block in (*blocks(page, "sh"), *blocks(page, "console")):
        for line in block.splitlines():
            if found := re.match(r"(?:\$ )?(?:\./)?gateway (.+)", line):
                yield found[1]


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_shown_can_be_given(page: str) -> None:
    for line in shown_commands(page):
        name, *rest = shlex.split(line)
        if name in development.NAMES:  # the rest is not ours to parse
            rest = []
        assert parser.read([name, *rest]).command == name, line


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_named_exist(page: str) -> None:
    known = {each.name for each in COMMANDS} | {each.name.split()[0] for each in COMMANDS}
    named = re.findall(r"`(?:\./)?gateway ([a-z]+(?: [a-z][a-z-]*)?)", read(page))

    assert [each for each in named if each not in known and each.split()[0] not in known] == []
    nouns = {each.name.split()[0] for each in COMMANDS if " " in each.name}
    assert [each for each in named if each.split()[0] in nouns and each not in known] == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.is_file(), link
        assert target.resolve().is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_within_reach_of_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            links = re.findall(r"\]\(([^)\s#]+)", page.read_text())
            waiting += [page.parent / link for link in links if "://" not in link]

    assert {page.relative_to(ROOT).as_posix() for page in reached} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_names_a_place_of_one_machine_or_a_registry(page: str) -> None:
    text = read(page)

    assert (
        re.findall(
            r"(?<![\w.}/:>])(?:/|~/)(?:home|root|tmp|usr|var|etc|opt|mnt|srv|work|Users)\b.*", text
        )
        == []
    )
    assert (
        re.findall(
            r"(?i)[\w.]*pypi[\w.]*|pythonhosted|registry\.|artifactory|--(?:extra-)?index-url|/simple\b",
            text,
        )
        == []
    )


@pytest.mark.parametrize("page", DECISIONS)
def test_a_decision_has_a_date_a_context_a_choice_and_its_price(page: str) -> None:
    number = page.rpartition("/")[2][:4]
    text = read(page)

    assert text.startswith(f"# {number}: ")
    assert re.search(r"^2\d{3}-\d\d, (accepted|replaced by \d{4})\.$", text, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]


def test_decisions_are_counted_without_a_gap_and_listed() -> None:
    numbers = [page.rpartition("/")[2][:4] for page in DECISIONS]
    listed = re.findall(r"^\| \[(\d{4})\]", read("docs/adr/README.md"), re.MULTILINE)

    assert numbers == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    assert listed == numbers
