"""The database comes up to this release while the first one goes on, and keeps what it has."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tarfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import models
from core import clock
from core.config import Settings
from models.database import open_database, transaction
from models.migrate import TableInUse, apply_up_to, check_migrated, known, migrate
from tests import rows
from tests.backends import settings
from tests.callers import Callers, verdict
from tests.chaos import history
from tests.gateway import PROGRAM, ROOT, Gateway, Served, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.history import Line
    from tests.pbx import Pbx
    from tests.servers import PostgresAt, RedisAt

_CALLERS = 8
_PATIENCE_S = 60.0
_LONGEST_ANSWER_MS = 1_000
_ENDS = {"sent", "refused", "recorded"}


@pytest.fixture
def place(
    back_end: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Variables that name a database in which nothing is yet."""
    if back_end == "embedded":
        yield {"DATA_DIR": str(tmp_path / "data")}
    else:
        server: PostgresAt = request.getfixturevalue("postgres_server")
        name = f"gateway_{secrets.token_hex(6)}"
        yield {"DATABASE_URL": server.create_database(name)}
        server.drop_database(name)


@pytest.fixture
def opened(place: dict[str, str]) -> Iterator[dict[str, str]]:
    """That database, open."""
    open_database(settings(**place))
    yield place
    models.stop()


@pytest.mark.usefixtures("opened")
def test_rows_of_the_first_release_outlive_every_migration() -> None:
    transaction(apply_up_to)("0001_first")
    rows.fill()
    before = rows.everything()

    assert migrate() == sorted(known() - {"0001_first"})
    check_migrated()

    after = rows.everything()
    for table, kept in before.items():
        now = [{name: row[name] for name in kept[0]} for row in after[table]]
        assert sorted(now, key=repr) == kept, table


@contextmanager
def a_report(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody reads the attempts in a transaction that does not end."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT count(*) FROM attempt")
        yield connection


def how_long_writes_take(url: str, stop: threading.Event, took_ms: list[int]) -> None:
    """Write attempts, as workers do, and note how long each had to wait."""
    insert = "INSERT INTO attempt (event_id, part, number, started_at_ms) VALUES ('x', 0, 1, 0)"
    with psycopg.connect(url, autocommit=True) as worker:
        while not stop.wait(0.01):
            began = clock.monotonic()
            worker.execute(insert)
            took_ms.append(round((clock.monotonic() - began) * 1000))


@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_nobody_waits_long_behind_a_migration_that_waits_for_a_table(
    opened: dict[str, str],
) -> None:
    url = opened["DATABASE_URL"]
    transaction(apply_up_to)("0001_first")
    stop, took_ms = threading.Event(), []
    writing = threading.Thread(target=how_long_writes_take, args=(url, stop, took_ms))
    with a_report(url) as reading:
        writing.start()
        ends = threading.Timer(2.0, reading.rollback)
        ends.start()
        assert migrate() == sorted(known() - {"0001_first"})
        ends.join()
    stop.set()
    writing.join()
    assert len(took_ms) > 10
    assert max(took_ms) < _LONGEST_ANSWER_MS


@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_a_migration_that_finds_no_moment_changes_nothing_and_says_why(
    opened: dict[str, str],
) -> None:
    transaction(apply_up_to)("0001_first")
    before = rows.tables()
    with a_report(opened["DATABASE_URL"]):
        with pytest.raises(TableInUse, match="held a table for 1 s, and nothing was migrated"):
            migrate(patience_s=1)
        assert rows.tables() == before
    assert migrate() == sorted(known() - {"0001_first"})


def _git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, timeout=60
    ).stdout


def _commits_with_the_first_migration_alone() -> list[str]:
    """The last of them, the newest first."""
    path = f"models/migrations/{sorted(known())[1]}.py"
    added = _git("log", "--diff-filter=A", "--format=%H", "HEAD", "--", path).decode().split()
    before = f"{added[-1]}^" if added else "HEAD"
    return _git("rev-list", "--first-parent", "-n", "10", before).decode().split()


def _starts(folder: Path) -> bool:
    """Whether the program in this folder is whole: between two releases a commit may not be."""
    importing = [sys.executable, "-P", "-c", "import app.cli.serve"]
    own = environment({"PYTHONPATH": str(folder)})
    return not subprocess.run(importing, env=own, check=False, capture_output=True).returncode


@pytest.fixture(scope="module")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code as it was when there was no second migration yet."""
    try:
        for commit in _commits_with_the_first_migration_alone():
            folder = tmp_path_factory.mktemp("first-release")
            with tarfile.open(fileobj=BytesIO(_git("archive", commit))) as files:
                files.extractall(folder, filter="data")
            if _starts(folder):
                return folder
    except (OSError, subprocess.CalledProcessError):
        pass
    pytest.skip("the first release is not at hand: git, or the project's history, is missing")


class Upgrade:
    """A gateway of the first release under load, and the new code beside it."""

    def __init__(self, gateway: Gateway, place: dict[str, str], folder: Path) -> None:
        self.gateway, self.folder = gateway, folder
        self.settings = Settings.from_environment(place)
        self.new = environment(place)
        history.install(self.settings)
        self.pbxs: list[Pbx] = [gateway.pbx() for _ in range(_CALLERS)]
        self.callers = Callers(self.pbxs, folder / "callers")

    def wait_for_posts(self, count: int) -> None:
        """Let the load go on for so many more posts."""
        wanted = len(self.callers.posts) + count
        self.gateway.wait_until(lambda: len(self.callers.posts) >= wanted, _PATIENCE_S)

    def begin_anew(self, command: str) -> Served:
        """Start a process of the new code."""
        process = Served(command, self.folder, self.new)
        process.start(lambda: command == "worker" or process.port is not None)
        return process

    def lead_to(self, port: int) -> None:
        """Let callers and WhatsApp use another door."""
        old = f":{self.gateway.address[1]}/"
        self.gateway.address = ("127.0.0.1", port)
        for number in list(self.gateway.whatsapp.numbers.values()):
            url = number.webhook_url.replace(old, f":{port}/")
            self.gateway.whatsapp.register(replace(number, webhook_url=url))

    def judge(self) -> None:
        """Wait until all is done, and ask the checker."""
        for pbx in self.pbxs:
            self.gateway.wait_until(
                lambda pbx=pbx: {each["state"] for each in pbx.events()} <= _ENDS, _PATIENCE_S
            )
        report = verdict(self.gateway, self.settings, self.callers.posts, self.folder)
        assert report.ok, str(report)
        accepted = {each["event_id"] for each in self.callers.posts if each["status"] == 202}
        assert report.counts["accepted"] == len(accepted) == report.counts["sent"]


@pytest.fixture
def of_the_first_release(first_release: Path) -> dict[str, str]:
    """Variables under which the old code runs, and nothing of the new."""
    return {"PYTHONPATH": str(first_release), "PYTHONSAFEPATH": "1"}


@pytest.mark.long
@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_servers_migrate_and_restart_one_by_one_and_callers_notice_nothing(
    place: dict[str, str],
    redis_server: RedisAt,
    of_the_first_release: dict[str, str],
    tmp_path: Path,
) -> None:
    place = {**place, "REDIS_URL": redis_server.url(9)}
    with ExitStack() as running:
        gateway = Gateway.servers(tmp_path, *place.values(), **of_the_first_release)
        running.callback(gateway.stop)
        upgrade = Upgrade(gateway, place, tmp_path)
        with upgrade.callers as callers:
            upgrade.wait_for_posts(15)
            began_ms = clock.now_ms()
            said = subprocess.run(
                [*PROGRAM, "migrate"], env=upgrade.new, check=True, capture_output=True
            )
            ended_ms = clock.now_ms()
            assert max(known()) in said.stdout.decode()
            upgrade.wait_for_posts(15)
            sent = len(gateway.whatsapp.phones.received())
            gateway.wait_until(lambda: len(gateway.whatsapp.phones.received()) > sent, _PATIENCE_S)

            old_web, old_worker = gateway._processes
            for command, old in (("worker", old_worker), ("web", old_web)):
                new = upgrade.begin_anew(command)
                running.callback(new.stop)
                if new.port:
                    upgrade.lead_to(new.port)
                upgrade.wait_for_posts(10)
                old.stop()
            upgrade.wait_for_posts(15)
        upgrade.judge()
    assert {each["status"] for each in callers.posts} == {202}
    assert slowest_ms(callers.posts, began_ms, ended_ms) < _LONGEST_ANSWER_MS


@pytest.mark.long
@pytest.mark.parametrize("back_end", ["embedded"], indirect=True)
def test_one_process_restarts_with_the_new_code_and_loses_nothing(
    place: dict[str, str], of_the_first_release: dict[str, str], tmp_path: Path
) -> None:
    with ExitStack() as running:
        gateway = Gateway.embedded(tmp_path, **place, **of_the_first_release)
        running.callback(gateway.stop)
        upgrade = Upgrade(gateway, place, tmp_path)
        with upgrade.callers as callers:
            upgrade.wait_for_posts(15)
            stopped_ms = clock.now_ms()
            gateway._processes[0].stop()
            upgrade.new["PORT"] = str(gateway.address[1])
            running.callback(upgrade.begin_anew("up").stop)
            gateway.wait_until(lambda: gateway.get("/readyz").status == 200, _PATIENCE_S)
            started_ms = clock.now_ms()
            upgrade.wait_for_posts(15)
        upgrade.judge()
    answers = {each["status"] for each in callers.posts}
    assert answers <= {202, 0}
    unanswered = [each["at_ms"] for each in callers.posts if each["status"] == 0]
    assert all(stopped_ms <= at_ms <= started_ms for at_ms in unanswered)


def slowest_ms(posts: list[Line], began_ms: int, ended_ms: int) -> int:
    """The longest answer of those that were waited for at a time between these."""
    return max(
        each["answered_at_ms"] - each["at_ms"]
        for each in posts
        if each["answered_at_ms"] >= began_ms and each["at_ms"] <= ended_ms
    )
