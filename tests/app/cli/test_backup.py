"""`gateway backup` and `gateway restore`, as an operator meets them."""

from __future__ import annotations

import fcntl
import secrets
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from core.config import Settings
from tests.callers import Callers, verdict
from tests.chaos import history
from tests.clerk import Clerk
from tests.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.app.cli.console import Console

_CALLERS = 4
_PATIENCE_S = 60.0
_ENDS = {"sent", "refused", "recorded", "uncertain"}


def test_a_backup_comes_back_in_a_new_folder_with_everybody_paused(
    console: Console, tmp_path: Path
) -> None:
    site, file = console.site(), str(tmp_path / "backup.zip")
    made = console.json("backup", file)
    assert (made["file"], made["database"]) == (file, "sqlite")
    assert made["bytes"] == (tmp_path / "backup.zip").stat().st_size
    restored = console.json("restore", file, "--data-dir", str(tmp_path / "other"))
    assert (restored["made_at"], restored["rows"]) == (made["made_at"], made["rows"])
    assert (restored["accounts_paused"], restored["events_uncertain"]) == (1, 0)

    console.variables["DATA_DIR"] = str(tmp_path / "other")
    account = console.json("account", "show", site["account_id"])
    assert account["paused"]
    assert "check the opt-outs since, then: gateway resume" in account["pause_reason"]
    assert console.json("integration", "show", site["integration_id"])["webhook_url"]


def test_people_are_told_what_the_file_opens_with_and_what_a_restore_has_lost(
    console: Console, tmp_path: Path
) -> None:
    console.site()
    file = str(tmp_path / "backup.zip")
    assert "whoever has the file can read it" in console.run("backup", file).out
    said = console.run("restore", file, "--data-dir", str(tmp_path / "other")).out
    assert "no event, no counted message and no\nopt-out" in said
    assert "gateway resume account ACCOUNT" in said
    assert max(map(len, said.partition("\n\n")[2].splitlines())) <= 100


def test_a_file_that_is_there_is_replaced_only_when_that_is_wanted(
    console: Console, tmp_path: Path
) -> None:
    console.site()
    file = tmp_path / "backup.zip"
    file.write_text("last week's")
    said = console.run("backup", str(file))
    assert said.status == 2
    assert "exists. To replace it: --force" in said.err
    assert file.read_text() == "last week's"
    console.json("backup", str(file), "--force")
    assert file.stat().st_mode & 0o777 == 0o600


def test_there_must_be_a_database_to_back_up(console: Console, tmp_path: Path) -> None:
    said = console.run("backup", str(tmp_path / "backup.zip"))
    assert said.status == 2
    assert "nothing to back up" in said.err
    assert not console.data_dir.exists()


@pytest.mark.parametrize("place", ["nowhere/backup.zip", "."])
def test_a_place_that_cannot_be_written_is_named(
    console: Console, tmp_path: Path, place: str
) -> None:
    console.site()
    said = console.run("backup", str(tmp_path / place), "--force")
    assert said.status == 2
    assert f"'{tmp_path / place}' cannot be written" in said.err


def test_nothing_is_restored_beneath_a_running_gateway(console: Console, tmp_path: Path) -> None:
    console.site()
    file, other = str(tmp_path / "backup.zip"), tmp_path / "other"
    console.json("backup", file)
    other.mkdir()
    with (other / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = console.run("restore", file, "--data-dir", str(other))
    assert said.status == 2
    assert "Another `gateway up` is running on the data folder" in said.err
    assert [each.name for each in other.iterdir()] == ["up.lock"]


def test_what_is_no_backup_is_refused_in_one_line(console: Console, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Sir or Madam, " * 50)
    for file, words in ("letter", "is no backup of the gateway"), ("none", "cannot be read"):
        said = console.run("restore", str(tmp_path / file))
        assert said.status == 2
        assert words in said.err
        assert said.err.count("\n") == 1


@pytest.fixture
def places(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], dict[str, str]]]:
    """Gives variables that name a new database on a back end, with its queue."""
    made = []

    def one(kind: str) -> dict[str, str]:
        name = f"gateway_{secrets.token_hex(6)}"
        if kind == "embedded":
            return {"DATA_DIR": str(tmp_path / name)}
        made.append(name)
        return {
            "DATABASE_URL": request.getfixturevalue("postgres_server").create_database(name),
            "REDIS_URL": request.getfixturevalue("redis_server").url(8),
        }

    yield one
    for name in made:
        request.getfixturevalue("postgres_server").drop_database(name)


def begun(folder: Path, place: dict[str, str]) -> Gateway:
    """A gateway on this place."""
    if "DATA_DIR" in place:
        return Gateway.embedded(folder, **place)
    return Gateway.servers(folder, place["DATABASE_URL"], place["REDIS_URL"])


def moved(gateway: Gateway, folder: Path, place: dict[str, str]) -> Gateway:
    """A gateway that is yet to be started on another place, at the same address."""
    commands = ("up",) if "DATA_DIR" in place else ("web", "worker")
    other = Gateway(folder, place, commands)
    other.whatsapp, other.address = gateway.whatsapp, gateway.address
    return other


def settings_of(place: dict[str, str]) -> Settings:
    return Settings.from_environment(place)


@pytest.mark.long
@pytest.mark.parametrize("onto", ["embedded", "servers"])
@pytest.mark.parametrize("source", ["embedded", "servers"])
def test_a_backup_under_load_brings_all_of_it_back_and_sends_nothing_again(
    places: Callable[[str], dict[str, str]], tmp_path: Path, source: str, onto: str
) -> None:
    here, there = places(source), places(onto)
    with ExitStack() as running:
        # A gateway takes messages, and a backup is made in the middle of it.
        gateway = begun(tmp_path, here)
        running.callback(gateway.stop)
        pbxs = [gateway.pbx() for _ in range(_CALLERS)]
        with Callers(pbxs, tmp_path / "before") as before:
            gateway.wait_until(lambda: len(before.posts) > 4 * _CALLERS, _PATIENCE_S)
            made = gateway.command("backup", str(tmp_path / "backup.zip"))
            gateway.wait_until(lambda: len(before.posts) > 6 * _CALLERS, _PATIENCE_S)
        rest(gateway, pbxs)
        for process in gateway._processes:
            process.stop()

        # It is lost, and restored somewhere else.
        other = moved(gateway, tmp_path, there)
        restored = other.command("restore", str(tmp_path / "backup.zip"))
        assert restored["made_at"] == made["made_at"]
        assert restored["accounts_paused"] >= _CALLERS  # `up` has one of its own
        history.install(settings_of(there))
        other.start()
        running.callback(stopped, other)
        other.clerk = Clerk(other._environment, tmp_path)
        running.callback(other.clerk.stop)

        # Every event that was acknowledged before the backup began is there, and rests.
        known = {each["id"]: each["state"] for pbx in pbxs for each in events(other, pbx)}
        made_ms = restored_at_ms(made["made_at"])
        early = [each for each in before.posts if each["answered_at_ms"] <= made_ms]
        assert len(early) > 3 * _CALLERS
        assert {each["event_id"] for each in early} <= set(known)
        assert set(known.values()) <= _ENDS

        # New messages wait until a person has looked; then all goes on.
        for pbx in pbxs:
            pbx.gateway = other
        sent_before = len(other.whatsapp.phones.received())
        with Callers(pbxs, tmp_path / "after") as after:
            other.wait_until(lambda: len(after.posts) > 2 * _CALLERS, _PATIENCE_S)
            assert len(other.whatsapp.phones.received()) == sent_before
            for pbx in pbxs:
                other.command("resume", "account", pbx.account_id)
            other.wait_until(lambda: len(after.posts) > 4 * _CALLERS, _PATIENCE_S)
        rest(other, pbxs)

        nothing_went_twice(other, after)
        the_checker_is_content(
            other, settings_of(there), before, after, set(known), folder=tmp_path
        )


def nothing_went_twice(gateway: Gateway, after: Callers) -> None:
    """Nothing went out twice, and whatever was posted since the restore did go."""
    received = gateway.whatsapp.phones.received()
    parts = Counter(each["biz_opaque_callback_data"] for each in received)
    assert [part for part, times in parts.items() if times > 1] == []
    texts = Counter(each["text"] for each in received)
    assert [text for text, times in texts.items() if times > 1] == []
    assert all(texts[each["text"]] == 1 for each in after.posts)
    assert {each["status"] for each in after.posts} == {202}


def the_checker_is_content(
    gateway: Gateway,
    settings: Settings,
    before: Callers,
    after: Callers,
    known: set[str],
    *,
    folder: Path,
) -> None:
    """What the backup does not know of is no part of the restored gateway's story."""
    posts = [each for each in before.posts if each["event_id"] in known] + after.posts
    lost = {each["event_id"] for each in before.posts} - known
    report = verdict(
        gateway,
        settings,
        posts,
        folder,
        lambda receipt: receipt["biz_opaque_callback_data"].partition(":")[0] not in lost,
    )
    assert report.ok, str(report)


def rest(gateway: Gateway, pbxs: list[Any]) -> None:
    """Wait until nothing more is to be done."""
    for pbx in pbxs:
        gateway.wait_until(
            lambda pbx=pbx: {each["state"] for each in events(gateway, pbx)} <= _ENDS, _PATIENCE_S
        )


def events(gateway: Gateway, pbx: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.clerk.do("events", integration_id=pbx.integration_id)
    return found


def stopped(gateway: Gateway) -> None:
    for process in gateway._processes:
        process.stop()


def restored_at_ms(iso: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(iso).timestamp() * 1000)
