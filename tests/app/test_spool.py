"""The spool keeps what it was given, durably, sealed and in order, for all processes of a host."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from app import spool as module
from app.spool import Entry, Spool, SpoolEmptied, SpoolUnavailable
from core.crypto import Vault
from models.base import use_vault
from models.idempotency import RepeatKeys
from tests.backends import ENCRYPTION_KEY, HASH_KEY, together

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def vault() -> Iterator[None]:
    use_vault(Vault([ENCRYPTION_KEY], HASH_KEY))
    yield
    use_vault(None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Spool:
    return Spool(folder, MEGABYTE)


def entry(name: str, *keys: str, body: str = "body", strict: str | None = None) -> Entry:
    return Entry({"id": name, "payload": f"text of {name}"}, RepeatKeys(keys, body, strict))


def emptied(spool: Spool) -> list[str]:
    """The ids of everything that waits, taken out in order."""
    taken = []
    while not spool.empty:
        with spool.leaving() as entries:
            taken += [each.row["id"] for each in entries]
    return taken


def test_what_was_put_in_comes_out_in_order_once(spool: Spool) -> None:
    assert spool.empty
    for number in range(5):
        assert spool.put(entry(f"evt_{number}")) is None
    assert not spool.empty
    assert emptied(spool) == [f"evt_{number}" for number in range(5)]
    assert spool.empty


def test_an_entry_comes_out_as_it_went_in(spool: Spool) -> None:
    row: dict[str, Any] = {"id": "evt_1", "n": 1, "none": None, "payload": "é\n\x01"}
    for each in (Entry(row, None), Entry(row, RepeatKeys(("a", "b"), "body", "a"))):
        spool.put(each)
        with spool.leaving() as entries:
            assert list(entries) == [each]


def test_what_came_while_the_oldest_leave_leaves_after_them(spool: Spool) -> None:
    spool.put(entry("evt_1"))
    with spool.leaving() as entries:
        assert next(entries).row["id"] == "evt_1"
        spool.put(entry("evt_2"))
        assert not spool.empty
    assert emptied(spool) == ["evt_2"]


def test_what_could_not_be_taken_over_stays(spool: Spool) -> None:
    for name in ("evt_1", "evt_2"):
        spool.put(entry(name))
    with suppress(ZeroDivisionError), spool.leaving() as entries:
        next(entries)
        raise ZeroDivisionError
    assert emptied(spool) == ["evt_1", "evt_2"]


def test_nothing_can_be_read_in_it_and_only_its_owner_may_look(spool: Spool, folder: Path) -> None:
    spool.put(entry("evt_1", "key-of-it"))
    kept = (folder / "waiting").read_bytes()
    assert b"evt_1" not in kept
    assert b"text" not in kept
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "waiting").stat().st_mode & 0o077 == 0


def test_a_repeat_is_told_from_a_new_one_also_across_processes(spool: Spool, folder: Path) -> None:
    spool.put(entry("evt_1", "k1", "s1", strict="k1"))
    other = Spool(folder, MEGABYTE)
    assert other.put(entry("evt_2", "k2", strict="k2")) is None
    for door in (spool, other):
        earlier = door.put(entry("evt_3", "k1", body="another", strict="k1"))
        assert earlier == module.Earlier("k1", "body", "evt_1")
        earlier = door.put(entry("evt_3", "s1", "k2", strict="k2"))
        assert earlier == module.Earlier("k2", "body", "evt_2")
    assert emptied(spool) == ["evt_1", "evt_2"]


def test_a_key_that_has_left_is_no_longer_known_here(spool: Spool) -> None:
    spool.put(entry("evt_1", "k"))
    assert emptied(spool) == ["evt_1"]
    assert spool.put(entry("evt_2", "k")) is None
    assert spool.put(entry("evt_3", "k")) == module.Earlier("k", "body", "evt_2")


def test_keys_are_known_while_they_leave(spool: Spool) -> None:
    spool.put(entry("evt_1", "k"))
    with spool.leaving():
        assert spool.put(entry("evt_2", "k")) == module.Earlier("k", "body", "evt_1")


def test_who_comes_as_the_last_one_leaves_does_not_stay_behind(spool: Spool) -> None:
    with pytest.raises(SpoolEmptied):
        spool.put(entry("evt_1", "k"), joining=True)
    spool.put(entry("evt_1", "k"))
    with spool.leaving() as entries:
        list(entries)
        assert spool.put(entry("evt_2", "k"), joining=True) == module.Earlier("k", "body", "evt_1")
    with pytest.raises(SpoolEmptied):
        spool.put(entry("evt_2", "k"), joining=True)


def test_only_one_at_a_time_empties_it(spool: Spool, folder: Path) -> None:
    spool.put(entry("evt_1"))
    with spool.leaving() as mine, Spool(folder, MEGABYTE).leaving() as theirs:
        assert list(theirs) == []
        assert [each.row["id"] for each in mine] == ["evt_1"]


def test_a_line_that_a_crash_cut_short_is_dropped_and_the_next_is_whole(
    spool: Spool, folder: Path
) -> None:
    spool.put(entry("evt_1"))
    with (folder / "waiting").open("ab") as file:
        file.write(b"half a li")
    assert spool.put(entry("evt_2")) is None
    assert emptied(spool) == ["evt_1", "evt_2"]


def test_a_cut_line_at_the_end_is_dropped_when_it_leaves(spool: Spool, folder: Path) -> None:
    spool.put(entry("evt_1"))
    with (folder / "waiting").open("ab") as file:
        file.write(b"half a li")
    assert emptied(spool) == ["evt_1"]
    assert not (folder / "unreadable").exists()


def test_a_first_line_that_was_cut_short_does_no_harm(spool: Spool, folder: Path) -> None:
    (folder / "waiting").write_bytes(b"spl_01")
    assert spool.put(entry("evt_1", "k")) is None
    assert spool.put(entry("evt_2", "k")) == module.Earlier("k", "body", "evt_1")
    assert emptied(spool) == ["evt_1"]


def test_a_line_that_no_key_opens_is_put_aside_and_the_rest_goes_on(
    spool: Spool, folder: Path
) -> None:
    spool.put(entry("evt_1"))
    with (folder / "waiting").open("ab") as file:
        file.write(b"something else\n")
    spool.put(entry("evt_2"))
    assert emptied(spool) == ["evt_1", "evt_2"]
    assert (folder / "unreadable").read_bytes() == b"something else\n"


def test_a_full_spool_says_so_and_takes_more_once_it_was_emptied(folder: Path) -> None:
    spool = Spool(folder, 2_000)
    kept: list[str] = []

    def fill() -> None:
        while True:
            spool.put(entry(f"evt_{len(kept)}"))
            kept.append(f"evt_{len(kept)}")

    with pytest.raises(SpoolUnavailable, match="full"):
        fill()
    assert 2 < len(kept) < 20
    assert not spool.has_room
    assert emptied(spool) == kept
    assert spool.put(entry("evt_next")) is None


def test_a_folder_that_cannot_be_made_has_no_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "spool", MEGABYTE)
    assert spool.empty
    assert not spool.has_room
    with pytest.raises(SpoolUnavailable):
        spool.put(entry("evt_1"))


def test_a_disk_that_fills_up_leaves_nothing_half(folder: Path) -> None:
    """In a process of its own, whose files may not grow beyond a size."""
    story = f"""
import resource, signal, sys
from pathlib import Path
from app.spool import Entry, Spool, SpoolUnavailable
from core.crypto import Vault
from models.base import use_vault
use_vault(Vault([{ENCRYPTION_KEY!r}], {HASH_KEY!r}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path({str(folder)!r}), 10**6)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
kept = 0
try:
    while True:
        spool.put(Entry({{"id": str(kept)}}, None))
        kept += 1
except SpoolUnavailable:
    print(kept)
"""
    done = subprocess.run(
        [sys.executable, "-c", story],
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    kept = int(done.stdout)
    assert kept > 5
    assert emptied(Spool(folder, MEGABYTE)) == [str(number) for number in range(kept)]


def test_many_at_once_are_all_kept_and_one_key_only_once(folder: Path) -> None:
    doors = [Spool(folder, 10 * MEGABYTE) for _ in range(4)]

    def put(number: int) -> list[bool]:
        door = doors[number % 4]
        return [
            door.put(entry(f"evt_{number}_{each}", f"shared {each}")) is None for each in range(20)
        ]

    new = together(8, put)
    assert [sum(each) for each in zip(*new, strict=True)] == [1] * 20
    assert len(set(emptied(doors[0]))) == 20
