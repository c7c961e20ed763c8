"""How the locked requirements get into `.venv`: the launcher runs this file before they are there.

So it knows only the standard library, and is started by its path instead of as part of `app`.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
# requirements-dev.txt holds every pin of requirements.txt, so whoever has it has both.
FULFILS = {
    "requirements.txt": ("requirements.txt",),
    "requirements-dev.txt": ("requirements-dev.txt", "requirements.txt"),
}
_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<marker>\s*;)?", re.MULTILINE)

# -I: what the caller's PYTHONPATH offers must not pass for installed. --no-compile: Python
# compiles what it imports, and compiling the rest takes as long as all else of the first start.
_PIP_INSTALL = (
    *("-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"),
    *("--no-compile", "--require-hashes", "--requirement"),
)


class Pin(NamedTuple):
    """One locked package: its normalised name, its version, and whether every platform needs it."""

    name: str
    version: str
    everywhere: bool


class InstallationError(Exception):
    """The requirements could not be installed; the text says what to do about it."""


def pins(lock: str) -> list[Pin]:
    """The packages that a lock file's text pins, in its order."""
    return [
        Pin(re.sub(r"[-_.]+", "-", pin["name"]).lower(), pin["version"], pin["marker"] is None)
        for pin in _PIN.finditer(lock)
    ]


def has(lock_name: str) -> bool:
    """Whether the Python that runs this has each locked package at its locked version.

    A pin for some platforms only may be missing: whoever installed the rest asked for it too,
    and telling whether it is meant for this one takes a library that may not be there.
    """
    return all(
        _installed_version(pin.name) in ({pin.version} if pin.everywhere else {pin.version, None})
        for pin in pins((ROOT / lock_name).read_text())
    )


def install(lock_name: str) -> None:
    """Bring `.venv` to what the lock says, unless another start has done so meanwhile.

    Raises:
        InstallationError: pip, venv or the file system refused.
    """
    try:
        with _alone() as (marker, descriptor):
            _install(lock_name, marker, descriptor)
    except OSError as error:
        raise InstallationError(
            f"{error}. This user must be able to write to {VENV}; on a read-only checkout, "
            f"install {lock_name} into the Python on PATH instead."
        ) from None


def _install(lock_name: str, marker: Path, descriptor: int) -> None:
    wanted = {name: (ROOT / name).read_bytes() for name in FULFILS[lock_name]}
    python = VENV / "bin" / "python"
    was_cut_short = marker.stat().st_size > 0
    if not was_cut_short and os.access(python, os.X_OK) and _holds(wanted):
        return
    _say("installing the locked requirements into .venv (once; this needs the network) …")
    marker.write_text("An installation has begun and not ended.\n")
    if was_cut_short or not os.access(python, os.X_OK):
        _empty(VENV, but=marker)
        _run([_lasting_python(), "-I", "-m", "venv", str(VENV)], descriptor)
    for name in FULFILS["requirements-dev.txt"]:
        (VENV / name).unlink(missing_ok=True)
    try:
        _run([str(python), *_PIP_INSTALL, str(ROOT / lock_name)], descriptor)
    except InstallationError:
        # pip took back what it had begun, so the next start may go on from here.
        marker.write_bytes(b"")
        raise
    for name, content in wanted.items():
        (VENV / name).write_bytes(content)
    marker.write_bytes(b"")


@contextmanager
def _alone() -> Iterator[tuple[Path, int]]:
    """Hold the one right to install; the kernel takes it back from whoever dies.

    Gives the lock file, which is empty unless an installation was cut short, and its descriptor.
    """
    VENV.mkdir(exist_ok=True)
    marker = VENV / ".installing"
    with marker.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another start is installing the requirements; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield marker, file.fileno()


def _run(command: list[str], descriptor: int) -> None:
    """Run to the end, with what it prints on stderr: stdout belongs to the command line.

    The child keeps the lock's descriptor, so that a pip which outlives us keeps others out.
    """
    done = subprocess.run(command, stdout=sys.stderr, pass_fds=(descriptor,), check=False)
    if done.returncode != 0:
        raise InstallationError(
            "the requirements could not be installed, see above. The first start needs the "
            "network; start again when it is there."
        )


def _holds(wanted: dict[str, bytes]) -> bool:
    return all(
        (VENV / name).is_file() and (VENV / name).read_bytes() == content
        for name, content in wanted.items()
    )


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _lasting_python() -> str:
    """This Python by its versioned name: `python3` is another one after a system's upgrade."""
    major, minor, *_ = sys.version_info
    versioned = Path(sys.executable).with_name(f"python{major}.{minor}")
    return str(versioned) if os.access(versioned, os.X_OK) else sys.executable


def _empty(folder: Path, but: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry != but:
            entry.unlink()


def _say(words: str) -> None:
    print(f"gateway: {words}", file=sys.stderr)  # noqa: T201 - the launcher speaks on stderr


def main(arguments: list[str]) -> int:
    """`has LOCK` or `install LOCK`; the exit status says how it went."""
    match arguments:
        case ["has", lock_name] if lock_name in FULFILS:
            return 0 if has(lock_name) else 1
        case ["install", lock_name] if lock_name in FULFILS:
            try:
                install(lock_name)
            except InstallationError as error:
                _say(str(error))
                return 1
            except KeyboardInterrupt:
                _say("the installation was stopped; the next start begins it anew.")
                return 130
            return 0
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
