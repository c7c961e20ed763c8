"""The broker is a wake-up, never the truth: a message that is lost is found again by `upkeep`.

Actors are declared when their modules are imported, and bound to a real broker by `connect`.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import dramatiq
import redis
from dramatiq.broker import Broker, Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.brokers.stub import StubBroker
from dramatiq.message import Message
from dramatiq.middleware import Middleware, Pipelines, Retries

from core import clock, crash
from core.config import Settings
from models.database import close_connection

OUTBOUND = "outbound"
INBOUND = "inbound"
FORWARD = "forward"
QUEUES = (OUTBOUND, INBOUND, FORWARD)

NAMESPACE = "gateway"
PREFETCH = 256  # throughput; at Dramatiq's default the consumer sleeps with work at hand

_log = logging.getLogger(__name__)

# After kill -9 a worker's messages return within 30 s (docs/adr/0004).
_HEARTBEAT_TIMEOUT_MS = 15_000
_MAINTENANCE_CHANCE = 100_000
_DEAD_MESSAGE_TTL_MS = 60 * 60 * 1000

_WAKE_TOKENS_KEPT = 64
_IDLE_S = 0.5
_DELAY_LOOK_S = 0.1
_SILENCE_AFTER_FAILURE_S = 1.0
_DOOR_TIMEOUT_S = 0.25
_WORKER_TIMEOUT_S = 5.0

_FAILURES = (redis.RedisError, OSError)


class _Connections(Middleware):
    """A worker's thread takes its connection to the database along when it ends."""

    def before_worker_thread_shutdown(self, _broker: Broker, _thread: threading.Thread) -> None:
        close_connection()


class _CrashPoints(Middleware):
    def before_enqueue(self, _broker: Broker, message: Message[Any], _delay: int | None) -> None:
        crash.point("before enqueue", message.actor_name)

    def after_enqueue(self, _broker: Broker, message: Message[Any], _delay: int | None) -> None:
        crash.point("after enqueue", message.actor_name)


def _middleware() -> list[Middleware]:
    return [Pipelines(), Retries(max_retries=0), _Connections(), _CrashPoints()]


declarations = StubBroker(middleware=_middleware())


class Queue(StrEnum):
    """What became of the queue."""

    THERE = "there"
    AWAY = "away"
    LOST = "lost"  # it is there again, and empty: what had been handed to it is gone


class InProcessBroker(StubBroker):
    """Queues in the memory of this process, for the embedded default."""

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Put a message where the workers of this process find it."""
        for letters in self.dead_letters_by_queue.values():
            letters.clear()  # the row knows what died; nobody reads these
        return super().enqueue(message, delay=delay)

    _is_new = True

    def look(self) -> Queue:
        """What became of the queue: it went with the process before this one, and stays since."""
        was_new, self._is_new = self._is_new, False
        return Queue.LOST if was_new else Queue.THERE


class WakeUpBroker(RedisBroker):
    """Dramatiq's Redis broker with two changes: idle workers are woken, and nobody is failed.

    Each enqueue pushes a token that an idle consumer waits for (BLPOP), so that a hop takes
    milliseconds instead of a poll. An enqueue that Redis refuses is dropped and logged: the event's
    row has the time at which the sweep begins its step again.
    """

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(
            client=client,
            middleware=_middleware(),
            namespace=NAMESPACE,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT_MS,
            maintenance_chance=_MAINTENANCE_CHANCE,
            dead_message_ttl=_DEAD_MESSAGE_TTL_MS,
        )
        self._silent_until = 0.0

    @property
    def consumer_class(self) -> type[Consumer]:
        """What workers fetch with."""
        return _WakefulConsumer

    def wake_list(self, queue_name: str) -> str:
        """The Redis key of a queue's tokens."""
        return f"{self.namespace}:{queue_name}.wake"

    def do_enqueue(self, queue_name: str, message_id: str, data: bytes) -> None:
        """Enqueue and wake; within a second of a failure nothing is tried."""
        if clock.monotonic() < self._silent_until:
            return
        try:
            self._dispatch("enqueue")(queue_name, message_id, data)
            crash.point("before", "wake")
            self._wake(queue_name)
        except _FAILURES as failure:
            self._silent_until = clock.monotonic() + _SILENCE_AFTER_FAILURE_S
            _log.warning("queue unreachable (%s); the sweep takes over", type(failure).__name__)

    def look(self) -> Queue:
        """What became of the queue; that it was lost is told to one of all who ask, once."""
        try:
            forgot = self.client.set(f"{self.namespace}:remembers", 1, nx=True)
        except _FAILURES:
            return Queue.AWAY
        return Queue.LOST if forgot else Queue.THERE

    def _wake(self, queue_name: str) -> None:
        key = self.wake_list(queue_name)
        with self.client.pipeline(transaction=False) as together:
            together.rpush(key, 1)
            together.ltrim(key, -_WAKE_TOKENS_KEPT, -1)
            together.execute()


class _WakefulConsumer(_RedisConsumer):
    """Fetches as Dramatiq's does, but waits for a token where that one sleeps."""

    broker: WakeUpBroker

    def __next__(self) -> MessageProxy | None:
        if not self.message_cache and self.outstanding_message_count < self.prefetch:
            with _as_connection_errors():
                self.message_cache = self.broker.do_fetch(
                    self.queue_name, self.prefetch - self.outstanding_message_count
                )
                if not self.message_cache:
                    self._wait_for_token()
        if not self.message_cache:
            return None
        data = self.message_cache.pop(0)
        if data is None:
            return None
        message = Message.decode(data)
        self.queued_message_ids.add(message.message_id)
        return MessageProxy(message)

    def _wait_for_token(self) -> None:
        # A queue of delayed messages is looked at often, for those whose time has come.
        patience_s = _DELAY_LOOK_S if self.queue_name.endswith(".DQ") else _IDLE_S
        if self.outstanding_message_count >= self.prefetch:
            clock.sleep(_DELAY_LOOK_S)
            return
        self.broker.client.blpop([self.broker.wake_list(self.queue_name)], timeout=patience_s)

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge; what Redis does not hear comes again, and its step finds nothing to do."""
        with contextlib.suppress(*_FAILURES, dramatiq.errors.BrokerConnectionError):
            super().ack(message)

    def nack(self, message: MessageProxy) -> None:
        """Reject, on the same terms."""
        with contextlib.suppress(*_FAILURES, dramatiq.errors.BrokerConnectionError):
            super().nack(message)


@contextlib.contextmanager
def _as_connection_errors() -> Iterator[None]:
    # redis.TimeoutError is no ConnectionError, and Dramatiq restarts its consumer only for those.
    try:
        yield
    except _FAILURES as failure:
        raise dramatiq.errors.ConnectionClosed(failure) from None


def redis_client(settings: Settings, *, timeout_s: float = _DOOR_TIMEOUT_S) -> redis.Redis:
    """A client that gives up soon: at the door a slow Redis must not hold anybody up."""
    return redis.Redis.from_url(
        settings.redis_url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=15,
    )


def connect(settings: Settings, *, working: bool = False) -> "InProcessBroker | WakeUpBroker":
    """Bind all declared actors to the broker that the settings name.

    Args:
        settings: with a `redis_url`, Redis; without, this process.
        working: for a process that consumes, which waits longer for Redis than the door does.
    """
    broker: InProcessBroker | WakeUpBroker
    if settings.redis_url:
        timeout_s = _WORKER_TIMEOUT_S if working else _DOOR_TIMEOUT_S
        broker = WakeUpBroker(redis_client(settings, timeout_s=timeout_s))
    else:
        broker = InProcessBroker(middleware=_middleware())
    for actor in declarations.actors.values():
        actor.broker = broker
        broker.declare_actor(actor)
    dramatiq.set_broker(broker)
    return broker
