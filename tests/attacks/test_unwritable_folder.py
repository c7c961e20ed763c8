"""A data folder that cannot be used is said in one line, by the commands that stay, too."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.gateway import PROGRAM, environment

if TYPE_CHECKING:
    from pathlib import Path


def _said(command: str, folder: Path) -> str:
    done = subprocess.run(
        [*PROGRAM, command],
        env=environment({"DATA_DIR": str(folder)}),
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode in (1, 2), done.stderr
    return done.stderr


@pytest.mark.parametrize("command", ["up", "migrate"])
def test_a_data_folder_that_is_a_file_is_said_in_one_line(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "data"
    folder.write_text("a file")
    assert _said(command, folder).startswith("gateway: DATA_DIR is ")
    assert _said(command, folder).count("\n") == 1


@pytest.mark.parametrize("command", ["up", "migrate"])
def test_a_file_that_is_no_database_is_named_in_one_line(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "gateway.sqlite3").write_text("not a database, " * 1000)
    said = _said(command, folder)
    assert "gateway.sqlite3' cannot be used" in said
    assert said.count("\n") == 1


def test_a_database_that_nobody_serves_is_named_in_one_line_and_waited_for(tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/x", "REDIS_URL": "redis://h"}
    with subprocess.Popen(
        [*PROGRAM, "web"],
        env=environment(servers),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as web:
        assert web.stderr is not None
        first = web.stderr.readline()
        web.send_signal(signal.SIGTERM)
        rest = web.communicate(timeout=30)[1]
    assert "127.0.0.1:1/x cannot be used" in first
    assert "hush" not in first
    assert (web.returncode, rest) == (0, "")
