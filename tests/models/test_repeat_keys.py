"""A repeat within seven days becomes the event that is there, and causes nothing."""

from __future__ import annotations

import pytest

from core import clock
from core.errors import ErrorCode, Refused
from models.event import Event
from models.idempotency import KEEP_MS, Idempotency, RepeatKeys
from tests.backends import together
from tests.factories import NOON_MS, Site, a_site
from workers.upkeep import prune

pytestmark = pytest.mark.usefixtures("store")

SIGNED = RepeatKeys(("signature:aa",), "body", None)
NAMED = RepeatKeys(("event_id:bb",), "body", None)
KEYED = RepeatKeys(("key:cc",), "body", "key:cc")


def events_of(site: Site) -> int:
    """How many events the integration has."""
    count: int = Event.select().where(Event.integration_id == site.integration_id).count()
    return count


@pytest.mark.parametrize("repeats", [SIGNED, NAMED, KEYED])
def test_a_repeat_is_the_event_that_was_first(repeats: RepeatKeys) -> None:
    site = a_site()
    first, again = site.accept(repeats=repeats), site.accept(repeats=repeats)
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.event_id == first.event_id
    assert not again.seated
    assert events_of(site) == 1


def test_equal_messages_without_a_key_are_two() -> None:
    site = a_site()
    assert site.accept().event_id != site.accept().event_id
    assert events_of(site) == 2


def test_any_one_of_several_keys_marks_a_repeat() -> None:
    site = a_site()
    first = site.accept(repeats=RepeatKeys(("signature:aa", "event_id:bb"), "body", None))
    for repeats in (SIGNED, NAMED):
        assert site.accept(repeats=repeats).event_id == first.event_id


def test_a_key_with_another_body_is_a_conflict() -> None:
    site = a_site()
    site.accept(key="key:cc", message_text="one")
    with pytest.raises(Refused) as refused:
        site.accept(key="key:cc", message_text="two")
    assert refused.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert events_of(site) == 1


def test_a_conflict_counts_before_another_key_that_fits() -> None:
    site = a_site()
    site.accept(repeats=KEYED)
    both = RepeatKeys(("signature:aa", "key:cc"), "another body", "key:cc")
    site.accept(repeats=SIGNED)
    with pytest.raises(Refused):
        site.accept(repeats=both)


def test_a_key_belongs_to_its_integration() -> None:
    one, other = a_site(), a_site()
    assert one.accept(repeats=KEYED).event_id != other.accept(repeats=KEYED).event_id


@pytest.mark.parametrize("repeats", [SIGNED, NAMED, KEYED])
def test_a_key_is_forgotten_after_seven_days_and_not_before(repeats: RepeatKeys) -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    first = site.accept(repeats=repeats)
    clock.turn(KEEP_MS - 1)
    assert site.accept(repeats=repeats).event_id == first.event_id
    clock.turn(1)
    anew = site.accept(repeats=repeats)
    assert not anew.duplicate
    assert anew.event_id != first.event_id
    assert site.accept(repeats=repeats).event_id == anew.event_id


@pytest.mark.parametrize("repeats", [SIGNED, KEYED])
def test_of_many_equal_requests_at_once_one_becomes_an_event(repeats: RepeatKeys) -> None:
    site = a_site()
    kept = together(16, lambda _: site.accept(repeats=repeats))
    assert len({each.event_id for each in kept}) == 1
    assert sorted(each.duplicate for each in kept) == [False] + [True] * 15
    assert events_of(site) == 1


def test_upkeep_lets_go_of_expired_keys_alone() -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    site.accept(repeats=SIGNED)
    clock.turn(1)
    site.accept(repeats=KEYED)
    clock.turn(KEEP_MS - 1)
    prune()
    assert [row.repeat_key for row in Idempotency.select()] == ["key:cc"]
