"""The two lock files held against pyproject.toml, as far as that can be told without a network."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.installation import pins

if TYPE_CHECKING:
    from packaging.requirements import Requirement

RUNTIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"
RENEW = """\
uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-emit-index-url \
-o requirements.txt
uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header \
--no-emit-index-url -c requirements.txt -o requirements-dev.txt"""

# An address, an option that could hold one, a package by its place instead of its name.
_ADDRESS = re.compile(r"://|^[ \t]*--?(?!-?hash=)|\s@\s|^[./]|\bfile:", re.MULTILINE)
# A pin, its hashes, and the comments that say who asked for it.
_ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==.*\n?(?P<hashes>(?: +--hash=.*\n?)*)(?P<asked>(?: +#.*\n?)*)",
    re.MULTILINE,
)


def faults(root: Path) -> list[str]:
    """What is wrong with the locks in a checkout, a sentence each; none when they may be trusted.

    They carry no address, a hash for every pin, every dependency of pyproject.toml at a version it
    allows and none that it no longer names, and the development lock holds the runtime's pins.
    """
    runtime, development = (root / RUNTIME).read_text(), (root / DEVELOPMENT).read_text()
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wanted, tools = project["project"]["dependencies"], project["dependency-groups"]["dev"]
    return [
        *_form_faults(RUNTIME, runtime),
        *_form_faults(DEVELOPMENT, development),
        *_agreement_faults(RUNTIME, runtime, wanted),
        *_agreement_faults(DEVELOPMENT, development, [*wanted, *tools]),
        *(
            f"{DEVELOPMENT}: {name} is not at {version}, as in {RUNTIME}."
            for name, version in _versions(runtime).items()
            if _versions(development).get(name) != version
        ),
    ]


def _form_faults(file: str, lock: str) -> Iterator[str]:
    for match in _ADDRESS.finditer(lock):
        line = lock.count("\n", 0, match.end()) + 1
        yield f"{file}:{line}: looks like an address; a lock names packages and hashes only."
    for entry in _ENTRY.finditer(lock):
        if not entry["hashes"]:
            yield f"{file}: {entry['name']} has no hash."


def _agreement_faults(file: str, lock: str, wanted: Iterable[str]) -> Iterator[str]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    locked = _versions(lock)
    requirements = {canonicalize_name(each.name): each for each in map(Requirement, wanted)}
    for name, requirement in requirements.items():
        if name not in locked or not _allows(requirement, locked[name]):
            yield f"{file}: pyproject.toml wants {requirement}, locked is {locked.get(name)}."
    for entry in _ENTRY.finditer(lock):
        if "(pyproject.toml" in entry["asked"] and entry["name"] not in requirements:
            yield f"{file}: {entry['name']} is locked for a pyproject.toml that no longer names it."


def _allows(requirement: "Requirement", version: str) -> bool:
    return requirement.specifier.contains(version, prereleases=True)


def _versions(lock: str) -> dict[str, str]:
    return {pin.name: pin.version for pin in pins(lock)}
