"""`gateway check` on a small checkout: every step counts, and the tests have the last word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
OURS = (
    "app/development.py",
    "app/installation.py",
    "app/lock.py",
    "core/clock.py",
    ".importlinter",
)
COMMAND = "import sys; from app import development as d; sys.exit(d.{}(sys.argv[1:]))"
STORY = """from core import clock


def test_the_clock_stands_when_frozen() -> None:
    clock.freeze(5)
    assert clock.now_ms() == 5
    clock.reset()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    workers = ("workers/policy", "workers/providers", "workers/destinations")
    for package in ("app", *workers, "models", "schemas", "core"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "workers" / "__init__.py").touch()
    for name in (*OURS, "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_clock.py").write_text(STORY)
    return tmp_path


def run(checkout: Path, command: str, *arguments: str) -> tuple[int, str]:
    # Were we measured ourselves, the check in the copy would count into our figures.
    environment = {name: it for name, it in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND.format(command), *arguments],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_too_little_coverage_fails_after_every_other_step_is_in_order(checkout: Path) -> None:
    status, output = run(checkout, "check")
    assert status != 0
    steps = re.findall(r"^(\w+) in order \(\d+\.\d s\)$", output, re.MULTILINE)
    assert steps == ["format", "lint", "types", "imports", "locks"]
    assert "Required test coverage of 80% not reached" in output
    assert re.fullmatch(r"=+ 1 passed in .*=+", output.splitlines()[-1])


@pytest.mark.parametrize(
    ("file", "content", "step", "words"),
    [
        ("core/new.py", "x  = 1\n", "format", "core/new.py"),
        ("core/new.py", "import os\n", "lint", "F401"),
        ("core/new.py", '"""New."""\n\nx: int = "1"\n', "types", "Incompatible types"),
        (
            "core/new.py",
            '"""New."""\n\nimport app\n\n__all__ = ["app"]\n',
            "imports",
            "core.new -> app",
        ),
        ("requirements.txt", "--index-url https://packages.example\n", "locks", "uv pip compile"),
    ],
)
def test_the_first_step_that_fails_ends_the_check_with_its_words(
    checkout: Path, file: str, content: str, step: str, words: str
) -> None:
    with (checkout / file).open("a") as changed:
        changed.write(content)
    status, output = run(checkout, "check")
    assert status != 0
    assert f"{step} not in order" in output
    assert words in output
    assert "tests …" not in output


def test_arguments_of_the_test_command_are_pytests(checkout: Path) -> None:
    assert run(checkout, "test", "-k", "frozen")[0] == 0
    status, output = run(checkout, "test", "-k", "nothing_like_it")
    assert status == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "1 deselected" in output
