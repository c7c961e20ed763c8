"""The broker wakes at once and fails nobody."""

from __future__ import annotations

import logging
import statistics
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import redis
from dramatiq import Worker

from core import clock
from tests.backends import connected, settings, until
from tests.servers import Redis
from workers import outbound
from workers.broker import OUTBOUND, InProcessBroker, WakeUpBroker, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dramatiq.broker import Broker


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis that the tests may hold still and take away."""
    server = Redis.start(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


class Bell:
    """An actor that writes down when it was reached, on an idle worker."""

    def __init__(self, broker: Broker) -> None:
        self.rung: list[float] = []
        self._broker = broker
        declare = dramatiq.actor(actor_name="ring", broker=broker, queue_name=OUTBOUND)
        self._actor: dramatiq.Actor[..., Any] = declare(self._ring)

    def _ring(self) -> None:
        self.rung.append(clock.monotonic())

    def hop_s(self, delay_ms: int | None = None) -> float:
        """How long a message takes to an idle worker."""
        count, began = len(self.rung), clock.monotonic()
        self._actor.send_with_options(delay=delay_ms)
        until(lambda: len(self.rung) > count)
        return self.rung[-1] - began


@pytest.fixture
def bell(broker: Broker) -> Iterator[Bell]:
    """A bell with a worker that has nothing else to do."""
    ringing = Bell(broker)
    worker = Worker(broker, queues={OUTBOUND}, worker_threads=2, worker_timeout=100)
    worker.start()
    yield ringing
    worker.stop(timeout=5_000)


def test_an_idle_worker_is_reached_within_fifty_milliseconds(bell: Bell) -> None:
    hops = []
    for _ in range(15):
        clock.sleep(0.03)
        hops.append(bell.hop_s())
    assert statistics.median(hops) < 0.05


def test_a_delayed_message_comes_at_its_time(bell: Bell) -> None:
    waits = [bell.hop_s(delay_ms=200) for _ in range(3)]
    assert min(waits) >= 0.19
    assert statistics.median(waits) < 0.6


def test_the_settings_name_the_broker(own_redis: Redis) -> None:
    assert isinstance(connect(settings()), InProcessBroker)
    with connected(settings(REDIS_URL=own_redis.url(2))) as broker:
        assert isinstance(broker, WakeUpBroker)
        assert {actor.broker for actor in (outbound.validate, outbound.send)} == {broker}


def test_an_enqueue_without_redis_fails_nobody_and_costs_little(
    own_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(settings(REDIS_URL=own_redis.url(2))), caplog.at_level(logging.WARNING):
        own_redis.stop()
        began = clock.monotonic()
        for _ in range(50):
            outbound.begin("evt_00000000000000000000000000")
        assert clock.monotonic() - began < 2
        own_redis.restart()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the sweep takes over" in caplog.text


def test_a_redis_that_stands_still_holds_the_door_up_for_a_moment_at_most(own_redis: Redis) -> None:
    broker = connect(settings(REDIS_URL=own_redis.url(2)))
    assert isinstance(broker, WakeUpBroker)
    outbound.begin("evt_00000000000000000000000000")
    own_redis.pause()
    began = clock.monotonic()
    outbound.begin("evt_00000000000000000000000000")
    outbound.begin("evt_00000000000000000000000000")
    waited_s = clock.monotonic() - began
    own_redis.resume()
    broker.client.close()
    assert waited_s < 2


def test_once_redis_is_back_messages_are_enqueued_again(own_redis: Redis) -> None:
    with (
        connected(settings(REDIS_URL=own_redis.url(2))),
        redis.Redis.from_url(own_redis.url(2)) as client,
    ):
        own_redis.stop()
        outbound.begin("evt_00000000000000000000000000")
        own_redis.restart()
        clock.sleep(1.05)
        outbound.begin("evt_00000000000000000000000000")
        assert client.llen("gateway:outbound") == 1


def test_wake_up_tokens_do_not_pile_up(own_redis: Redis) -> None:
    with (
        connected(settings(REDIS_URL=own_redis.url(2))),
        redis.Redis.from_url(own_redis.url(2)) as client,
    ):
        for _ in range(200):
            outbound.begin("evt_00000000000000000000000000")
        assert client.llen("gateway:outbound") == 200
        assert client.llen("gateway:outbound.wake") == 64
