"""Fixtures that many tests share."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.backends import broker, migrated_postgres, store
from tests.gateway import Gateway
from tests.journey import a_journey, whatsapp
from tests.servers import Postgres, PostgresAt, Redis, RedisAt
from tests.trunk import trunk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from dramatiq.broker import Broker

    from app.sandbox import Sandbox
    from tests.backends import Store
    from tests.journey import Journey
    from tests.pbx import Pbx

__all__ = ["broker", "migrated_postgres", "store", "trunk", "whatsapp"]

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
def stores(postgres_server: PostgresAt, redis_server: RedisAt) -> tuple[str, str]:
    """The addresses of a database and a Redis for the run's gateways on servers."""
    return postgres_server.create_database(f"gateway_{secrets.token_hex(6)}"), redis_server.url(7)


@pytest.fixture(scope="session")
def start_gateway(
    back_end: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Gateway]]:
    """Starts the real program on the back end, with these settings; it ends with the session."""
    # Asked for now, so that they end after the gateways.
    stores = request.getfixturevalue("stores") if back_end == "servers" else ()
    with ExitStack() as running:

        def start(**settings: str) -> Gateway:
            folder = tmp_path_factory.mktemp(f"gateway-{back_end}")
            begin = Gateway.servers if stores else Gateway.embedded
            gateway = begin(folder, *stores, **settings)
            running.callback(gateway.stop)
            return gateway

        yield start


@pytest.fixture(scope="session")
def gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    """The run's gateway on each back end."""
    return start_gateway(**_PATIENT)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: at the end nobody is to wait for one file alone."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, Any, Any]:
    """Show what the gateway's processes printed, beside a test of theirs that failed."""
    report = yield
    for running in getattr(item, "funcargs", {}).values():
        if report.failed and isinstance(running, Gateway):
            report.sections.append(("the gateway said", running.said()))
    return report


@pytest.fixture
def pbx(gateway: Gateway) -> Pbx:
    """A phone system with an integration that nobody has used yet."""
    return gateway.pbx()


@pytest.fixture
def journey(store: Store, broker: Broker, whatsapp: Sandbox) -> Iterator[Journey]:  # noqa: ARG001 - all three are up
    """A site on each back end, whose customer has just written, with WhatsApp behind it."""
    with a_journey(whatsapp) as on_its_way:
        on_its_way.wrote()
        yield on_its_way
