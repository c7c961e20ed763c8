from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from core import clock
from core.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _the_machines_clock() -> Iterator[None]:
    yield
    clock.reset()


def test_an_id_is_its_prefix_and_26_crockford_characters() -> None:
    assert re.fullmatch("evt_[0-7][0-9a-hjkmnp-tv-z]{25}", new_id("evt"))


def test_an_id_is_a_ulid_of_the_time_at_which_it_was_made() -> None:
    clock.freeze(1_469_918_176_385)
    assert new_id("evt")[4:14] == in_base_32(1_469_918_176_385)


def in_base_32(number: int) -> str:
    """Ten characters, worked out the slow way."""
    letters = ""
    while len(letters) < 10:
        number, digit = divmod(number, 32)
        letters = "0123456789abcdefghjkmnpqrstvwxyz"[digit] + letters
    return letters


@pytest.mark.parametrize("later_ms", [1, 31, 32, 1_000, 86_400_000, 10**12])
def test_a_later_id_sorts_after_an_earlier_one(later_ms: int) -> None:
    clock.freeze(1_700_000_000_000)
    earlier = [new_id("evt") for _ in range(20)]
    clock.turn(later_ms)
    assert max(earlier) < min(new_id("evt") for _ in range(20))


@pytest.mark.parametrize("at_ms", [0, (1 << 48) - 1])
def test_the_first_and_the_last_moment_have_ids_too(at_ms: int) -> None:
    clock.freeze(at_ms)
    assert len(new_id("evt")) == 30


def test_ids_of_one_millisecond_made_by_many_threads_are_all_different() -> None:
    clock.freeze(1_700_000_000_000)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id("evt"), range(20_000)))
    assert len(set(made)) == 20_000
    assert len({each[:14] for each in made}) == 1
    assert len({each[14:18] for each in made}) > 19_000 // 2
