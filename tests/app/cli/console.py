"""The command line as an operator meets it: as a program, or (quicker) in this process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from app.cli import main
from tests.gateway import PROGRAM, environment

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Said:
    """What a command printed, and its exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Console:
    """Somebody at a terminal, with a data folder of their own."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.data_dir = folder / "data"
        self.variables = {"DATA_DIR": str(self.data_dir), "PORT": "8000"}
        self._folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys

    def run(self, *arguments: str, typing: str | io.StringIO = "") -> Said:
        """Run a command in this process, with what is typed on its standard input."""
        with self._monkeypatch.context() as patch:
            patch.setattr(os, "environ", environment(self.variables))
            typed = io.StringIO(typing) if isinstance(typing, str) else typing
            patch.setattr(sys, "stdin", typed)
            self._capsys.readouterr()
            try:
                status = main(list(arguments))
            except SystemExit as ended:
                status = int(ended.code or 0)
        return Said(status, *self._capsys.readouterr())

    def json(self, *arguments: str, typing: str = "") -> Any:
        """Run a command that must succeed; gives its document."""
        said = self.run(*arguments, "--json", typing=typing)
        assert said.status == 0, said.err
        assert said.document["success"] is True
        return said.document

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the real program."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self._folder,
            env=environment(self.variables),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **({"stdout": subprocess.PIPE} | options),
        )

    def program(self, *arguments: str) -> Said:
        """Run the real program to its end."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        return Said(process.returncode, out, err)

    def site(self) -> dict[str, str]:
        """Make an account, an instance and an integration; gives their ids and the secret."""
        account = self.json("account", "create", "Bakery")["account_id"]
        instance = self.json("instance", "create", "--account", account, *NUMBER)["instance_id"]
        made = self.json("integration", "create", "--account", account, "--instance", instance)
        return {name: made[name] for name in (*IDS, "secret")}


IDS = ("account_id", "instance_id", "integration_id")
NUMBER = (
    *("--phone-number-id", "123456789012345", "--access-token", "EAAtoken"),
    *("--app-secret", "app-key", "--verify-token", "hello"),
)
