"""The commands of those who work on the gateway: pass the tests, all that CI runs, and more."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from app import lock
from app.installation import ROOT
from core import clock

# Files side by side: most of their time is waiting for processes, sockets and disks.
_SIDE_BY_SIDE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
_TESTS_FAILED = 1
LEAST_COVERAGE = 80  # percent of lines and branches, of all processes that the tests start
_LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
_STEPS = (
    ("format", ("-m", "ruff", "format", "--check", ".")),
    ("lint", ("-m", "ruff", "check", ".")),
    ("types", ("-m", "mypy")),
    ("imports", ("-c", _LINT_IMPORTS, "--no-logo")),
)


def test(arguments: list[str]) -> int:
    """Run pytest in the root of the checkout; gives its exit status.

    Without arguments, all that does not take long runs, file by file side by side; with some, they
    say what and how.
    """
    import pytest

    os.chdir(ROOT)
    return int(pytest.main(arguments or [*_SIDE_BY_SIDE, "-m", "not long"]))


def check(arguments: list[str]) -> int:
    """Run everything that CI runs, up to the first step that fails; gives that step's exit status.

    The arguments go to pytest. It comes last, and its closing line ends the output.
    """
    for title, command in _STEPS:
        began = clock.monotonic()
        status, words = _run(command)
        _tell(title, began, [words] if status else [])
        if status:
            return status
    began = clock.monotonic()
    faults = lock.faults(ROOT)
    _tell("locks", began, [*faults, f"To renew them:\n{lock.RENEW}"] if faults else [])
    if faults:
        return 1
    print("tests …", flush=True)
    coverage = ("--cov", "--cov-report=term", f"--cov-fail-under={LEAST_COVERAGE}")
    status = _follow(("-m", "pytest", *coverage, *_SIDE_BY_SIDE, *arguments))
    if status != _TESTS_FAILED or not _some_failed():
        return status
    # A machine that is busy with all of them can make one miss its time; alone it has no excuse.
    print("those that failed, once more and alone …", flush=True)
    return _follow(("-m", "pytest", "--last-failed", "--last-failed-no-failures", "none"))


def chaos(arguments: list[str]) -> int:
    """Run the gateway under load and faults; 1 when a promise was broken (tests/chaos)."""
    return _follow(("-m", "tests.chaos", *arguments))


def fuzz(arguments: list[str]) -> int:
    """Give the gateway made-up input; 1 when it did not know what to say (tests/fuzz)."""
    return _follow(("-m", "tests.fuzz", *arguments))


def _some_failed() -> bool:
    """Whether pytest noted tests that failed; too little coverage has the same exit status."""
    noted = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
    return noted.exists() and bool(json.loads(noted.read_text()))


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Run Python with this command line in the root; gives the exit status and all it said."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _follow(command: Sequence[str]) -> int:
    """Run Python where its words can be followed; gives the exit status.

    It is left the time to clear up: a Ctrl-C reaches it without us, a SIGTERM is passed on.
    """
    with subprocess.Popen([sys.executable, *command], cwd=ROOT) as process:
        earlier = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()
        finally:
            signal.signal(signal.SIGTERM, earlier)


def _tell(title: str, began: float, faults: Sequence[str]) -> None:
    verdict = "not in order" if faults else "in order"
    print(f"{title} {verdict} ({clock.monotonic() - began:.1f} s)", *faults, sep="\n", flush=True)
