"""A disk that is full: what the gateway says it did not keep is not kept."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from models.database import database, transaction
from models.unavailable import DatabaseUnavailable
from tests.backends import Store, together

_ROOM_PAGES = 5
_TOO_MUCH = 100_000
_SOLO_BATCH_S = 0.2

pytestmark = pytest.mark.parametrize("back_end", ["embedded"], indirect=True)


@pytest.fixture(autouse=True)
def crate(store: Store) -> None:  # noqa: ARG001 - it is open
    """A table to put things into, on a disk with hardly any room."""
    _run("CREATE TABLE crate (thing BLOB)")
    pages = _run("PRAGMA page_count")[0][0]
    _run(f"PRAGMA max_page_count = {pages + _ROOM_PAGES}")


@transaction
def _run(statement: str, *values: int) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = database.execute_sql(statement, values).fetchall()
    return rows


def _put(size: int) -> bool:
    """Whether something of this size was kept, as far as we were told."""
    try:
        _run("INSERT INTO crate VALUES (zeroblob(?))", size)
    except DatabaseUnavailable:
        return False
    return True


def _kept() -> int:
    return _run("SELECT COUNT(*) FROM crate")[0][0]


def test_of_writes_that_share_a_commit_those_are_kept_that_were_said_to_be() -> None:
    go_on = threading.Event()
    busy = transaction(lambda: go_on.wait(10))

    def write(number: int) -> bool:
        if number == 0:
            # While this one has the writer, the others gather behind it.
            threading.Timer(_SOLO_BATCH_S, go_on.set).start()
            with suppress(DatabaseUnavailable):
                busy()
            return False
        return _put(_TOO_MUCH if number % 3 == 0 else 10)

    told = together(24, write)
    assert _kept() == sum(told)


def test_a_disk_that_has_room_again_is_written_to_again() -> None:
    assert not _put(_TOO_MUCH)
    assert _put(10)
    _run("PRAGMA max_page_count = 1000000")
    assert _put(_TOO_MUCH)
    assert _kept() == 2
