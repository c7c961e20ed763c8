"""Liveness and readiness of the running program, and what it does while a server is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Postgres, Redis
    from tests.wire import Answer

WELL = {"database": "ok", "migration": "ok", "broker": "ok"}
# Work that was on its way through a server that died is found again by the sweep.
_FOUND_AGAIN_S = 30.0


def test_a_running_gateway_lives(gateway: Gateway) -> None:
    answer = gateway.get("/healthz")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_a_running_gateway_is_ready(gateway: Gateway) -> None:
    answer = gateway.get("/readyz")
    assert (answer.status, answer.json()) == (200, {"status": "ok", "checks": WELL})


@pytest.fixture(scope="module")
def shaken(
    postgres: Postgres, redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway on servers that may fall."""
    folder = tmp_path_factory.mktemp("shaken")
    gateway = Gateway.servers(folder, postgres.create_database("shaken"), redis.url())
    yield gateway
    gateway.stop()


def is_without(answer: Answer, *missing: str) -> bool:
    """Whether a readiness says that this is missing and nothing else; and no addresses."""
    checks = answer.json()["checks"]
    assert "127.0.0.1" not in answer.body.decode()
    assert answer.status == (503 if "database" in missing else 200), answer
    status = "unavailable" if "database" in missing else "degraded"
    assert answer.json()["status"] == (status if missing else "ok")
    return {name for name, found in checks.items() if found != "ok"} == set(missing)


def test_without_redis_webhooks_are_kept_and_carried_on_afterwards(
    shaken: Gateway, redis: Redis
) -> None:
    pbx = shaken.pbx()
    assert pbx.outcome().json()["state"] == "sent"
    redis.kill()
    assert is_without(shaken.get("/readyz"), "broker")
    assert shaken.get("/healthz").status == 200
    kept = pbx.post()
    assert (kept.status, kept.json()["success"]) == (202, True)
    redis.restart()
    assert is_without(shaken.get("/readyz"))
    event_id = kept.json()["event_id"]
    shaken.wait_until(lambda: pbx.status(event_id).json()["state"] == "sent", _FOUND_AGAIN_S)
    assert pbx.outcome().json()["state"] == "sent"
    assert len(pbx.received()) == 3


def test_without_postgres_nothing_is_said_to_be_kept(shaken: Gateway, postgres: Postgres) -> None:
    pbx = shaken.pbx()
    assert pbx.outcome().json()["state"] == "sent"
    postgres.kill()
    assert is_without(shaken.get("/readyz"), "database", "migration")
    assert shaken.get("/healthz").status == 200
    for answer in (pbx.post(), pbx.status("evt_00000000000000000000000000")):
        assert answer.refusal == (503, "service_unavailable")
        assert int(answer.header("Retry-After") or "") > 0
    postgres.restart()
    assert is_without(shaken.get("/readyz"))
    shaken.wait_until(lambda: pbx.status("evt_00000000000000000000000000").status == 404)
    event_id = pbx.post().json()["event_id"]
    shaken.wait_until(lambda: pbx.status(event_id).json()["state"] == "sent", _FOUND_AGAIN_S)
    assert len(pbx.received()) == 2
