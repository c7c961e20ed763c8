"""Beyond its limits the gateway says so before anything breaks, and takes more with room again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app import room as module
from app.room import Room
from core.errors import ErrorCode, Refused
from models.inbound_item import InboundItem, Told
from tests.factories import a_site, copies, phone
from tests.journey import walk

if TYPE_CHECKING:
    import pytest

    from tests.backends import Store
    from tests.journey import Journey


def has_room(room: Room) -> bool:
    room._looked_at = float("-inf")
    try:
        room.require()
    except Refused as refusal:
        refused = refusal
    else:
        return True
    assert refused.code is ErrorCode.SERVICE_UNAVAILABLE
    assert int(refused.headers["Retry-After"]) > 0
    return False


def test_unfinished_events_count_and_finished_ones_do_not(store: Store, journey: Journey) -> None:
    room = Room(replace(store.settings, backlog_max=3))
    events = [journey.site.event(to=phone(number)) for number in range(2)]
    assert has_room(room)
    events.append(journey.site.event(to=phone(3)))
    assert not has_room(room)
    walk(events[0].id)
    assert has_room(room)


def test_untaken_items_from_meta_count_too(store: Store, journey: Journey) -> None:
    room = Room(replace(store.settings, backlog_max=2))
    kept = InboundItem.keep(
        Told(journey.site.instance_id, f"key {number}", "message", "{}") for number in range(2)
    )
    assert len(kept) == 2
    assert not has_room(room)


def test_a_look_is_taken_once_a_second_at_most(store: Store) -> None:
    room = Room(replace(store.settings, backlog_max=1))
    room.require()
    copies(a_site().event(), 3)
    room.require()
    assert not has_room(room)


def test_a_disk_with_hardly_any_room_is_full(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(store.settings)
    assert has_room(room)
    monkeypatch.setattr(module, "_RESERVE_BYTES", 10**18)
    monkeypatch.setattr(module, "_RESERVE_SHARE", 1)
    assert has_room(room) == bool(store.settings.database_url)
