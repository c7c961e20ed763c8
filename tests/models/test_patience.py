"""Who waits for the database waits no longer than it wants; what it gave up never happens."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from core import clock
from models.database import database, transaction
from models.patience import within
from models.revision import Revision
from models.unavailable import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.backends import Store


@contextmanager
def held_by_somebody(store: Store) -> Iterator[None]:
    """Somebody else holds what a write needs, and takes time."""
    url = store.settings.database_url
    if url:
        with psycopg.connect(url) as somebody:
            somebody.execute("SELECT number FROM revision FOR UPDATE")
            yield
        return
    path = store.settings.data_dir / "gateway.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        yield


@transaction
def count_up() -> None:
    """Change something that can be seen."""
    Revision.update(number=Revision.number + 1).execute()


def test_who_is_impatient_gives_up_in_time(store: Store) -> None:
    with held_by_somebody(store), within(0.3):
        began = clock.monotonic()
        with pytest.raises(DatabaseUnavailable):
            count_up()
        assert 0.2 < clock.monotonic() - began < 2
    count_up()


def test_what_was_given_up_never_happens(store: Store) -> None:
    before = Revision.current()
    with held_by_somebody(store), within(0.3), pytest.raises(DatabaseUnavailable):
        count_up()
    clock.sleep(0.5)
    assert Revision.current() == before
    count_up()
    assert Revision.current() == before + 1


def test_one_that_gives_up_costs_the_others_nothing(store: Store) -> None:
    """On SQLite they share a writer, and often a commit."""
    before = Revision.current()

    def patiently() -> None:
        count_up()
        database.close()

    others = [threading.Thread(target=patiently) for _ in range(4)]
    with held_by_somebody(store):
        for other in others:
            other.start()
        with within(0.3), pytest.raises(DatabaseUnavailable):
            count_up()
    for other in others:
        other.join(10)
    assert Revision.current() == before + 4


def test_who_stands_still_in_a_transaction_does_not_hold_the_others_for_long(
    store: Store,
) -> None:
    if not store.settings.database_url:
        pytest.skip("SQLite's one writer is one process")
    stands_still, go_on = threading.Event(), threading.Event()

    @transaction
    def stand_still() -> None:
        Revision.update(number=Revision.number).execute()
        stands_still.set()
        go_on.wait(20)

    def run() -> None:
        with pytest.raises(DatabaseUnavailable):
            stand_still()
        database.close()

    still = threading.Thread(target=run)
    still.start()
    stands_still.wait(10)
    with within(9):
        count_up()
    go_on.set()
    still.join(10)


def test_after_an_answer_that_came_too_late_the_next_is_its_own(store: Store) -> None:
    if not store.settings.database_url:
        pytest.skip("SQLite answers in the calling thread")
    with within(0.3), pytest.raises(DatabaseUnavailable):
        database.execute_sql("SELECT pg_sleep(1), 'the first'")
    assert database.execute_sql("SELECT 'the second'").fetchone() == ("the second",)


@transaction
def sleep_long() -> None:
    """Have the server take its time in a transaction."""
    database.execute_sql("SELECT pg_sleep(1)")


def _given_up() -> None:
    with within(0.3), pytest.raises(DatabaseUnavailable):
        sleep_long()


def _terminated() -> None:
    url = database.obj.database
    (mine,) = database.execute_sql("SELECT pg_backend_pid()").fetchone()
    with psycopg.connect(url) as somebody:
        somebody.execute("SELECT pg_terminate_backend(%s)", (mine,))


@pytest.mark.parametrize("lose", [_given_up, _terminated])
def test_a_connection_that_was_lost_is_replaced_by_the_next_transaction(
    store: Store, lose: Callable[[], None]
) -> None:
    if not store.settings.database_url:
        pytest.skip("SQLite has no connection to lose")
    before = Revision.current()
    lose()
    count_up()
    lose()
    assert Revision.current() == before + 1
