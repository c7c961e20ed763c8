"""A change of a setting holds for everybody, also for what was just being read."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from app.directory import Directory
from core import clock
from models.database import close_connection
from tests.backends import until
from tests.factories import a_site

if TYPE_CHECKING:
    from tests.backends import Store

_STALE_S = 1.1


@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_settings_that_were_read_before_a_change_are_not_kept_beyond_it(store: Store) -> None:
    site, directory = a_site(), Directory()
    directory.instance(site.instance_id)

    def look() -> None:
        directory.integration(site.integration_id)
        close_connection()

    with psycopg.connect(store.settings.database_url) as somebody:
        somebody.execute("LOCK TABLE secret IN ACCESS EXCLUSIVE MODE")
        slow = threading.Thread(target=look)
        slow.start()
        until(lambda: _waits(store))
        site.set_integration(enabled=False)
        clock.sleep(_STALE_S)
        directory.instance(site.instance_id)
    slow.join()

    known = directory.integration(site.integration_id)
    assert known is not None
    assert not known.enabled


def _waits(store: Store) -> bool:
    with psycopg.connect(store.settings.database_url) as observer:
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'secret'::regclass"
        return observer.execute(waiting).fetchone() is not None
