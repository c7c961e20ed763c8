"""The launcher, on small checkouts whose requirements are wheels made on the spot."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import clock

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
# Stands in for the command line: says what it sees, and waits when it is told to.
COMMAND_LINE = """
import json, os, subprocess, sys
from importlib import metadata

versions = {d.name: d.version for d in metadata.distributions() if d.name.startswith("demo")}
child = [sys.executable, "-c", "import app; print(app.__file__)"]
print(json.dumps({
    "arguments": sys.argv[1:], "folder": os.getcwd(), "pid": os.getpid(), "python": sys.executable,
    "versions": versions, "child": subprocess.check_output(child, cwd="/", text=True).strip(),
}), flush=True)
if "wait" in sys.argv:
    sys.stdin.read()
"""
NETWORK = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
NO_NETWORK = NETWORK | {"PIP_FIND_LINKS": "/nowhere"}


class Checkout:
    """A checkout with our launcher, and everything else small."""

    def __init__(self, root: Path, wheels: Path) -> None:
        self.root = root
        self.wheels = wheels
        self.venv = root / ".venv"

    def make(self) -> Checkout:
        (self.root / "app").mkdir(parents=True)
        shutil.copy(ROOT / "gateway", self.root)
        shutil.copy(ROOT / "app" / "installation.py", self.root / "app")
        (self.root / "app" / "__init__.py").touch()
        (self.root / "app" / "__main__.py").write_text(COMMAND_LINE)
        self.lock("requirements.txt", "demo==1.0")
        self.lock("requirements-dev.txt", "demo==1.0", "demo-dev==1.0")
        return self

    def moved_to(self, root: Path) -> Checkout:
        shutil.copytree(self.root, root, symlinks=True)
        return Checkout(root, self.wheels)

    def lock(self, name: str, *pins: str) -> None:
        lines = [f"{pin} --hash=sha256:{wheel(self.wheels, pin)}\n" for pin in pins]
        (self.root / name).write_text("".join(lines))

    def start(
        self, *arguments: str, by: Path | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        environment = os.environ | NETWORK | {"PIP_FIND_LINKS": str(self.wheels)}
        environment |= {"PYTHON": sys.executable} | options.pop("env", {})
        return subprocess.Popen(
            [by or self.root / "gateway", *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str, **options: Any) -> Run:
        with self.start(*arguments, **options) as process:
            output, words = process.communicate(timeout=60)
        return Run(process.returncode, output, words)


class Run:
    """How a start went."""

    def __init__(self, status: int, output: str, words: str) -> None:
        self.status = status
        self.words = words
        self.saw: dict[str, Any] = json.loads(output) if output else {}
        self.installed = "installing the locked requirements" in words


def wheel(folder: Path, pin: str) -> str:
    """Make an empty package as a wheel, unless it is there; gives its SHA-256."""
    name, _, version = pin.partition("==")
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    if not path.exists():
        with zipfile.ZipFile(path, "w") as archive:
            about = f"{stem}.dist-info"
            archive.writestr(
                f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
            archive.writestr(
                f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(
                f"{about}/RECORD", f"{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
            )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = clock.monotonic() + 30
    while not condition():
        assert clock.monotonic() < deadline
        clock.sleep(0.01)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture
def fresh(tmp_path: Path, wheels: Path) -> Checkout:
    return Checkout(tmp_path / "fresh", wheels).make()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("a") / "path with spaces", wheels).make()
    first = checkout.run("up")
    assert first.installed
    assert first.saw["versions"] == {"demo": "1.0"}
    return checkout


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with what the launcher uses, and no Python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "cmp", "dirname", "readlink"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_second_start_needs_no_network_and_installs_nothing(installed: Checkout) -> None:
    second = installed.run("up", "--port", "80 80", env=NO_NETWORK)
    assert second.status == 0
    assert second.words == ""
    assert second.saw["arguments"] == ["up", "--port", "80 80"]
    assert Path(second.saw["python"]).parent == installed.venv / "bin"


def test_it_starts_from_any_folder_and_leaves_the_caller_there(
    installed: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("raise SystemExit('not ours')")
    started = installed.run("up", cwd=tmp_path)
    assert started.status == 0
    assert started.saw["folder"] == str(tmp_path)


def test_processes_that_we_start_find_the_package_too(installed: Checkout) -> None:
    assert installed.run("up").saw["child"] == str(installed.root / "app" / "__init__.py")


def test_it_starts_through_links(installed: Checkout, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "first").symlink_to(installed.root / "gateway")
    (tmp_path / "bin" / "second").symlink_to("../first")
    started = installed.run("up", by=tmp_path / "bin" / "second")
    assert started.status == 0
    assert not started.installed


def test_a_signal_reaches_python_itself(installed: Checkout) -> None:
    with installed.start("wait") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_a_checkout_that_moved_installs_nothing(installed: Checkout, tmp_path: Path) -> None:
    moved = installed.moved_to(tmp_path / "moved").run("up", env=NO_NETWORK)
    assert moved.status == 0
    assert not moved.installed


def test_a_changed_lock_is_installed(installed: Checkout, tmp_path: Path) -> None:
    checkout = installed.moved_to(tmp_path / "changed")
    checkout.lock("requirements.txt", "demo==2.0")
    assert checkout.run("up").saw["versions"] == {"demo": "2.0"}
    assert not checkout.run("up").installed


@pytest.mark.parametrize("command", ["test", "check", "chaos", "fuzz"])
def test_the_development_lock_is_installed_when_it_is_needed_and_serves_both(
    installed: Checkout, tmp_path: Path, command: str
) -> None:
    checkout = installed.moved_to(tmp_path / command)
    assert checkout.run(command).saw["versions"] == {"demo": "1.0", "demo-dev": "1.0"}
    assert not checkout.run("up").installed
    assert not checkout.run(command).installed


def test_a_package_with_another_hash_is_refused(installed: Checkout, tmp_path: Path) -> None:
    checkout = installed.moved_to(tmp_path / "tampered")
    (checkout.root / "requirements.txt").write_text(f"demo==3.0 --hash=sha256:{'0' * 64}\n")
    wheel(checkout.wheels, "demo==3.0")
    refused = checkout.run("up")
    assert refused.status == 1
    assert refused.saw == {}
    assert "could not be installed" in refused.words


def test_a_start_without_network_says_so_and_the_next_one_goes_on(
    installed: Checkout, tmp_path: Path
) -> None:
    checkout = installed.moved_to(tmp_path / "offline")
    checkout.lock("requirements.txt", "demo==2.0")
    failed = checkout.run("up", env=NO_NETWORK)
    assert failed.status == 1
    assert "needs the network" in failed.words
    assert checkout.run("up").saw["versions"] == {"demo": "2.0"}


def test_two_first_starts_at_once_install_once(fresh: Checkout) -> None:
    with fresh.start("one") as one, fresh.start("two") as two:
        outcomes = [Run(0, *process.communicate(timeout=60)) for process in (one, two)]
    assert [one.returncode, two.returncode] == [0, 0]
    assert [outcome.saw["versions"] for outcome in outcomes] == [{"demo": "1.0"}] * 2
    assert sorted(outcome.installed for outcome in outcomes) == [False, True]


def test_a_first_start_that_was_killed_midway_is_healed_by_the_next(fresh: Checkout) -> None:
    with fresh.start("up", start_new_session=True) as first:
        wait_until((fresh.venv / "bin" / "python").exists)
        os.killpg(first.pid, signal.SIGKILL)
    leftover = fresh.venv / "lib" / "leftover"
    leftover.touch()
    second = fresh.run("up")
    assert second.installed
    assert second.saw["versions"] == {"demo": "1.0"}
    assert not leftover.exists()
    assert not fresh.run("up", env=NO_NETWORK).installed


def test_it_says_what_to_install_where_python_is_too_old_or_has_no_venv(
    fresh: Checkout, programs: Path
) -> None:
    program(programs / "python3", 'case "$3" in *print*) echo 3.9 ;; *) exit 1 ;; esac')
    program(
        programs / "python3.11",
        f'case "$3" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac',
    )
    refused = fresh.run("up", env={"PATH": str(programs), "PYTHON": ""})
    assert refused.status == 1
    assert "(found: python3.11 has no venv, python3 is 3.9)" in refused.words
    assert "apt install python3 python3-venv" in refused.words
    assert "brew install python" in refused.words
    assert not fresh.venv.exists()


def test_it_says_what_to_install_where_there_is_no_python(fresh: Checkout, programs: Path) -> None:
    refused = fresh.run("up", env={"PATH": str(programs), "PYTHON": ""})
    assert refused.status == 1
    assert "Python 3.11 or newer, with venv, is needed. To install it:" in refused.words


def test_a_python_that_has_everything_is_used_and_nothing_is_written(
    fresh: Checkout, installed: Checkout, programs: Path
) -> None:
    program(programs / "python3", f'exec "{installed.venv}/bin/python" "$@"')
    for folder in (fresh.root / "app", fresh.root):
        folder.chmod(0o555)
    started = fresh.run("up", env=NO_NETWORK | {"PATH": str(programs), "PYTHON": ""})
    assert started.status == 0
    assert started.words == ""
    assert started.saw["versions"] == {"demo": "1.0"}
    assert not fresh.venv.exists()


def test_a_place_where_we_cannot_write_is_named(fresh: Checkout) -> None:
    fresh.venv.touch()
    refused = fresh.run("up")
    assert refused.status == 1
    assert f"must be able to write to {fresh.venv}" in refused.words
    assert "Traceback" not in refused.words
