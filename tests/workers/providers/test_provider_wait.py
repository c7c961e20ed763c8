"""How long a message waits before it is tried again, and when it is not."""

import pickle

import pytest

from workers.providers import Backoff, ProviderError, Receipt, Sender, TextMessage
from workers.providers.errors import of_code


def at_most() -> float:
    return 1.0


def half() -> float:
    return 0.5


def nothing() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("tries", "wait_ms"),
    [(0, 1_000), (1, 2_000), (2, 4_000), (5, 32_000), (6, 60_000), (7, 60_000), (10**9, 60_000)],
)
def test_the_wait_doubles_up_to_a_minute(tries: int, wait_ms: int) -> None:
    assert of_code(131000).wait_ms(tries, at_most) == wait_ms


def test_the_jitter_is_full() -> None:
    assert of_code(131000).wait_ms(3, half) == 4_000
    assert of_code(131000).wait_ms(3, nothing) == 0
    assert 0 <= of_code(131000).wait_ms(3) < 8_000


@pytest.mark.parametrize(
    ("tries", "wait_ms"),
    [(0, 1_000), (1, 4_000), (2, 16_000), (3, 64_000), (4, 256_000), (10**9, 86_400_000)],
)
def test_the_pair_limit_asks_for_4_to_the_n_seconds(tries: int, wait_ms: int) -> None:
    assert of_code(131056).wait_ms(tries, nothing) == wait_ms


def test_a_maintenance_lasts_at_least_a_minute() -> None:
    assert of_code(131057).wait_ms(0, nothing) == 60_000


@pytest.mark.parametrize("code", [130429, 131000, 131056, 131057, 1])
def test_retry_after_is_always_a_lower_bound(code: int) -> None:
    error = of_code(code)
    error.retry_after_ms = 120_000
    assert error.wait_ms(0, nothing) == 120_000
    error.retry_after_ms = 1
    assert error.wait_ms(3, at_most) > 1


def test_a_bounded_failure_is_given_up_and_a_passing_one_is_not() -> None:
    assert [of_code(1).gives_up(tries) for tries in (0, 1, 2)] == [False, False, True]
    assert not of_code(131000).gives_up(1_000)
    assert of_code(131026).gives_up(0)


def test_no_repr_shows_a_secret_a_person_or_a_text() -> None:
    sender = Sender("instance-1", "106", "my-token", "https://graph.example", "v26.0")
    message = TextMessage("+966500000001", "my-text", "event-7")
    receipt = Receipt("wamid.HBg", "+966500000001", "SA.2")
    shown = f"{sender!r} {message!r} {receipt!r}"
    for secret in ("my-token", "966500000001", "my-text", "wamid", "SA.2"):
        assert secret not in shown


def test_an_error_survives_being_pickled() -> None:
    error = of_code(131056)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (str(again), again.backoff) == (str(error), Backoff.RECIPIENT)
    assert isinstance(again, ProviderError)
