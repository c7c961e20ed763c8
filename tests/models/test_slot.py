"""Slots are reserved, not polled: a pace for each number and for each pair."""

from __future__ import annotations

import pytest

from core import clock
from models.slot import Rate, Slot
from tests.backends import together
from tests.factories import NOON_MS

pytestmark = pytest.mark.usefixtures("store")

EIGHTY = Rate("instance:a", 12_500, 1)
PAIR = Rate("pair:a", 6_000_000, 45)
LATE = NOON_MS + 900_000


def reserve(*rates: Rate, now_ms: int = NOON_MS, not_after_ms: int = LATE) -> int:
    """Reserve a slot; its distance from noon in milliseconds."""
    return Slot.reserve(list(rates), now_ms, not_after_ms) - NOON_MS


def test_a_number_sends_eighty_messages_in_a_second_and_no_more() -> None:
    slots = [reserve(EIGHTY) for _ in range(161)]
    assert slots[:4] == [0, 13, 25, 38]
    assert sum(slot < 1_000 for slot in slots) == 80
    assert (slots[80], slots[160]) == (1_000, 2_000)


def test_a_pair_bursts_to_forty_five_and_then_keeps_six_seconds() -> None:
    slots = [reserve(PAIR) for _ in range(48)]
    assert slots == [0] * 45 + [6_000, 12_000, 18_000]


def test_a_rested_pair_may_burst_again() -> None:
    for _ in range(45):
        reserve(PAIR)
    after = NOON_MS + 45 * 6_000
    assert [reserve(PAIR, now_ms=after) for _ in range(46)] == [270_000] * 45 + [276_000]


def test_a_message_waits_for_the_slower_of_its_names() -> None:
    for _ in range(45):
        reserve(EIGHTY, PAIR)
    assert reserve(EIGHTY, PAIR) == 6_000
    assert reserve(EIGHTY) == 6_013
    assert reserve(EIGHTY, Rate("pair:b", 6_000_000, 45)) == 6_025


def test_beyond_the_validity_nothing_is_reserved() -> None:
    for _ in range(45):
        reserve(EIGHTY, PAIR)
    assert reserve(EIGHTY, PAIR, not_after_ms=NOON_MS + 5_999) == 6_000
    assert reserve(EIGHTY) < 1_000
    assert reserve(PAIR) == 6_000


def test_time_that_went_by_unused_is_not_saved_up() -> None:
    reserve(EIGHTY)
    assert [reserve(EIGHTY, now_ms=NOON_MS + 5_000) for _ in range(2)] == [5_000, 5_013]


def test_nobody_sends_before_a_closed_name_opens() -> None:
    clock.freeze(NOON_MS)
    Slot.close_until("instance:a", NOON_MS + 4_000)
    assert reserve(EIGHTY, PAIR) == 4_000
    assert Slot.opens_at_ms(["instance:a", "pair:a"]) == NOON_MS + 4_000
    assert Slot.opens_at_ms(["pair:b"]) == 0


def test_a_longer_closing_stays() -> None:
    Slot.close_until("instance:a", NOON_MS + 4_000)
    Slot.close_until("instance:a", NOON_MS + 1_000)
    assert Slot.opens_at_ms(["instance:a"]) == NOON_MS + 4_000


def test_many_who_reserve_at_once_get_different_slots_at_the_pace() -> None:
    slots = sorted(together(32, lambda _: reserve(EIGHTY, PAIR)))
    assert slots == [-(-number * 25 // 2) for number in range(32)]


def test_names_in_any_order_never_block_each_other() -> None:
    both = [Rate("one", 1_000, 1), Rate("two", 1_000, 1)]
    slots = together(16, lambda number: reserve(*both[:: 1 if number % 2 else -1]))
    assert sorted(slots) == list(range(16))


@pytest.mark.parametrize("back_ms", [6_000, 100_000, 3_600_000])
def test_a_clock_that_is_turned_back_costs_no_more_than_its_turning(
    back_ms: int,
) -> None:
    now = clock.now_ms()
    rates = [Rate("instance:x", 100_000, 1)]
    first = [Slot.reserve(rates, now, now + 86_400_000) for _ in range(5)]
    assert first == [now + 100 * number for number in range(5)]
    earlier = now - back_ms
    assert Slot.reserve(rates, earlier, earlier + 86_400_000) == earlier + 500
    assert Slot.reserve(rates, earlier, earlier + 86_400_000) == earlier + 600


def test_a_closing_lasts_as_long_as_it_was_said_to_though_the_clock_is_turned_back() -> None:
    clock.freeze()
    Slot.close_until("pair:x", clock.now_ms() + 60_000)
    clock.turn(-600_000)
    assert Slot.opens_at_ms(["pair:x"]) == clock.now_ms() + 60_000
    Slot.close_until("pair:x", clock.now_ms() + 1_000)
    assert Slot.opens_at_ms(["pair:x"]) == clock.now_ms() + 60_000
    clock.turn(60_000)
    assert Slot.opens_at_ms(["pair:x"]) <= clock.now_ms()


def test_clocks_that_are_a_little_apart_keep_the_pace() -> None:
    now = clock.now_ms()
    rates = [Rate("instance:x", 100_000, 1)]
    assert Slot.reserve(rates, now, now + 86_400_000) == now
    assert Slot.reserve(rates, now - 3_000, now + 86_400_000) == now + 100
