"""Never more than 60 requests in any 60 s per integration: exact, and shared through Redis.

The last 60 admissions are kept; one more is admitted when the oldest of them is over 60 s ago.
"""

import logging
import threading
from collections import OrderedDict, deque
from typing import Any, Protocol

import redis

from core import clock
from core.errors import ErrorCode, Refused

LIMIT = 60
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


class Meter(Protocol):
    """Something that knows how long a name has to wait."""

    def wait_ms(self, name: str) -> int:
        """0 when the name is admitted now, else the milliseconds until it would be."""
        ...


class MemoryMeter:
    """For one process."""

    def __init__(self, limit: int = LIMIT, window_ms: int = WINDOW_MS) -> None:
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

    def __init__(self, client: redis.Redis, limit: int = LIMIT, window_ms: int = WINDOW_MS) -> None:
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
    """Refuses what comes too fast."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def admit(self, integration_id: str) -> None:
        """Count a request of an integration.

        Raises:
            Refused: `webhook_rate_limited`, with Retry-After and the RateLimit fields
                (draft-ietf-httpapi-ratelimit-headers).
        """
        wait_ms = self._meter.wait_ms(integration_id)
        if wait_ms <= 0:
            return
        wait_s = -(-wait_ms // 1000)
        raise Refused(
            ErrorCode.WEBHOOK_RATE_LIMITED,
            details={"limit": LIMIT, "window_seconds": WINDOW_MS // 1000, "retry_after": wait_s},
            headers={
                "Retry-After": str(wait_s),
                "RateLimit-Policy": f'"webhook";q={LIMIT};w={WINDOW_MS // 1000}',
                "RateLimit": f'"webhook";r=0;t={wait_s}',
            },
        )
