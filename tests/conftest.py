"""Fixtures that many tests share."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.gateway import Gateway
from tests.servers import Postgres, PostgresAt, Redis, RedisAt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pbx import Pbx

# Failed authentications slow an address down, and all of a run's come from one.
_PATIENT = {"FAILURES_BEFORE_SLOWDOWN": "100000"}


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


@pytest.fixture(scope="session", params=["embedded", "servers"])
def back_end(request: pytest.FixtureRequest) -> str:
    """SQLite and the in-process broker, or Postgres and Redis."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def gateway(
    back_end: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The run's gateway on each back end: the real program, in processes of its own."""
    folder = tmp_path_factory.mktemp(f"gateway-{back_end}")
    running = a_gateway(back_end, request, folder, **_PATIENT)
    yield running
    running.stop()


@pytest.fixture
def pbx(gateway: Gateway) -> Pbx:
    """A phone system with an integration that nobody has used yet."""
    return gateway.pbx()


def a_gateway(
    back_end: str, request: pytest.FixtureRequest, folder: Path, **settings: str
) -> Gateway:
    """Start a gateway on a back end, with a database of its own where it is a server's."""
    if back_end == "embedded":
        return Gateway.embedded(folder, **settings)
    postgres: PostgresAt = request.getfixturevalue("postgres_server")
    redis: RedisAt = request.getfixturevalue("redis_server")
    database_url = postgres.create_database(f"gateway_{secrets.token_hex(6)}")
    return Gateway.servers(folder, database_url, redis.url(), **settings)
