"""A breaker opens after failures in a row, lets one probe out, and closes with any answer."""

from __future__ import annotations

import pytest

from core import clock
from models.breaker import FAILURES_IN_A_ROW, Breaker, Position
from tests.backends import together
from tests.factories import NOON_MS

pytestmark = pytest.mark.usefixtures("store")

ONE, ANOTHER = "ins_one", "ins_another"
LEASE_MS = 25_000


@pytest.fixture(autouse=True)
def _noon() -> None:
    clock.freeze(NOON_MS)


def fail(times: int = 1) -> int | None:
    """So many failures in a row; what the last said."""
    told = [Breaker.failed(ONE, None) for _ in range(times)]
    return told[-1]


def opened() -> int:
    """Open it; until when."""
    until = fail(FAILURES_IN_A_ROW)
    assert until is not None
    return until


def position(instance_id: str = ONE) -> Position:
    """Where it stands now."""
    return Breaker.of(instance_id).position(clock.now_ms())


def ask(instance_id: str = ONE) -> tuple[int | None, bool]:
    """Ask for a request, as a worker does: when to come again, and whether it is the probe."""
    now = clock.now_ms()
    said = Breaker.admit(instance_id, now, now + LEASE_MS)
    return said.wait_until_ms, said.probe


def probe() -> int:
    """Be the probe, once the time is over; its lease."""
    clock.freeze(max(clock.now_ms(), Breaker.of(ONE).open_until_ms or 0))
    assert ask() == (None, True)
    return clock.now_ms() + LEASE_MS


def test_a_breaker_that_never_failed_is_closed_and_writes_nothing() -> None:
    assert ask() == (None, False)
    assert not Breaker.answered(ONE)
    assert Breaker.select().count() == 0


def test_five_failures_in_a_row_open_it_and_four_do_not() -> None:
    assert fail(4) is None
    assert ask() == (None, False)
    until = fail()
    assert until is not None
    assert NOON_MS + 4_500 <= until <= NOON_MS + 5_000
    assert (position(), ask()) == (Position.OPEN, (until, False))


def test_an_answer_in_between_begins_the_count_anew() -> None:
    fail(4)
    assert not Breaker.answered(ONE)
    assert fail(4) is None
    assert position() is Position.CLOSED


def test_one_numbers_breaker_is_no_other_numbers() -> None:
    opened()
    assert ask(ANOTHER) == (None, False)
    assert position(ANOTHER) is Position.CLOSED


def test_half_open_lets_one_of_many_go() -> None:
    clock.freeze(opened())
    assert position() is Position.HALF_OPEN
    said = together(16, lambda _: ask())
    assert said.count((None, True)) == 1
    assert said.count((clock.now_ms() + LEASE_MS, False)) == 15


def test_a_probe_that_succeeds_closes_it_and_forgets() -> None:
    opened()
    probe()
    assert Breaker.answered(ONE)
    assert (position(), ask()) == (Position.CLOSED, (None, False))
    assert fail(4) is None
    until = fail()
    assert until is not None
    assert until <= NOON_MS + 10_000  # its first length again


def test_each_failed_probe_doubles_the_time_up_to_a_minute() -> None:
    lengths = [opened() - clock.now_ms()]
    for _ in range(6):
        until = Breaker.failed(ONE, probe())
        assert until is not None
        lengths.append(until - clock.now_ms())
    for length, at_most in zip(lengths, (5, 10, 20, 40, 60, 60, 60), strict=True):
        assert 900 * at_most <= length <= 1_000 * at_most


def test_a_prober_that_died_holds_nobody_longer_than_its_lease() -> None:
    opened()
    lease = probe()
    clock.freeze(lease - 1)
    assert ask() == (lease, False)
    clock.freeze(lease)
    assert ask() == (None, True)


def test_what_began_before_it_opened_changes_nothing_when_it_fails() -> None:
    until = opened()
    assert fail() is None
    clock.freeze(until)
    assert fail() is None
    lease = probe()
    assert fail() is None
    assert ask() == (lease, False)


def test_a_probe_whose_lease_is_anothers_by_now_does_not_count() -> None:
    opened()
    late = probe()
    clock.freeze(late)
    lease = probe()
    assert Breaker.failed(ONE, late) is None
    assert ask() == (lease, False)
    assert Breaker.failed(ONE, lease) is not None


def test_a_late_answer_closes_it_as_any_does() -> None:
    opened()
    assert Breaker.answered(ONE)
    assert ask() == (None, False)


def test_a_probe_without_a_word_lets_the_next_one_probe() -> None:
    opened()
    Breaker.untold(ONE, probe())
    assert ask() == (None, True)


def test_a_clock_turned_back_shuts_nobody_in() -> None:
    opened()
    clock.turn(-3_600_000)
    assert (position(), ask()) == (Position.HALF_OPEN, (None, True))
    clock.turn(-3_600_000)
    assert ask() == (None, True)
