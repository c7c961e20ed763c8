"""A backup holds everything as of one moment, and a restored past does not act."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import models
from core import clock
from core.crypto import generate_keys
from core.errors import UsageError
from core.words import EventType, State
from models.account import Account
from models.backup import back_up
from models.database import database, open_database, transaction
from models.delivery import Delivery
from models.migrate import applied, apply_up_to, known
from models.restore import RESTORED, restore
from tests import rows
from tests.backends import connected, settings
from tests.factories import a_site, change, loaded
from tests.journey import a_journey, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.sandbox import Sandbox
    from models.archive import Manifest
    from models.event import Event
    from models.restore import Restored
    from tests.servers import PostgresAt

KINDS = ["embedded", "servers"]
# What a restore does to rows, and the number that every change of a setting moves.
CHANGED = {
    "account": {"pause_reason", "paused_at_ms"},
    "event": {
        *("state", "reason", "waiting_for", "seated"),
        *("lease_until_ms", "expires_at_ms", "finished_at_ms"),
    },
    "revision": {"number"},
}
Variables = dict[str, str]


@pytest.fixture
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Variables]]:
    """Gives variables that name a database of a kind in which nothing is yet."""
    made = []

    def one(kind: str) -> Variables:
        name = f"gateway_{secrets.token_hex(6)}"
        if kind == "embedded":
            return {"DATA_DIR": str(tmp_path / name)}
        made.append(name)
        return {"DATABASE_URL": request.getfixturevalue("postgres_server").create_database(name)}

    yield one
    models.stop()
    for name in made:
        server: PostgresAt = request.getfixturevalue("postgres_server")
        server.drop_database(name)


@contextmanager
def started(variables: Variables) -> Iterator[None]:
    models.start(settings(**variables), migrating=True)
    try:
        yield
    finally:
        models.stop()


def backed_up(variables: Variables, path: Path) -> Manifest:
    """As `gateway backup` does, without a look at keys and migrations."""
    open_database(settings(**variables))
    try:
        return back_up(path)
    finally:
        models.stop()


def restored(path: Path, variables: Variables) -> Restored:
    """As `gateway restore` does."""
    open_database(settings(**variables))
    try:
        return restore(path, settings(**variables))
    finally:
        models.stop()


def has_tables(variables: Variables) -> bool:
    open_database(settings(**variables))
    try:
        return bool(rows.tables())
    finally:
        models.stop()


def unchanged(kept: dict[str, list[rows.Row]]) -> dict[str, list[rows.Row]]:
    """All rows, without what a restore changes."""
    return {
        table: sorted(
            (
                {name: it for name, it in row.items() if name not in CHANGED.get(table, ())}
                for row in found
            ),
            key=repr,
        )
        for table, found in kept.items()
    }


@pytest.mark.parametrize("onto", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_every_row_and_column_of_every_table_comes_back(
    new: Callable[[str], Variables], tmp_path: Path, source: str, onto: str
) -> None:
    path, here, there = tmp_path / "backup", new(source), new(onto)
    with started(here):
        rows.fill()
        before = rows.everything()
    manifest = backed_up(here, path)
    restored(path, there)
    with started(there):
        after = rows.everything()

    assert sorted(manifest.columns) == sorted(before) == sorted(after)
    assert all(len(found) >= 4 for found in before.values())
    # Deliveries by which a status finds what was unfinished are the only rows that are new.
    new_ones = [row for row in after["delivery"] if row not in before["delivery"]]
    after["delivery"] = [row for row in after["delivery"] if row not in new_ones]
    assert unchanged(after) == unchanged(before)
    finished = [row for row in before["event"] if row["finished_at_ms"] is not None]
    assert finished
    assert all(row in after["event"] for row in finished)
    assert {row["status"] for row in new_ones} == {"unknown"}


@pytest.mark.parametrize("onto", KINDS)
def test_what_comes_after_a_restore_comes_after_what_was_restored(
    new: Callable[[str], Variables], tmp_path: Path, onto: str
) -> None:
    path, here, there = tmp_path / "backup", new("embedded"), new(onto)
    with started(here):
        site = a_site()
        earlier = [site.event() for _ in range(3)]
        last = max(loaded(each.id).seq for each in earlier)
    backed_up(here, path)
    restored(path, there)
    with started(there):
        assert site.event().seq > last


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_is_of_one_moment_however_much_is_written_meanwhile(
    new: Callable[[str], Variables], tmp_path: Path, kind: str
) -> None:
    here, stop = new(kind), threading.Event()

    def write() -> None:
        while not stop.is_set():
            make_pair()
        models.database.close_connection()

    @transaction
    def make_pair() -> None:
        # The table that is read first, and one of the last: without a snapshot they would differ.
        site = a_site()
        Delivery.create(
            event_id=site.account_id, part=0, instance_id="x", status="unknown", status_at_ms=0
        )

    @transaction
    def make_many() -> None:
        for _ in range(300):
            make_pair()

    with started(here):
        make_many()
        writing = threading.Thread(target=write)
        writing.start()
        counts = [back_up(tmp_path / str(number)).rows for number in range(4)]
        stop.set()
        writing.join()
    assert counts[-1]["account"] > counts[0]["account"] > 0
    for each in counts:
        assert len({each[table] for table in ("account", "delivery", "instance", "secret")}) == 1


def test_a_backup_is_for_its_owner_alone_and_leaves_nothing_beside_it(
    new: Callable[[str], Variables], tmp_path: Path
) -> None:
    here, folder = new("embedded"), tmp_path / "backups"
    folder.mkdir()
    with started(here):
        back_up(folder / "one")
    assert (folder / "one").stat().st_mode & 0o777 == 0o600
    open_database(settings(**new("embedded")))
    with pytest.raises(UsageError, match="nothing to back up"):
        back_up(folder / "two")
    assert [each.name for each in folder.iterdir()] == ["one"]


def cut(whole: bytes) -> dict[str, bytes]:
    """What may become of a file."""
    middle = len(whole) // 2
    flipped = {
        f"byte {at}": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        for at in (0, 11, middle, len(whole) - 70, len(whole) - 1)
    }
    return flipped | {
        "empty": b"",
        "short": whole[:20],
        "cut": whole[:middle],
        "one byte less": whole[:-1],
        "one byte more": whole + b"0",
        "something else": b"x" * 1000,
    }


def test_a_damaged_backup_is_refused_before_anything_is_written(
    new: Callable[[str], Variables], tmp_path: Path
) -> None:
    path, there = tmp_path / "backup", new("embedded")
    with started(new("embedded")):
        a_site()
        back_up(path)
    whole = path.read_bytes()
    for damage, left in cut(whole).items():
        path.write_bytes(left)
        with pytest.raises(UsageError, match="damaged, was cut off, or is no backup"):
            restored(path, there)
        assert not has_tables(there), damage
    path.write_bytes(whole)
    restored(path, there)


@pytest.mark.parametrize("onto", KINDS)
def test_a_database_with_accounts_is_left_as_it_is(
    new: Callable[[str], Variables], tmp_path: Path, onto: str
) -> None:
    path, there = tmp_path / "backup", new(onto)
    with started(new("embedded")):
        a_site()
        back_up(path)
    with started(there):
        a_site()
        before = rows.everything()
    with pytest.raises(UsageError, match="holds accounts already"):
        restored(path, there)
    with started(there):
        assert rows.everything() == before


@pytest.mark.parametrize("onto", KINDS)
def test_with_other_keys_nothing_is_restored_and_the_words_say_why(
    new: Callable[[str], Variables], tmp_path: Path, onto: str
) -> None:
    path, there = tmp_path / "backup", new(onto)
    with started(new("embedded")):
        a_site()
        back_up(path)
    others = dict(zip(("ENCRYPTION_KEYS", "HASH_KEY"), generate_keys(), strict=True))
    # The keys are compared last: all rows had been written by then.
    for wrong in (others, dict.fromkeys(others, "")):
        with pytest.raises(UsageError, match="does not open with these keys"):
            restored(path, there | wrong)
        assert not has_tables(there)
    restored(path, there)


def test_keys_that_a_database_made_for_itself_travel_with_it(
    new: Callable[[str], Variables], tmp_path: Path
) -> None:
    none = {"ENCRYPTION_KEYS": "", "HASH_KEY": ""}
    path, here, there = tmp_path / "backup", new("embedded") | none, new("servers") | none
    with started(here):
        site = a_site()
    backed_up(here, path)
    with started(there):
        pass  # it has keys of its own by now
    restored(path, there)
    with started(there):
        assert site.instance.verify_token == "verify"


@pytest.mark.parametrize("onto", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_backup_of_an_older_release_is_restored_as_it_was_and_then_migrated(
    new: Callable[[str], Variables], tmp_path: Path, source: str, onto: str
) -> None:
    path, here, there = tmp_path / "backup", new(source), new(onto)
    open_database(settings(**here))
    transaction(apply_up_to)("0001_first")
    models.keys.unlock(settings(**here))
    rows.fill()
    before = rows.everything()
    assert back_up(path).migrations == ["0001_first"]
    models.stop()
    restored(path, there)
    with started(there):
        after = rows.everything()
        assert applied() == known()
    assert set(before) <= set(after)
    for table, found in before.items():
        keys = {row["id"] for row in found if "id" in row}
        assert keys <= {row.get("id") for row in after[table]}


def test_a_backup_is_not_restored_over_later_migrations(
    new: Callable[[str], Variables], tmp_path: Path
) -> None:
    path, here, there = tmp_path / "backup", new("embedded"), new("embedded")
    open_database(settings(**here))
    transaction(apply_up_to)("0001_first")
    back_up(path)
    models.stop()
    with started(there):
        pass
    with pytest.raises(UsageError, match="not as it was at migration 0001_first"):
        restored(path, there)


def test_a_backup_of_a_newer_release_is_refused(
    new: Callable[[str], Variables], tmp_path: Path
) -> None:
    path, here, there = tmp_path / "backup", new("embedded"), new("embedded")
    with started(here):
        later = "INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2099-01-01')"
        transaction(database.execute_sql)(later)
        back_up(path)
    with pytest.raises(UsageError, match=r"newer gateway .*9999_later"):
        restored(path, there)
    assert not has_tables(there)


@pytest.mark.parametrize("onto", KINDS)
def test_a_table_that_is_not_the_gateways_is_in_the_backup_and_stays_out(
    new: Callable[[str], Variables], tmp_path: Path, onto: str
) -> None:
    path = tmp_path / "backup"
    with started(new("embedded")):
        site = a_site()
        transaction(database.execute_sql)("CREATE TABLE report (day TEXT)")
        assert "report" in back_up(path).columns
    there = new(onto)
    assert restored(path, there).left_out == ["report"]
    with started(there):
        assert "report" not in rows.tables()
        assert site.account.name == "Acme"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_unfinished_rests_uncertain_and_what_was_not_stays(
    new: Callable[[str], Variables], tmp_path: Path, kind: str
) -> None:
    path, here, there = tmp_path / "backup", new("embedded"), new(kind)
    unfinished = (State.RECEIVED, State.VALID, State.ALLOWED, State.READY, State.SENDING)
    with started(here):
        site = a_site()
        resting = [site.event_in(state, columns={"waiting_for": "slot"}) for state in unfinished]
        rehearsal = site.event(event_type=EventType.TEST.value)
        ends = {"finished_at_ms": 7, "seated": False}
        old = [
            site.event_in(State.SENT, columns=ends),
            site.event_in(State.REFUSED, columns=ends | {"error": "policy_violation"}),
            site.event_in(State.UNCERTAIN, columns=ends | {"reason": "maybe_sent"}),
        ]
        back_up(path)
    began_ms = clock.now_ms()
    assert restored(path, there).uncertain == len(resting)
    with started(there):
        for event in map(again, resting):
            assert (event.state, event.reason) == (State.UNCERTAIN, RESTORED)
            assert event.finished_at_ms >= began_ms
            assert event.expires_at_ms <= event.finished_at_ms
            assert (event.seated, event.waiting_for, event.lease_until_ms) == (False, None, None)
            assert Delivery.get(Delivery.event_id == event.id).status == "unknown"
        assert again(rehearsal).state == State.RECORDED
        for before in old:
            after = again(before)
            assert (after.state, after.error, after.reason) == (
                *(before.state, before.error, before.reason),
            )
            assert after.finished_at_ms == 7


def again(event: Event) -> Event:
    return loaded(event.id)


@pytest.mark.parametrize("kind", KINDS)
def test_every_account_is_paused_until_a_person_has_looked(
    new: Callable[[str], Variables], tmp_path: Path, kind: str
) -> None:
    path, here, there = tmp_path / "backup", new("embedded"), new(kind)
    with started(here):
        running, paused = a_site(), a_site()
        paused.pause()
        back_up(path)
    assert restored(path, there).paused == 1
    with started(there):
        assert "restored from a backup of 20" in running.account.pause_reason
        assert running.account.paused_at_ms is not None
        assert paused.account.pause_reason == "a look at the texts"
        assert Account.select().where(Account.pause_reason.is_null()).count() == 0


@contextmanager
def brought_back(
    new: Callable[[str], Variables], tmp_path: Path, whatsapp: Sandbox, kind: str, text: str
) -> Iterator[tuple[Any, Event]]:
    """A message as a backup saw it at its door, which has gone out since; then the restore."""
    path, here, there = tmp_path / "backup", new("embedded"), new(kind)
    with a_site_on(here, whatsapp) as journey:
        journey.wrote()
        event = journey.site.event(message_text=text)
        back_up(path)
        assert walk(event.id).state == State.SENT
        models.stop()
        restored(path, there)
        models.start(settings(**there))
        journey.site.resume()
        yield journey, again(event)


@contextmanager
def a_site_on(variables: Variables, whatsapp: Sandbox) -> Iterator[Any]:
    models.start(settings(**variables), migrating=True)
    with connected(settings(**variables)), a_journey(whatsapp) as journey:
        yield journey


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_settles_what_a_restore_left_open(
    new: Callable[[str], Variables], tmp_path: Path, whatsapp: Sandbox, kind: str
) -> None:
    with brought_back(new, tmp_path, whatsapp, kind, "One part.") as (journey, event):
        assert event.state == State.UNCERTAIN
        journey.status_of(event, "delivered")
        assert again(event).state == State.SENT
        assert len(journey.taken()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_of_one_part_does_not_send_the_next_a_second_time(
    new: Callable[[str], Variables], tmp_path: Path, whatsapp: Sandbox, kind: str
) -> None:
    with brought_back(new, tmp_path, whatsapp, kind, "word " * 1800) as (journey, event):
        sent = len(journey.taken())
        assert sent > 1
        journey.status_of(event, "delivered")
        assert walk(event.id).state != State.SENT
        assert again(event).finished
        assert len(journey.taken()) == sent


def test_a_person_may_let_a_restored_event_go_again(
    new: Callable[[str], Variables], tmp_path: Path, whatsapp: Sandbox
) -> None:
    with brought_back(new, tmp_path, whatsapp, "embedded", "Again.") as (journey, event):
        change(event, received_at_ms=event.received_at_ms - 60_000)
        models.provisioning.requeue([event.id], even_if_uncertain=True, due_at_once=True)
        assert walk(event.id).state == State.SENT
        assert journey.received() == ["Again.", "Again."]
