"""Never more than so many requests in any 60 s per integration: exact, and shared through Redis.

Each door counts its own: a busy queue's calls must not starve the chat. Of a limit of 60, the last
60 admissions are kept; one more is admitted when the oldest of them is over 60 s ago.
"""

import logging
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Protocol, Self

import redis

from core import clock
from core.errors import ErrorCode, Refused

WINDOW_MS = 60_000

_KEPT_AT_MOST = 50_000
_SILENCE_AFTER_FAILURE_S = 1.0

_log = logging.getLogger(__name__)

# KEYS[1]: the list of one integration, newest first. ARGV: limit, window in ms.
# Answers 0 when admitted, else the milliseconds to wait. Redis's own clock serves all hosts.
_ADMIT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], limit - 1)
if oldest and now - oldest <= window then
    return window - (now - oldest) + 1
end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, limit - 1)
redis.call('PEXPIRE', KEYS[1], window + 1000)
return 0
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a door an integration may use.

    Args:
        door: its name, as callers see it.
        limit: requests in any 60 s.
        refusal: the code of what comes too fast.
    """

    door: str
    limit: int
    refusal: ErrorCode


QUOTAS = {
    each.door: each
    for each in (
        Quota("webhook", 60, ErrorCode.WEBHOOK_RATE_LIMITED),
        Quota("sms", 300, ErrorCode.RATE_LIMITED),
        Quota("lookup", 600, ErrorCode.RATE_LIMITED),
    )
}


class Meter(Protocol):
    """Something that knows how long a name has to wait."""

    def wait_ms(self, name: str) -> int:
        """0 when the name is admitted now, else the milliseconds until it would be."""
        ...


class MemoryMeter:
    """For one process."""

    def __init__(self, limit: int, window_ms: int = WINDOW_MS) -> None:
        self._limit, self._window_ms = limit, window_ms
        self._lock = threading.Lock()
        self._admitted: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_ms(self, name: str) -> int:
        """See Meter."""
        now_ms = clock.monotonic() * 1000
        with self._lock:
            admitted = self._admitted.setdefault(name, deque(maxlen=self._limit))
            self._admitted.move_to_end(name)
            if len(admitted) == self._limit and now_ms - admitted[0] <= self._window_ms:
                return int(self._window_ms - (now_ms - admitted[0])) + 1
            admitted.append(now_ms)
            while len(self._admitted) > _KEPT_AT_MOST:
                self._admitted.popitem(last=False)
        return 0


class SharedMeter:
    """For all processes that share a Redis; while that is away, each counts for itself."""

    def __init__(self, client: redis.Redis, limit: int, window_ms: int = WINDOW_MS) -> None:
        self._limit, self._window_ms = limit, window_ms
        self._admit: Any = client.register_script(_ADMIT)
        self._alone = MemoryMeter(limit, window_ms)
        self._silent_until = 0.0

    def wait_ms(self, name: str) -> int:
        """See Meter."""
        if clock.monotonic() < self._silent_until:
            return self._alone.wait_ms(name)
        try:
            return int(
                self._admit(keys=[f"gateway:rate:{name}"], args=[self._limit, self._window_ms])
            )
        except (redis.RedisError, OSError) as failure:
            self._silent_until = clock.monotonic() + _SILENCE_AFTER_FAILURE_S
            _log.warning("rate limit: Redis is away (%s)", type(failure).__name__)
            return self._alone.wait_ms(name)


class Limiter:
    """Refuses what comes too fast at one door."""

    def __init__(self, quota: Quota, meter: Meter) -> None:
        self._quota, self._meter = quota, meter
        # The webhook's Redis keys are as they were when it was the only door.
        self._prefix = "" if quota.door == "webhook" else f"{quota.door}:"

    @classmethod
    def at(cls, door: str, client: redis.Redis | None) -> Self:
        """The limiter of a door, counting in Redis or, without one, in this process."""
        quota = QUOTAS[door]
        return cls(quota, SharedMeter(client, quota.limit) if client else MemoryMeter(quota.limit))

    def admit(self, integration_id: str) -> None:
        """Count a request of an integration.

        Raises:
            Refused: the quota's code, with Retry-After and the RateLimit fields
                (draft-ietf-httpapi-ratelimit-headers).
        """
        wait_ms = self._meter.wait_ms(self._prefix + integration_id)
        if wait_ms <= 0:
            return
        door, limit, window_s = self._quota.door, self._quota.limit, WINDOW_MS // 1000
        wait_s = -(-wait_ms // 1000)
        raise Refused(
            self._quota.refusal,
            details={"limit": limit, "window_seconds": window_s, "retry_after": wait_s},
            headers={
                "Retry-After": str(wait_s),
                "RateLimit-Policy": f'"{door}";q={limit};w={window_s}',
                "RateLimit": f'"{door}";r=0;t={wait_s}',
            },
        )
