from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from core import clock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _the_machines_clock() -> Iterator[None]:
    yield
    clock.reset()


def test_the_clock_goes_with_the_machines_in_whole_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    now = clock.now_ms()
    assert before <= now <= time.time_ns() // 1_000_000
    assert isinstance(now, int)


@pytest.mark.parametrize("by_ms", [86_400_000, -86_400_000])
def test_hands_that_are_turned_go_on_from_there(by_ms: int) -> None:
    before = clock.now_ms()
    clock.turn(by_ms)
    assert 0 <= clock.now_ms() - before - by_ms < 5_000


def test_turns_add_up() -> None:
    clock.freeze(1_000)
    clock.turn(5)
    clock.turn(-2)
    assert clock.now_ms() == 1_003


def test_a_frozen_clock_stands_until_it_is_turned() -> None:
    clock.freeze(1_000)
    clock.sleep(0.002)
    assert clock.now_ms() == 1_000
    clock.turn(1)
    assert clock.now_ms() == 1_001


def test_frozen_without_a_time_it_stands_where_its_hands_are() -> None:
    clock.freeze(1_000)
    clock.turn(500)
    clock.freeze()
    assert clock.now_ms() == 1_500


def test_reset_undoes_both() -> None:
    clock.freeze(1_000)
    clock.turn(5)
    clock.reset()
    assert abs(clock.now_ms() - time.time_ns() // 1_000_000) < 5_000


def test_turning_the_hands_does_not_touch_durations() -> None:
    before = clock.monotonic()
    clock.freeze(0)
    clock.turn(-86_400_000)
    assert 0 <= clock.monotonic() - before < 5


def test_a_sleep_lasts_at_least_as_long_as_was_asked() -> None:
    before = time.monotonic()
    clock.sleep(0.02)
    assert time.monotonic() - before >= 0.02
