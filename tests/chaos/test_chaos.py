"""A short fault run on each back end, and what a seed repeats."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos import faults
from tests.chaos.history import Record
from tests.chaos.plant import BACK_ENDS, EMBEDDED, SERVERS, Plant
from tests.chaos.storm import Storm
from tests.gateway import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LONG_S = 600.0
# Seeds whose first faults are kills, of the gateway and of its servers, and one of 3CX.
SEEDS = {SERVERS: "ci1152", EMBEDDED: "ci108"}


def run(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """A fault run: its exit status, its document, and what it said on the way."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_every_promise_is_kept_under_load_and_faults(back_end: str) -> None:
    seed = SEEDS[back_end]
    status, said, words = run("--minutes", "0.3", "--seed", seed, "--backend", back_end)
    assert said.get("violations") == [], words
    assert status == 0
    assert said["accepted"] > 0
    assert said["sent"] > 0
    assert said["told"] > 0
    assert (said["lost"], said["doubled"], said["inversions"]) == (0, 0, 0)
    assert said["faults"]
    assert (said["seed"], said["backend"]) == (seed, back_end)
    for each in said["recovery_s"].values():
        assert each["times"] >= 1


def drawn(folder: Path, seed: str) -> list[str]:
    """The first hundred faults of a run that could be had with this seed."""
    with closing(Record(folder / "callers.jsonl")) as record:
        storm = Storm(seed, Plant(folder, SERVERS, None), record, [])
        return [each.name for _ in range(100) for each in storm.draw(LONG_S)][:100]


def test_a_seed_repeats_its_faults_and_another_has_others(tmp_path: Path) -> None:
    assert drawn(tmp_path, "one") == drawn(tmp_path, "one")
    assert drawn(tmp_path, "one") != drawn(tmp_path, "two")


def test_every_fault_comes_before_any_comes_again(tmp_path: Path) -> None:
    possible = faults.possible(SERVERS, disk=False)
    first = Counter(drawn(tmp_path, "one")[: len(possible)])
    assert first == Counter(each.name for each in possible)


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_only_what_needs_a_disk_is_left_out_where_none_can_be_mounted(back_end: str) -> None:
    with_disk = {each.name for each in faults.possible(back_end, disk=True)}
    without = {each.name for each in faults.possible(back_end, disk=False)}
    assert with_disk - without == {"disk filled"}
    assert {each.name for each in faults.impossible(back_end, disk=False)} == {"disk filled"}
