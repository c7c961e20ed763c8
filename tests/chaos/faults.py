"""Everything that goes wrong in a run: one table, one entry each."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from core import clock
from tests.chaos.plant import EMBEDDED, SERVERS
from tests.chaos.trunks import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.chaos.plant import Plant
    from tests.chaos.proxy import Proxy
    from tests.chaos.sites import Site

    Cause = Callable[["Strike"], AbstractContextManager[None]]

_SECOND_MS = 1000
_BOTH = (SERVERS, EMBEDDED)
_ALONE, _TWO = (SERVERS,), (EMBEDDED,)


@dataclass
class Strike:
    """One occurrence of a fault: where it strikes, and the dice that choose how."""

    plant: Plant
    dice: Random
    sites: list[Site] = field(repr=False)  # whom a failing provider or trunk may concern

    @property
    def customers(self) -> list[str]:
        """The customers of all sites."""
        return [each for site in self.sites for each in site.customers]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, for a while.

    Args:
        name: as the table of a run shows it.
        on: the back ends that can have it.
        cause: makes it begin, and at the end of its block makes it end.
        hold_s: from how long to how long it lasts, once it has begun.
        begins_s: how long it may take to begin.
        needs_disk: whether it needs a disk of our own.
    """

    name: str
    on: tuple[str, ...]
    cause: Cause
    hold_s: tuple[float, float] = (1.0, 5.0)
    begins_s: float = 0.0
    needs_disk: bool = False

    @property
    def most_s(self) -> float:
        """How long it lasts at most."""
        return self.begins_s + self.hold_s[1]


@contextmanager
def _killed(strike: Strike, command: str, *, every: bool = False) -> Iterator[None]:
    units = strike.plant.of(command)
    for unit in units if every else [strike.dice.choice(units)]:
        unit.kill()
    yield


@contextmanager
def _terminated(strike: Strike, command: str) -> Iterator[None]:
    strike.dice.choice(strike.plant.of(command)).end(signal.SIGTERM)
    yield


@contextmanager
def _everything_killed(strike: Strike) -> Iterator[None]:
    for unit in strike.plant.units:
        unit.kill()
    yield


@contextmanager
def _rolled(strike: Strike) -> Iterator[None]:
    for unit in strike.plant.units:
        unit.end(signal.SIGTERM)
        clock.sleep(1)  # a platform begins the next when this one is up
    yield


@contextmanager
def _held_still(strike: Strike, command: str) -> Iterator[None]:
    unit = strike.dice.choice(strike.plant.of(command))
    unit.pause()
    yield
    unit.resume()


@contextmanager
def _redis_killed(strike: Strike) -> Iterator[None]:
    strike.plant.redis.kill()
    yield
    strike.plant.redis.restart()


@contextmanager
def _redis_restarted(strike: Strike) -> Iterator[None]:
    strike.plant.redis.restart()
    yield


@contextmanager
def _redis_wiped(strike: Strike) -> Iterator[None]:
    strike.plant.redis.flush()
    yield


@contextmanager
def _redis_paused(strike: Strike) -> Iterator[None]:
    strike.plant.redis.pause()
    yield
    strike.plant.redis.resume()


@contextmanager
def _postgres_killed(strike: Strike) -> Iterator[None]:
    strike.plant.postgres.kill()
    yield
    strike.plant.postgres.restart()


@contextmanager
def _postgres_restarted(strike: Strike) -> Iterator[None]:
    strike.plant.postgres.restart()
    yield


@contextmanager
def _connections_ended(strike: Strike) -> Iterator[None]:
    for _ in range(strike.dice.randint(1, 4)):
        strike.plant.postgres.end_connections()
        clock.sleep(strike.dice.uniform(0.05, 0.5))
    yield


@contextmanager
def _postgres_paused(strike: Strike) -> Iterator[None]:
    strike.plant.postgres.pause()
    yield
    strike.plant.postgres.resume()


@contextmanager
def _disk_filled(strike: Strike) -> Iterator[None]:
    strike.plant.disk.fill()
    yield
    strike.plant.disk.free()
    server = strike.plant.postgres
    if server is not None and server.has_ended:
        server.restart()


@contextmanager
def _way_cut(strike: Strike, way: str) -> Iterator[None]:
    _way(strike, way).cut()
    yield
    _way(strike, way).heal()


@contextmanager
def _way_silent(strike: Strike, way: str) -> Iterator[None]:
    _way(strike, way).silence()
    yield
    _way(strike, way).heal()


@contextmanager
def _way_slow(strike: Strike, way: str) -> Iterator[None]:
    _way(strike, way).slow(strike.dice.uniform(0.02, 0.25))
    yield
    _way(strike, way).heal()


def _way(strike: Strike, name: str) -> Proxy:
    way: Proxy = getattr(strike.plant, name)
    return way


@contextmanager
def _clock_jumped(strike: Strike, least_s: int, most_s: int) -> Iterator[None]:
    strike.plant.hands.turn(strike.dice.randint(least_s, most_s) * _SECOND_MS)
    yield


@contextmanager
def _provider_fails(strike: Strike, *rules: dict[str, Any], share: float = 0.3) -> Iterator[None]:
    """Some customers' next messages meet one of these rules of the emulator."""
    dice = strike.dice
    struck = dice.sample(strike.customers, max(1, int(len(strike.customers) * share)))
    strike.plant.whatsapp.faults.set(
        [{"customer": each, "times": dice.randint(1, 2), **dice.choice(rules)} for each in struck]
    )
    yield
    strike.plant.whatsapp.faults.set([])


def _provider(name: str, *rules: dict[str, Any], share: float = 0.3) -> Fault:
    cause = partial(_provider_fails, share=share)
    return Fault(f"provider: {name}", _BOTH, lambda strike: cause(strike, *rules), (3.0, 8.0))


@contextmanager
def _trunks_fail(strike: Strike, *troubles: Trouble) -> Iterator[None]:
    """Half of the trunks have trouble."""
    dice = strike.dice
    for site in dice.sample(strike.sites, max(1, len(strike.sites) // 2)):
        strike.plant.trunks.trouble([site.instance_id], dice.choice(troubles))
    yield
    strike.plant.trunks.heal()


def _trunk(name: str, *troubles: Trouble) -> Fault:
    return Fault(f"3CX: {name}", _BOTH, lambda strike: _trunks_fail(strike, *troubles), (3.0, 10.0))


_PROCESSES = (
    Fault("web killed", _ALONE, partial(_killed, command="web")),
    Fault("worker killed", _ALONE, partial(_killed, command="worker")),
    Fault("all workers killed", _ALONE, partial(_killed, command="worker", every=True)),
    Fault("everything killed", _ALONE, _everything_killed),
    Fault("web terminated", _ALONE, partial(_terminated, command="web")),
    Fault("worker terminated", _ALONE, partial(_terminated, command="worker")),
    Fault("rolling restart", _ALONE, _rolled, (0.0, 1.0), begins_s=25.0),
    Fault("web held still", _ALONE, partial(_held_still, command="web")),
    Fault("worker held still", _ALONE, partial(_held_still, command="worker"), (2.0, 12.0)),
    Fault(
        "worker held still beyond its lease",
        _ALONE,
        partial(_held_still, command="worker"),
        (27.0, 32.0),
    ),
    Fault("up killed", _TWO, partial(_killed, command="up")),
    Fault("up terminated", _TWO, partial(_terminated, command="up")),
    Fault("up held still", _TWO, partial(_held_still, command="up"), (2.0, 12.0)),
    Fault("up held still beyond its lease", _TWO, partial(_held_still, command="up"), (27.0, 32.0)),
)
_STORES = (
    Fault("Redis killed", _ALONE, _redis_killed),
    Fault("Redis restarted", _ALONE, _redis_restarted),
    Fault("Redis wiped", _ALONE, _redis_wiped),
    Fault("Redis paused", _ALONE, _redis_paused, (2.0, 12.0)),
    Fault("Postgres killed", _ALONE, _postgres_killed),
    Fault("Postgres restarted", _ALONE, _postgres_restarted),
    Fault("Postgres connections ended", _ALONE, _connections_ended),
    Fault("Postgres paused", _ALONE, _postgres_paused, (2.0, 12.0)),
    Fault("disk filled", _BOTH, _disk_filled, (2.0, 6.0), needs_disk=True),
)
_NETWORK = tuple(
    Fault(f"network to {name} {how}", _ALONE, partial(cause, way=way), hold_s)
    for name, way in (("Postgres", "database_way"), ("Redis", "redis_way"))
    for how, cause, hold_s in (
        ("cut", _way_cut, (1.0, 5.0)),
        ("silent", _way_silent, (2.0, 12.0)),
        ("slow", _way_slow, (3.0, 8.0)),
    )
)
_CLOCK = (
    Fault("clock forwards by seconds", _BOTH, partial(_clock_jumped, least_s=2, most_s=40)),
    Fault("clock back by seconds", _BOTH, partial(_clock_jumped, least_s=-40, most_s=-2)),
    Fault("clock forwards by minutes", _BOTH, partial(_clock_jumped, least_s=60, most_s=300)),
    Fault("clock back by minutes", _BOTH, partial(_clock_jumped, least_s=-300, most_s=-60)),
)
_PROVIDER = (
    _provider(
        "slows down",
        {"error": 130429},
        {"error": 80007, "retry_after": 2},
        {"error": 131056},
        {"status": 429, "retry_after": 1},
    ),
    _provider("wants a person", {"error": 131031}, {"error": 190}, {"error": 131042}, share=0.02),
    _provider("refuses", {"error": 131026}, {"error": 131047}, {"error": 100}, {"error": 131050}),
    _provider("blocks a customer", {"error": 130403}, share=0.01),
    _provider("passing failure", {"error": 131000}, {"error": 131016, "retry_after": 1}),
    _provider("500 and 503", {"status": 500}, {"status": 503, "retry_after": 1}),
    _provider("503, but takes it", {"status": 503, "accept": True}),
    _provider("reset before", {"reset": "before"}),
    _provider("reset after", {"reset": "after"}),
    _provider("timeout before", {"timeout": "before", "seconds": 12}, share=0.1),
    _provider("timeout after", {"timeout": "after", "seconds": 12}, share=0.1),
    _provider("drips", {"slow_bytes": True, "seconds": 5}, {"slow_bytes": True, "seconds": 20}),
    _provider("late", {"delay_ms": 2000}, {"delay_ms": 6000}, share=0.1),
    _provider("garbage", {"garbage": True}, {"garbage": True, "accept": True}),
    _provider("failed status", {"failed": 131026}, {"failed": 131047}),
    _provider("silent", {"silent": True}, {"silent": True, "reset": "after"}),
)
_ELSEWHERE = "http://127.0.0.1:9/elsewhere"
_TRUNKS = (
    _trunk("500 and 503", Trouble(500), Trouble(503, retry_after_s=1)),
    _trunk("500, but takes it", Trouble(500, takes=True)),
    _trunk("asks to wait", Trouble(429, retry_after_s=1), Trouble(425)),
    _trunk("refuses", Trouble(422), Trouble(400)),
    _trunk("redirects", Trouble(302, location=_ELSEWHERE), Trouble(308, location=_ELSEWHERE)),
    _trunk("reset before", Trouble(0)),
    _trunk("reset after", Trouble(0, takes=True)),
    _trunk("silent", Trouble(0, wait_s=12), Trouble(0, takes=True, wait_s=12)),
    _trunk("slow", Trouble(takes=True, wait_s=2), Trouble(takes=True, wait_s=6)),
    _trunk("away", Trouble(away=True)),
    _trunk("answers twice", Trouble(takes=True, twice=True), Trouble(503, twice=True)),
)
_GROUPS = (_PROCESSES, (*_STORES, *_NETWORK), _CLOCK, _PROVIDER, _TRUNKS)
FAULTS = tuple(each for group in _GROUPS for each in group)


def group_of(fault: Fault) -> tuple[Fault, ...]:
    """Faults of one kind; two of the same would undo each other."""
    return next(group for group in _GROUPS if fault in group)


def possible(back_end: str, *, disk: bool) -> list[Fault]:
    """The faults that this back end can have, here."""
    return [each for each in FAULTS if back_end in each.on and (disk or not each.needs_disk)]


def impossible(back_end: str, *, disk: bool) -> list[Fault]:
    """Those it could have elsewhere: here we may not mount a disk."""
    return [each for each in FAULTS if back_end in each.on and each.needs_disk and not disk]
