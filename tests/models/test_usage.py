"""Messages are counted by the account's own days and months."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from core import clock
from models.account import Account, Limits, Plan, day_of
from models.usage import Usage, Used
from tests.backends import together
from tests.factories import a_site

RIYADH, UTC, TOKYO = ZoneInfo("Asia/Riyadh"), ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")


def at(text: str, zone: ZoneInfo = UTC) -> int:
    """A local time in epoch milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def test_the_plans_are_those_that_are_published() -> None:
    assert [plan.limits for plan in Plan] == [
        Limits(100, 2_000),
        Limits(500, 10_000),
        Limits(1_500, 30_000),
    ]


def test_an_account_may_have_limits_of_its_own() -> None:
    assert Account(plan="growth", daily_limit=0).limits == Limits(0, 10_000)
    assert Account(plan="growth", monthly_limit=7).limits == Limits(500, 7)


@pytest.mark.usefixtures("store")
def test_the_day_ends_at_the_accounts_midnight() -> None:
    Usage.take("acc", RIYADH, at("2026-11-22 23:59:59", RIYADH))
    assert Usage.of("acc", RIYADH, at("2026-11-22 23:59:59", RIYADH)) == Used(1, 1)
    assert Usage.of("acc", RIYADH, at("2026-11-23 00:00", RIYADH)) == Used(0, 1)
    assert day_of(RIYADH, at("2026-11-22 21:00")) == "2026-11-23"


@pytest.mark.usefixtures("store")
def test_the_month_ends_with_the_accounts_last_day() -> None:
    Usage.take("acc", RIYADH, at("2026-11-30 23:59", RIYADH))
    assert Usage.of("acc", RIYADH, at("2026-12-01 00:00", RIYADH)) == Used(0, 0)


@pytest.mark.usefixtures("store")
def test_a_unit_goes_back_to_the_day_it_was_taken_from() -> None:
    yesterday, today = at("2026-11-21 23:59"), at("2026-11-22 00:01")
    Usage.take("acc", UTC, yesterday)
    Usage.take("acc", UTC, today)
    Usage.give_back("acc", UTC, yesterday)
    assert Usage.of("acc", UTC, yesterday) == Used(0, 1)
    assert Usage.of("acc", UTC, today) == Used(1, 1)


@pytest.mark.usefixtures("store")
def test_nothing_is_given_back_that_was_not_taken() -> None:
    Usage.give_back("acc", UTC, at("2026-11-22 12:00"))
    Usage.take("acc", UTC, at("2026-11-22 12:00"))
    for _ in range(2):
        Usage.give_back("acc", UTC, at("2026-11-22 12:00"))
    assert Usage.of("acc", UTC, at("2026-11-22 12:00")) == Used(0, 0)


@pytest.mark.usefixtures("store")
def test_no_unit_is_lost_between_many_who_take_at_once() -> None:
    now = at("2026-11-22 12:00")
    together(16, lambda _: Usage.take("acc", UTC, now))
    assert Usage.of("acc", UTC, now) == Used(16, 16)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.usefixtures("store")
def test_a_changed_time_zone_holds_from_the_accounts_next_day(zone: str) -> None:
    clock.freeze(at("2026-11-22 12:00"))
    site = a_site(timezone="Asia/Riyadh")
    site.set_account(timezone=zone)
    midnight = at("2026-11-23 00:00", RIYADH)
    assert site.account.zone_at(midnight - 1).key == "Asia/Riyadh"
    assert site.account.zone_at(midnight).key == zone


@pytest.mark.usefixtures("store")
def test_a_zone_changed_twice_in_a_day_is_the_last_one_tomorrow() -> None:
    clock.freeze(at("2026-11-22 12:00"))
    site = a_site(timezone="UTC")
    site.set_account(timezone="Asia/Tokyo")
    site.set_account(timezone="Asia/Riyadh")
    assert site.account.zone_at(clock.now_ms()).key == "UTC"
    assert site.account.zone_at(at("2026-11-23 00:00")).key == "Asia/Riyadh"
    site.set_account(timezone="UTC")
    assert site.account.zone_at(at("2026-11-24 00:00")).key == "UTC"


@pytest.mark.usefixtures("store")
def test_a_night_that_changes_the_clocks_is_one_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    clock.freeze(at("2026-10-25 01:00", berlin))
    site = a_site(timezone="Europe/Berlin")
    site.set_account(timezone="UTC")
    end = at("2026-10-26 00:00", berlin)
    assert end - at("2026-10-25 00:00", berlin) == 25 * 60 * 60 * 1000
    assert site.account.zone_at(end - 1).key == "Europe/Berlin"
    assert site.account.zone_at(end).key == "UTC"
