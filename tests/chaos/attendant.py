"""The person who looks after the gateway in a run."""

from __future__ import annotations

import json
import subprocess
import threading
from random import Random
from typing import TYPE_CHECKING, Any

from core import clock
from tests.chaos.unit import PROGRAM

if TYPE_CHECKING:
    from tests.chaos.history import Record
    from tests.chaos.plant import Plant
    from tests.chaos.sites import Site

_COMMAND_S = 60
_AGAIN_S = 0.5


class Attendant(threading.Thread):
    """Pauses accounts and numbers now and then, and resumes whatever is paused.

    By the command line, as everybody does, and by the same clock; also what the gateway paused
    because WhatsApp asked for a person.
    """

    def __init__(self, seed: str, plant: Plant, record: Record, sites: list[Site]) -> None:
        super().__init__(name="attendant", daemon=True)
        self._dice = Random(f"{seed}/attendant")
        self._plant, self._record, self._sites = plant, record, sites
        self._closing = threading.Event()

    def run(self) -> None:
        """One pause after the other; in the end nothing is paused."""
        while not self._closing.wait(self._dice.uniform(4, 16)):
            noun = self._dice.choice(("account", "instance"))
            row_id = getattr(self._dice.choice(self._sites), f"{noun}_id")
            if self._command("pause", noun, row_id) is not None:
                self._record.write("paused", **{f"{noun}_id": row_id})
            self._closing.wait(self._dice.uniform(1, 8))
            self._resume(noun, row_id)
            self._resume_numbers()
        self._resume_numbers()

    def stop(self) -> None:
        """Resume what is paused, and end."""
        self._closing.set()

    def _resume(self, noun: str, row_id: str) -> None:
        self._record.write("resumed", **{f"{noun}_id": row_id})
        self._insist("resume", noun, row_id)

    def _resume_numbers(self) -> None:
        for each in self._insist("instance", "list")["instances"]:
            if each["paused"]:
                self._resume("instance", each["instance_id"])

    def _insist(self, *arguments: str) -> Any:
        """What a command answers, once the database is there to answer."""
        while (answer := self._command(*arguments)) is None:
            clock.sleep(_AGAIN_S)
        return answer

    def _command(self, *arguments: str) -> Any:
        done = subprocess.run(
            [*PROGRAM, *arguments, "--json"],
            cwd=self._plant.folder,
            env=dict(self._plant.environment),
            capture_output=True,
            timeout=_COMMAND_S,
            check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None
