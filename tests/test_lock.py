"""The locks can be trusted: they name no registry, and hold what pyproject.toml asks for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app import lock
from app.installation import pins

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (lock.RUNTIME, lock.DEVELOPMENT, "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new, 1))


def test_our_locks_name_no_address_and_agree_with_pyproject() -> None:
    assert lock.faults(ROOT) == []


@pytest.mark.parametrize("name", [lock.RUNTIME, lock.DEVELOPMENT])
def test_every_line_with_a_version_is_read_as_a_pin(name: str) -> None:
    text = (ROOT / name).read_text()
    assert len(pins(text)) == sum("==" in line.partition(";")[0] for line in text.splitlines())


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example/simple",
        "--extra-index-url=//packages.example",
        "-i packages",
        "--find-links /wheels",
        "-f /wheels",
        "-e .",
        "    # from https://packages.example/falcon.whl",
        "falcon @ packages/falcon.whl",
        "./falcon.whl",
        "/wheels/falcon.whl",
    ],
)
def test_an_address_in_a_lock_is_noticed(checkout: Path, line: str) -> None:
    with (checkout / lock.RUNTIME).open("a") as file:
        file.write(f"{line}\n")
    (fault, *_) = lock.faults(checkout)
    last = len((checkout / lock.RUNTIME).read_text().splitlines())
    assert fault.startswith(f"{lock.RUNTIME}:{last}: looks like an address")


def test_a_pin_without_a_hash_is_noticed(checkout: Path) -> None:
    with (checkout / lock.DEVELOPMENT).open("a") as file:
        file.write("zzz==1.0\n")
    assert lock.faults(checkout) == [f"{lock.DEVELOPMENT}: zzz has no hash."]


def test_a_dependency_that_is_not_locked_is_noticed(checkout: Path) -> None:
    change(checkout / "pyproject.toml", "dependencies = [", 'dependencies = [\n    "new-thing>=1",')
    assert lock.faults(checkout) == [
        f"{name}: pyproject.toml wants new-thing>=1, locked is None."
        for name in (lock.RUNTIME, lock.DEVELOPMENT)
    ]


def test_a_locked_version_that_pyproject_excludes_is_noticed(checkout: Path) -> None:
    change(checkout / "pyproject.toml", '"pytest>=', '"pytest<9,>=')
    (fault,) = lock.faults(checkout)
    assert fault.startswith(f"{lock.DEVELOPMENT}: pyproject.toml wants pytest")


def test_a_pin_that_nobody_asks_for_any_more_is_noticed(checkout: Path) -> None:
    change(checkout / "pyproject.toml", '"waitress>=', '"falcon>=4", # "waitress>=')
    assert lock.faults(checkout) == [
        f"{name}: waitress is locked for a pyproject.toml that no longer names it."
        for name in (lock.RUNTIME, lock.DEVELOPMENT)
    ]


def test_another_version_in_development_than_in_production_is_noticed(checkout: Path) -> None:
    pin = next(pin for pin in pins((ROOT / lock.RUNTIME).read_text()) if pin.name == "certifi")
    change(checkout / lock.DEVELOPMENT, f"certifi=={pin.version}", "certifi==1.0")
    assert lock.faults(checkout) == [
        f"{lock.DEVELOPMENT}: certifi is not at {pin.version}, as in {lock.RUNTIME}."
    ]
