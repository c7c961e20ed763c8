"""Acknowledged means kept: what the webhook answers while a server is away, and what becomes of it.

Each row of the table in docs/reliability.md, against the running program.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from core import clock
from tests.gateway import Gateway, Served
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.pbx import Pbx
    from tests.servers import Postgres
    from tests.wire import Answer

pytestmark = pytest.mark.long

_FOUND_AGAIN_S = 40.0
_HOWS = ("killed", "hung", "locked")


class World:
    """A gateway whose database goes away and comes back."""

    def __init__(self, gateway: Gateway, folder: Path, postgres: Postgres | None, how: str) -> None:
        self.gateway, self.folder = gateway, folder
        self._postgres, self._how = postgres, how
        self.readable = postgres is None  # who locks SQLite's file locks out writers alone

    @contextmanager
    def away(self) -> Iterator[None]:
        """The database is killed, hangs, or is locked by somebody."""
        if self._postgres is None:
            path = self.folder / "data" / "gateway.sqlite3"
            with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as somebody:
                somebody.execute("BEGIN EXCLUSIVE")
                yield
            return
        begin, end = {
            "killed": (self._postgres.kill, self._postgres.restart),
            "hung": (self._postgres.pause, self._postgres.resume),
        }[self._how]
        begin()
        try:
            yield
        finally:
            end()


@pytest.fixture(scope="module", params=_HOWS)
def start(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., World]]:
    """Starts a world whose database goes away in this way; it ends with the module's turn."""
    started: list[Gateway] = []
    how: str = request.param

    def begin(**settings: str) -> World:
        folder = tmp_path_factory.mktemp(f"world-{how}")
        if how == "locked":
            gateway = Gateway.embedded(folder, **settings)
            world = World(gateway, folder, None, how)
        else:
            postgres = request.getfixturevalue("postgres")
            redis = request.getfixturevalue("redis")
            url = postgres.create_database(f"{how}_{len(started)}_{folder.name[-1]}")
            gateway = Gateway.servers(folder, url, redis.url(len(started)), **settings)
            world = World(gateway, folder, postgres, how)
        started.append(gateway)
        return world

    yield begin
    for gateway in started:
        gateway.stop()


@pytest.fixture(scope="module")
def spooling(start: Callable[..., World], tmp_path_factory: pytest.TempPathFactory) -> World:
    """A gateway with a spool."""
    return start(SPOOL_DIR=str(tmp_path_factory.mktemp("spool")), SWEEP_INTERVAL_MS="200")


@pytest.fixture
def pbx(spooling: World) -> Pbx:
    """A phone system that the gateway with the spool has heard of."""
    return known(spooling.gateway)


def known(gateway: Gateway, **settings: Any) -> Pbx:
    """A phone system whose settings the gateway has looked up, and no longer looks for changes."""
    pbx = gateway.pbx(**settings)
    clock.sleep(1.1)
    for _ in range(2):
        assert pbx.status("evt_00000000000000000000000000").status == 404
    return pbx


def said(pbx: Pbx, text: str, *more: tuple[str, str]) -> Answer:
    return pbx.post(pbx.reply(message_text=text), *more)


def texts(pbx: Pbx) -> list[str]:
    return [each["text"] for each in pbx.received()]


def arrived(pbx: Pbx, wanted: list[str]) -> None:
    """See that WhatsApp gets just these, in this order."""
    pbx.gateway.wait_until(lambda: len(texts(pbx)) >= len(wanted), _FOUND_AGAIN_S)
    assert texts(pbx) == wanted


def test_what_comes_while_it_is_away_is_kept_and_sent_in_order_afterwards(
    spooling: World, pbx: Pbx
) -> None:
    assert said(pbx, "before").status == 202
    with spooling.away():
        began = clock.monotonic()
        answers = [said(pbx, f"away {number}") for number in range(5)]
        assert clock.monotonic() - began < 10
    answers += [said(pbx, f"after {number}") for number in range(5)]
    assert [each.status for each in answers] == [202] * 10, answers
    wanted = [f"{when} {number}" for when in ("away", "after") for number in range(5)]
    arrived(pbx, ["before", *wanted])
    assert {pbx.ended(each.json()["event_id"])["state"] for each in answers} == {"sent"}


def test_a_repeat_is_one_event_whenever_it_comes(spooling: World, pbx: Pbx) -> None:
    first = said(pbx, "early", ("Idempotency-Key", "early"))
    arrived(pbx, ["early"])
    with spooling.away():
        late = [said(pbx, "late", ("Idempotency-Key", "late")).json() for _ in range(2)]
        unseen = said(pbx, "early", ("Idempotency-Key", "early")).json()
        assert late[1] == late[0] | {"duplicate": True}
        conflict = said(pbx, "other", ("Idempotency-Key", "late"))
        assert conflict.refusal == (422, "idempotency_conflict")
        ready = spooling.gateway.get("/readyz")
        assert (ready.status, ready.json()["checks"]["spool"]) == (200, "ok")
    again = said(pbx, "late", ("Idempotency-Key", "late")).json()
    assert again == late[1]
    arrived(pbx, ["early", "late"])
    assert unseen["event_id"] != first.json()["event_id"]
    ended = pbx.ended(unseen["event_id"])
    assert (ended["state"], ended["reason"]) == ("recorded", "duplicate")
    assert texts(pbx) == ["early", "late"]


def test_who_cannot_prove_it_is_refused_by_the_last_known_settings(
    spooling: World, pbx: Pbx
) -> None:
    wrong = [("X-WhatsApp-Gateway-3CX-Secret", "wrong"), ("Content-Type", "application/json")]
    with spooling.away():
        assert said(pbx, "one").status == 202
        assert pbx.post(headers=wrong).refusal == (401, "invalid_3cx_webhook")
        if not spooling.readable:
            nobody = pbx.path[:-26] + "0" * 26
            assert pbx.post(path=nobody).refusal == (503, "service_unavailable")
    arrived(pbx, ["one"])


def test_who_waits_for_the_outcome_hears_that_it_is_kept(spooling: World, pbx: Pbx) -> None:
    with spooling.away():
        began = clock.monotonic()
        answer = pbx.outcome()
        assert clock.monotonic() - began < 15
        assert (answer.status, answer.json()["status"]) == (202, "queued")
        assert pbx.status(answer.json()["event_id"]).status == 503
    assert pbx.ended(answer.json()["event_id"])["state"] == "sent"


def test_what_was_kept_outlives_a_crash(spooling: World, pbx: Pbx) -> None:
    with spooling.away():
        assert said(pbx, "one").status == 202
        spooling.gateway.kill()
    spooling.gateway.start()
    arrived(pbx, ["one"])


def test_what_waited_too_long_is_not_sent(spooling: World) -> None:
    pbx = known(spooling.gateway, validity_s=3)
    with spooling.away():
        kept = said(pbx, "one")
        clock.sleep(3)
    ended = pbx.ended(kept.json()["event_id"])
    assert (ended["state"], ended["error"]) == ("refused", "gateway_send_failed")
    assert texts(pbx) == []


def test_metas_webhook_is_told_to_come_again(spooling: World, pbx: Pbx) -> None:
    with spooling.away():
        _, reply = spooling.gateway.whatsapp.write(
            pbx.phone_number_id, pbx.customer, {"type": "text", "text": {"body": "STOP"}}
        )
        assert reply.status == 503
        assert json.loads(reply.body)["error"] == "service_unavailable"


def test_a_full_spool_is_said_to_everybody(start: Callable[..., World], tmp_path: Path) -> None:
    world = start(SPOOL_DIR=str(tmp_path), SPOOL_MAX_MB="1")
    pbx = known(world.gateway)
    with world.away():
        answers = [pbx.post(pbx.reply(more="x" * 250_000)) for _ in range(5)]
        assert [each.status for each in answers] == [202, 202, 202, 503, 503]
        assert answers[-1].refusal == (503, "service_unavailable")
        _everybody_hears_503(pbx)
    kept = sum(each.status == 202 for each in answers)
    pbx.gateway.wait_until(lambda: len(texts(pbx)) >= kept, _FOUND_AGAIN_S)
    assert len(pbx.events()) == len(texts(pbx)) == kept


@pytest.mark.parametrize("spool", ["off", "unwritable"])
def test_with_nowhere_to_keep_it_everybody_hears_503(
    start: Callable[..., World], tmp_path: Path, spool: str
) -> None:
    (tmp_path / "file").write_text("")
    where = {"off": {}, "unwritable": {"SPOOL_DIR": str(tmp_path / "file" / "spool")}}
    world = start(**where[spool])
    pbx = known(world.gateway)
    with world.away():
        _everybody_hears_503(pbx)
    clock.sleep(2)
    assert pbx.events() == []
    assert pbx.outcome().json()["state"] == "sent"


def _everybody_hears_503(pbx: Pbx) -> None:
    began = clock.monotonic()
    answer = pbx.post()
    assert answer.refusal == (503, "service_unavailable")
    assert int(answer.header("Retry-After") or "") > 0
    clock.sleep(1.1)
    wrong = [("X-WhatsApp-Gateway-3CX-Secret", "wrong"), ("Content-Type", "application/json")]
    assert pbx.post(headers=wrong).timeless == answer.timeless
    assert pbx.post(path=pbx.path[:-26] + "0" * 26).timeless == answer.timeless
    assert clock.monotonic() - began < 20


def test_a_gateway_that_starts_meanwhile_answers_503_until_it_can_be_opened(
    spooling: World, pbx: Pbx
) -> None:
    gateway = spooling.gateway
    for process in gateway._processes:
        process.stop()
    with spooling.away():
        door, *others = _started_blind(gateway)
        for path in ("/readyz", pbx.path):
            assert ask(gateway.address, "POST", path, pbx.proof, b"{}").status == 503
        assert gateway.get("/healthz").status == 200
        assert door.pid is not None
    gateway.wait_until(lambda: _opened(gateway), _FOUND_AGAIN_S)
    assert all(each.pid is not None for each in others)
    assert pbx.outcome().json()["state"] == "sent"


def _started_blind(gateway: Gateway) -> list[Served]:
    """Start the processes, though nothing is ready."""
    gateway._environment["PORT"] = str(gateway.address[1])
    started = [Served(each, gateway._folder, gateway._environment) for each in gateway._commands]
    gateway._processes = started

    def answers() -> bool:
        try:
            return gateway.get("/healthz").status == 200
        except OSError:
            return False

    for process in started[1:]:
        process.start(lambda: True)
    started[0].start(answers)
    return started


def _opened(gateway: Gateway) -> bool:
    try:
        return gateway.get("/readyz").status == 200
    except OSError:
        return False
