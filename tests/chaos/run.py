"""A fault run: load and faults for a while, then calm, then the checker's verdict."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import models
from core import clock
from models.event import Event
from models.forward import Forward
from models.inbound_item import InboundItem, ItemState
from tests.chaos import checker, faults, history
from tests.chaos.attendant import Attendant
from tests.chaos.disk import Disk
from tests.chaos.load import CALLERS, Caller, Chat, Ration
from tests.chaos.plant import Plant
from tests.chaos.poster import Poster
from tests.chaos.probe import Probe
from tests.chaos.sites import Builder
from tests.chaos.storm import Recoveries, Storm

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.checker import Report
    from tests.chaos.history import Record
    from tests.chaos.sites import Sites

_CALM_S, _QUIET_S = 60.0, 90.0
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Order:
    """What to run.

    The seed decides the sites, the order, kinds, targets and lengths of the faults, and what each
    caller and the attendant choose to do next. It does not decide how the machine interleaves them:
    how far each caller gets, which message is in hand when a fault strikes, and ids of the gateway.
    A calm run has the load alone.
    """

    seed: str
    minutes: float
    back_end: str
    calm: bool = False


@dataclass
class Outcome:
    """What came of it."""

    order: Order
    report: Report
    recoveries: Recoveries
    struck: list[str]
    left_out: list[str]
    restarts: int
    folder: Path


@dataclass
class Run:
    """One run, in a folder of its own.

    Args:
        order: what to run.
        say: is told how it goes.
    """

    order: Order
    say: Callable[[str], None]
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gateway-chaos-")))

    def go(self) -> Outcome:
        """Run it; the servers, the gateway and the disk are gone afterwards, the folder stays."""
        with Disk.mounted() as disk, Plant(self.folder, self.order.back_end, disk) as plant:
            return self._on(plant)

    def _on(self, plant: Plant) -> Outcome:
        models.start(plant.settings, migrating=True)
        models.stop()
        history.install(plant.settings)
        dice = Random(f"{self.order.seed}/sites")
        builder = Builder(plant.whatsapp.base_url, plant.trunks, dice)
        sites = builder.build(plant.settings)
        record = history.Record(self.folder / "callers.jsonl")
        for site in sites.loaded + sites.probes:
            connected = site.integrations[0].id
            record.write("connected", instance_id=site.instance_id, integration_id=connected)
        plant.start()
        plant.connect(sites.loaded + sites.probes)
        storm = self._rage(plant, sites, record)
        self._settle(plant)
        record.write("quiet")
        record.close()
        plant.stop()
        return self._judge(plant, storm)

    def _rage(self, plant: Plant, sites: Sites, record: Record) -> Storm:
        seed = self.order.seed
        storm = Storm(seed, plant, record, sites.loaded)
        load = [*self._callers(plant, sites, record), Attendant(seed, plant, record, sites.loaded)]
        for each in load:
            each.start()
        until = clock.monotonic() + self.order.minutes * 60
        try:
            if self.order.calm:
                clock.sleep(self.order.minutes * 60)
            storm.rage(until, Probe(plant, record, sites.probes), self.say)
        finally:
            for each in load:
                each.stop()
        for each in load:
            each.join()
        return storm

    def _callers(self, plant: Plant, sites: Sites, record: Record) -> list[Caller]:
        chats = [Chat(site, each) for site in sites.loaded for each in site.customers]
        Random(f"{self.order.seed}/chats").shuffle(chats)
        ids = [each.id for site in sites.loaded for each in site.integrations]
        rations = {f"{door}{each}": Ration() for door in ("", "sms ") for each in ids}
        poster = Poster(plant, record)
        return [
            Caller(f"c{place}", self.order.seed, poster, chats[place::CALLERS], rations)
            for place in range(CALLERS)
        ]

    def _settle(self, plant: Plant) -> None:
        """Wait until the gateway has nothing left to do, and WhatsApp nothing more to report."""
        self.say("calm: waiting until everything has ended …")
        models.start(plant.settings)
        try:
            if not _ends(plant, _CALM_S):
                plant.hands.turn_forward()
                _ends(plant, _QUIET_S)
        finally:
            models.stop()

    def _judge(self, plant: Plant, storm: Storm) -> Outcome:
        lines = self.folder / "history.jsonl"
        journal, trunks = self.folder / "whatsapp.jsonl", self.folder / "trunks.jsonl"
        history.collect(self.folder / "callers.jsonl", journal, plant.settings, lines, trunks)
        disk, back_end = plant.disk is not None, self.order.back_end
        return Outcome(
            self.order,
            checker.check(lines),
            storm.recoveries,
            storm.struck,
            [each.name for each in faults.impossible(back_end, disk=disk)],
            sum(unit.lives - 1 for unit in plant.units),
            self.folder,
        )


def _ends(plant: Plant, patience_s: float) -> bool:
    """Wait until everything has ended; False when it takes longer."""
    until = clock.monotonic() + patience_s
    while not (plant.is_quiet and _nothing_stands()):
        if clock.monotonic() > until:
            return False
        clock.sleep(_LOOK_EVERY_S)
    return True


def _nothing_stands() -> bool:
    untaken = InboundItem.select().where(InboundItem.state == ItemState.RECEIVED.value)
    events = Event.select().where(Event.finished_at_ms.is_null() | Event.untold)
    news = Forward.select().where(Forward.finished_at_ms.is_null())
    return not any(each.exists() for each in (untaken, events, news))
