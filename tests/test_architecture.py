"""Imports point down, and the contract that says so can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("app", "workers", "models", "schemas", "core")
DOWNWARD = "Imports point down"
PURE = "Policy, providers and destinations know no models"
APART = "Policy, providers and destinations know nothing of each other"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for floor in FLOORS:
        shutil.copytree(
            ROOT / floor, tmp_path / floor, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", lint, "--no-cache", "--no-logo"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_our_imports_point_down(copy: Path) -> None:
    linted = lint_imports(copy)
    assert linted.returncode == 0, linted.stdout
    assert "0 broken" in linted.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("core/clock.py", "import workers", DOWNWARD),
        ("core/clock.py", "import schemas", DOWNWARD),
        ("models/account.py", "import schemas", DOWNWARD),
        ("schemas/__init__.py", "import models", DOWNWARD),
        ("schemas/__init__.py", "def late() -> None:\n    import app", DOWNWARD),
        ("workers/stage.py", "import app", DOWNWARD),
        ("workers/policy/__init__.py", "import models", PURE),
        ("workers/policy/checks.py", "from models import account", PURE),
        ("workers/providers/__init__.py", "import models", PURE),
        ("workers/policy/checks.py", "from workers import providers", APART),
        ("workers/providers/__init__.py", "import workers.policy", APART),
    ],
)
def test_an_import_that_points_up_or_aside_breaks_the_contract(
    copy: Path, module: str, line: str, broken: str
) -> None:
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")
    linted = lint_imports(copy)
    assert linted.returncode == 1
    assert f"{broken} BROKEN" in linted.stdout
