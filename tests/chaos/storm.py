"""One fault after the other, sometimes two at once, in an order that the seed decides."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from core import clock
from tests.chaos import faults
from tests.chaos.faults import Strike

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.faults import Fault
    from tests.chaos.history import Record
    from tests.chaos.plant import Plant
    from tests.chaos.probe import Probe
    from tests.chaos.sites import Site

TWO = "two at once"
_TWO_OF = 4  # one strike of so many is two faults at once
_CALM_S = (0.5, 2.0)


@dataclass
class Recoveries:
    """Of each fault, how many seconds each recovery took; None where the probe gave up."""

    seconds: dict[str, list[float | None]] = field(default_factory=lambda: defaultdict(list))

    def add(self, struck: list[Fault], seconds: float | None) -> None:
        """Note one; what followed two faults is owed to neither alone."""
        name = struck[0].name if len(struck) == 1 else TWO
        self.seconds[name].append(seconds)


class Storm:
    """Draws faults like cards: each comes once before any comes again."""

    def __init__(self, seed: str, plant: Plant, record: Record, sites: list[Site]) -> None:
        self._dice = Random(f"{seed}/faults")
        self._plant, self._record, self._sites = plant, record, sites
        self._deck: list[Fault] = []
        self.recoveries = Recoveries()
        self.struck: list[str] = []

    def rage(self, until: float, probe: Probe, say: Callable[[str], None]) -> None:
        """Let faults strike until a time of the monotonic clock."""
        while (left_s := until - clock.monotonic()) > 0:
            clock.sleep(min(left_s, self._dice.uniform(*_CALM_S)))
            struck = self.draw(until - clock.monotonic())
            if not struck:
                clock.sleep(max(0.0, until - clock.monotonic()))
                return
            self._strike(struck)
            seconds = probe.recovery_s()
            self.recoveries.add(struck, seconds)
            names = " + ".join(each.name for each in struck)
            say(f"{names}: {'not recovered' if seconds is None else f'{seconds:.1f} s'}")

    def draw(self, left_s: float) -> list[Fault]:
        """The next faults, of those that end in the time that is left."""
        if not any(self._fits(each, left_s) for each in self._deck):
            more = faults.possible(self._plant.back_end, disk=self._plant.disk is not None)
            self._dice.shuffle(more)
            self._deck += more
        first = self._take(left_s)
        if first is None:
            return []
        two = self._dice.randrange(_TWO_OF) == 0
        second = self._take(left_s, but=faults.group_of(first)) if two else None
        return [first, second] if second else [first]

    def _take(self, left_s: float, but: tuple[Fault, ...] = ()) -> Fault | None:
        for place, each in enumerate(self._deck):
            if self._fits(each, left_s) and each not in but:
                return self._deck.pop(place)
        return None

    def _fits(self, fault: Fault, left_s: float) -> bool:
        return fault.most_s <= left_s

    def _strike(self, struck: list[Fault]) -> None:
        hold_s = max(self._dice.uniform(*each.hold_s) for each in struck)
        with ExitStack() as stack:
            for each in struck:
                self._record.write("fault", name=each.name, phase="begin")
                self.struck.append(each.name)
                stack.callback(self._record.write, "fault", name=each.name, phase="end")
                stack.enter_context(each.cause(Strike(self._plant, self._dice, self._sites)))
            clock.sleep(hold_s)
