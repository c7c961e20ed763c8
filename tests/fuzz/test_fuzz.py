"""A short flood of made-up input, the same each time; and what longer ones found."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson
import pytest

from app.installation import ROOT
from core import phone
from schemas import meta
from tests.fuzz import documents, parsers
from tests.fuzz.target import Target, pure, run
from tests.fuzz.targets import TARGETS
from workers.providers.errors import judge

INPUTS = 20_000


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_anything(name: str) -> None:
    target = TARGETS[name]
    assert run(target, seed=0, indexes=range(INPUTS * target.share // 1_000)) == []


def test_an_input_can_be_made_again_by_its_number() -> None:
    for target in TARGETS.values():
        assert repr(target.input(7, 3)) == repr(target.input(7, 3))
        assert repr(target.input(7, 3)) != repr(target.input(8, 3))


def test_what_breaks_is_found_once_for_each_line_and_says_how_to_see_it_again() -> None:
    def breaks(made: float) -> None:
        assert made < 0.9

    target = Target("demo", 1, lambda rng: rng.random(), pure(breaks))
    (found,) = run(target, 5, range(100))
    assert found.again == f"--target demo --seed 5 --only {found.index}"
    assert target.input(5, found.index) >= 0.9


def test_the_command_tries_a_target_and_one_of_its_inputs() -> None:
    def said(*arguments: str) -> str:
        command = [sys.executable, "-m", "tests.fuzz", "--target", "phone", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout

    assert "100 inputs, 0 findings" in said("--inputs", "100")
    assert said("--only", "4").endswith("nothing broke\n")


# What was found.


@pytest.mark.parametrize("number", [2438, 51956307995337])
def test_a_national_number_beyond_the_bounds_of_the_itu_is_none(number: int) -> None:
    assert phone.normalise(number, "DE") is None


@pytest.mark.parametrize(
    ("written", "region", "found"),
    [("+95 00 863040920", None, "+95863040920"), ("3208)4104556", "US", "+3284104556")],
)
def test_a_person_has_one_number_however_many_zeros_were_left_in(
    written: str, region: str | None, found: str
) -> None:
    assert phone.normalise(written, region) == phone.normalise(found, None) == found


@pytest.mark.parametrize("code", [2**63 - 1, -(2**63), 1e300, 2**31])
def test_a_code_that_no_column_holds_is_a_refusal_all_the_same(code: float) -> None:
    error = judge(400, {}, orjson.dumps({"error": {"code": code}}))
    assert not error.maybe_sent
    assert error.code is not None
    assert abs(error.code) < 2**31


def test_a_failed_status_with_such_a_code_is_read_without_it() -> None:
    told: dict[str, Any] = {"id": "wamid.9", "status": "failed", "errors": [{"code": 2**62}]}
    change = {"field": "messages", "value": {"statuses": [told]}}
    (item,) = meta.items(orjson.dumps({"entry": [{"changes": [change]}]}))
    assert isinstance(item, meta.StatusUpdate)
    assert item.errors == ()


@pytest.mark.parametrize("marks", ["\u0301\u0316" * 60_000, "\ufdfa" * 60_000])
def test_a_long_run_of_marks_is_known_again_in_linear_time(marks: str) -> None:
    body = orjson.loads(documents.THREECX[0]) | {"message_text": marks}
    assert run(
        Target("marks", 1, lambda _: orjson.dumps(body), parsers.payload_reader), 0, [0]
    ) == []  # fmt: skip
