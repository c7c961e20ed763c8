"""What the contract's tests share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gateway import Gateway


@pytest.fixture(scope="session")
def fenced(start_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway behind a trusted proxy (us), which soon has enough of an address."""
    return start_gateway(TRUSTED_PROXIES="127.0.0.1", FAILURES_BEFORE_SLOWDOWN="5")


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    """Sixteen threads that start together."""
    with ThreadPoolExecutor(16) as pool:
        yield pool
