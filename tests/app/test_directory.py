"""Without the database, who may post is told by the last known settings, for 15 minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.directory import Directory
from models.unavailable import DatabaseUnavailable
from tests.factories import a_site

if TYPE_CHECKING:
    from tests.backends import Store

_MINUTE_S = 60.0


class BesideASpool(Directory):
    """Settings of a door with a spool, which knows whether the database is away."""

    away = False

    def __init__(self) -> None:
        super().__init__(is_away=lambda: self.away, may_be_old=lambda: True)


@pytest.fixture
def directory() -> BesideASpool:
    return BesideASpool()


def time_goes_by(directory: BesideASpool, seconds: float) -> None:
    """Let the last looks have been so much longer ago."""
    directory._checked_at -= seconds
    directory._fresh_at -= seconds


def test_the_last_known_settings_serve_for_fifteen_minutes_and_no_longer(
    store: Store, directory: BesideASpool
) -> None:
    site = a_site()
    assert directory.integration(site.integration_id) is not None
    directory.away = True
    with store.away():
        directory._fresh_at -= 14 * _MINUTE_S
        assert directory.integration(site.integration_id) is not None
        directory._fresh_at -= 2 * _MINUTE_S
        with pytest.raises(DatabaseUnavailable):
            directory.integration(site.integration_id)


def test_they_do_not_serve_where_there_is_no_spool(store: Store) -> None:
    site = a_site()
    away = False
    directory = Directory(is_away=lambda: away)
    assert directory.integration(site.integration_id) is not None
    away = True
    with store.away(), pytest.raises(DatabaseUnavailable):
        directory.integration(site.integration_id)


def test_after_a_change_what_was_known_is_made_ready_again_the_last_used_first(
    store: Store, directory: BesideASpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.directory._WARMED_AT_MOST", 1)
    early, late = a_site(), a_site()
    for site in (early, late):
        assert directory.integration(site.integration_id) is not None
    late.set_integration(validity_s=60)
    time_goes_by(directory, 2)
    directory.warm()
    directory.away = True
    with store.away():
        known = directory.integration(late.integration_id)
        assert known is not None
        assert known.validity_ms == 60_000
        assert ("integration", early.integration_id) not in directory._entries
