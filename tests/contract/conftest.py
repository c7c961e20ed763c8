"""What the contract's tests share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.servers import Postgres, Redis

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


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A Postgres that may fall."""
    server = Postgres.start(tmp_path_factory.mktemp("fallible-postgres"), fsync=False)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that may fall."""
    server = Redis.start(tmp_path_factory.mktemp("fallible-redis"))
    yield server
    server.stop()
