"""Fixtures that many tests share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.servers import Postgres, PostgresAt, Redis, RedisAt

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresAt]:
    """The run's Postgres: a database on the server at DATABASE_URL, or a server of our own."""
    if url := os.environ.get("DATABASE_URL"):
        with PostgresAt.given(url) as given:
            yield given
        return
    server = Postgres.start(tmp_path_factory.mktemp("postgres"), fsync=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisAt]:
    """The run's Redis: the one database that REDIS_URL names, or a server of our own."""
    if url := os.environ.get("REDIS_URL"):
        yield RedisAt(url)
        return
    server = Redis.start(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()
