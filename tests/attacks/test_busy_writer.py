"""Beside an `up` that writes without a pause, a second process still gets its turn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import models
from core import clock
from core.config import Settings
from models.slot import Rate, Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

import pytest

ROOT = Path(__file__).parent.parent.parent
WRITER = """
import sys, threading
from core import clock
from core.config import Settings
import models
from models.slot import Rate, Slot

models.start(Settings.from_environment({"DATA_DIR": sys.argv[1]}), migrating=True)
print("writing", flush=True)

def write(name):
    while True:
        Slot.reserve([Rate(name, 10, 1)], clock.now_ms(), clock.now_ms() + 10**9)

for number in range(8):
    threading.Thread(target=write, args=(f"flood {number}",), daemon=True).start()
sys.stdin.read()
"""


@pytest.fixture
def flooded(tmp_path: Path) -> Iterator[Path]:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        yield tmp_path
        writer.kill()


def test_a_second_process_writes_within_a_second_or_two(flooded: Path) -> None:
    models.start(Settings.from_environment({"DATA_DIR": str(flooded)}))
    waits = []
    for number in range(12):
        began = clock.monotonic()
        Slot.reserve([Rate(f"other {number}", 10, 1)], clock.now_ms(), clock.now_ms() + 10**9)
        waits.append(clock.monotonic() - began)
    models.stop()
    assert sorted(waits)[-2] < 1.5, waits
