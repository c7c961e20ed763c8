"""What a gateway did is in its history, on each back end; of a good run, nothing is to be found."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import models
from core import clock
from core.config import Settings
from core.words import State
from models.database import transaction
from models.suppression import Kind, Suppression
from tests import backends
from tests.chaos import checker, history
from tests.factories import CUSTOMER, a_site
from tests.gateway import Gateway
from tests.journey import a_journey, step, walk
from tests.servers import Redis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.sandbox import Sandbox
    from tests.pbx import Pbx

LEAVER = "+966501110002"


@pytest.fixture(scope="module")
def watched(
    back_end: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with a database of its own, whose history is written."""
    folder = tmp_path_factory.mktemp("watched")
    with ExitStack() as running:
        if back_end == "servers":
            postgres = request.getfixturevalue("postgres_server")
            redis = Redis.start(folder)
            running.callback(redis.stop)
            name = f"gateway_{secrets.token_hex(6)}"
            running.callback(postgres.drop_database, name)
            gateway = Gateway.servers(folder, postgres.create_database(name), redis.url())
        else:
            gateway = Gateway.embedded(folder)
        running.callback(gateway.stop)
        history.install(settings_of(gateway))
        yield gateway


@pytest.fixture
def kept(back_end: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A database of its own, open in this process, with a queue that nobody works on."""
    with ExitStack() as opened:
        where = {"DATA_DIR": str(tmp_path / "data")}
        if back_end == "servers":
            postgres = request.getfixturevalue("postgres_server")
            name = f"gateway_{secrets.token_hex(6)}"
            opened.callback(postgres.drop_database, name)
            redis_url = request.getfixturevalue("redis_server").url(3)
            where = {"DATABASE_URL": postgres.create_database(name), "REDIS_URL": redis_url}
        settings = backends.settings(**where)
        opened.callback(models.stop)
        models.start(settings, migrating=True)
        opened.enter_context(backends.connected(settings))
        yield settings


def collected(settings: Settings, folder: Path, callers: bytes = b"", took: bytes = b"") -> Path:
    """The whole history of a database, with what callers and WhatsApp wrote down."""
    (folder / "callers.jsonl").write_bytes(callers)
    (folder / "whatsapp.jsonl").write_bytes(took)
    out = folder / "history.jsonl"
    history.collect(folder / "callers.jsonl", folder / "whatsapp.jsonl", settings, out)
    return out


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def settings_of(gateway: Gateway) -> Settings:
    return Settings.from_environment(gateway._environment)


class Caller:
    """Posts replies and writes down what it asked for and was told."""

    def __init__(self, pbx: Pbx, path: Path) -> None:
        self.pbx, self.record = pbx, history.Record(path)
        self.event_ids: list[str] = []

    def post(self, text: str, to: str = CUSTOMER, key: str | None = None, **more: Any) -> None:
        asked_ms = clock.now_ms()
        payload = self.pbx.reply(to=to, message_text=text, **more)
        answer = self.pbx.post(payload, *([("Idempotency-Key", key)] if key else []))
        told = answer.json()
        ids = {"integration_id": self.pbx.integration_id, "instance_id": self.pbx.instance_id}
        self.record.posted(asked_ms, answer.status, told, payload, key=key, **ids)
        self.event_ids.append(told["event_id"])

    def hear(self, customer: str, text: str, *, opt_out: bool = False) -> None:
        asked_ms = clock.now_ms()
        node = {"type": "text", "text": {"body": text}}
        message_id, reply = self.pbx.gateway.whatsapp.write(
            self.pbx.phone_number_id, customer, node
        )
        self.record.wrote(
            asked_ms,
            reply.status,
            instance_id=self.pbx.instance_id,
            customer=customer,
            message_id=message_id,
            opt_out=opt_out,
        )


def test_what_was_there_before_comes_first(kept: Settings, tmp_path: Path) -> None:
    site = a_site()
    site.wrote()
    old = site.event()
    history.install(kept)
    site.pause()
    told = [
        (line["kind"], line["n"]) for line in lines_of(collected(kept, tmp_path)) if "n" in line
    ]
    begins = dict(told)["begins"]
    assert {kind for kind, n in told if n < begins} == {
        *("account", "pause", "alias", "window", "accepted")
    }
    assert [kind for kind, n in told if n > begins] == ["account"]
    assert lines_of(tmp_path / "history.jsonl")[-1]["event_id"] == old.id


def test_what_was_rolled_back_is_not_told(kept: Settings, tmp_path: Path) -> None:
    history.install(kept)
    site = a_site()

    @transaction
    def change_of_mind() -> None:
        Suppression.add(site.account_id, CUSTOMER, Kind.BLOCK, source="test")
        raise LookupError

    with pytest.raises(LookupError):
        change_of_mind()
    Suppression.add(site.account_id, CUSTOMER, Kind.OPT_OUT, source="test")
    Suppression.lift(site.account_id, CUSTOMER, Kind.OPT_OUT)
    told = [line for line in lines_of(collected(kept, tmp_path)) if "suppression" in line]
    assert [(line["kind"], line["suppression"]) for line in told] == [
        ("suppressed", "opt_out"),
        ("lifted", "opt_out"),
    ]


def test_the_lines_of_one_source_stay_in_their_order(kept: Settings, tmp_path: Path) -> None:
    history.install(kept)
    callers = b'{"kind":"fault","at_ms":3}\n{"kind":"wrote","at_ms":1}\n{"kind":"qui'
    told = [line["kind"] for line in lines_of(collected(kept, tmp_path, callers))]
    assert told == ["fault", "wrote", "begins"]


def test_rows_are_numbered_as_opt_outs_and_sends_were_committed(
    kept: Settings, whatsapp: Sandbox, tmp_path: Path
) -> None:
    history.install(kept)
    with a_journey(whatsapp) as journey:
        journey.wrote()
        account_id = journey.site.account_id

        def race(runner: int) -> None:
            if runner == 0:
                step(event.id)
            else:
                clock.sleep(number % 4 * 0.001)  # what settling takes before it has the lock
                Suppression.add(account_id, CUSTOMER, Kind.OPT_OUT, source="test")

        for number in range(12):
            event = journey.site.event(message_text=f"Reply {number}")
            if walk(event.id, to=State.READY).state == State.READY:
                clock.sleep(0.02)  # its slot
                backends.together(2, race)
            Suppression.lift(account_id, CUSTOMER, Kind.OPT_OUT)
        journal = b"".join(orjson.dumps(each) + b"\n" for each in journey.taken())
    report = checker.check(collected(kept, tmp_path, took=journal))
    assert report.counts["sent"] + report.counts["refused"].get("recipient_suppressed", 0) == 12
    assert {each.kind for each in report.violations} == {"kept_but_half"}  # nobody posted them


def test_a_small_run_is_found_in_order(watched: Gateway, tmp_path: Path) -> None:
    caller = Caller(watched.pbx(CUSTOMER, LEAVER), tmp_path / "callers.jsonl")
    received = watched.whatsapp.phones.received

    history.install(settings_of(watched))
    for number in range(5):
        caller.post(f"Reply {number}")
    caller.post("Your parcel is here. " * 250)
    caller.post("Once", key="one")
    caller.post("Once", key="one")
    caller.post("To somebody else", to=LEAVER)
    caller.post("A call", event_type="call_started")
    watched.wait_until(lambda: len(received()) == 9)
    caller.hear(LEAVER, "STOP", opt_out=True)
    watched.wait_until(lambda: len(received()) == 10)
    caller.post("Too late", to=LEAVER)
    for event_id in caller.event_ids:
        caller.pbx.ended(event_id)
    caller.record.write("quiet")
    caller.record.close()

    callers = (tmp_path / "callers.jsonl").read_bytes()
    journal = b"".join(orjson.dumps(each) + b"\n" for each in received())
    report = checker.check(collected(settings_of(watched), tmp_path, callers, journal))
    assert report.ok, str(report)
    assert report.counts["opt_out_commit_p99_ms"] < 5_000
    assert {name: value for name, value in report.counts.items() if "p99" not in name} == {
        "accepted": 11,
        "sent": 9,
        "refused": {"recipient_suppressed": 1},
        "recorded": 1,
        "uncertain": 0,
        "told": 0,
        "told_again": 0,
        "lost": 0,
        "doubled": 0,
        "inversions": 0,
    }
