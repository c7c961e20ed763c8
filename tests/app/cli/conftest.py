"""Somebody at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.app.cli.console import Console

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Console:
    """A terminal, and a data folder that nobody has used yet."""
    return Console(tmp_path, monkeypatch, capsys)
