"""What the outcome of a request tells its instance's breaker, and those who wait for that."""

import logging
from collections.abc import Callable
from functools import partial

from core import telemetry
from core.errors import GatewayError
from models import backlog
from models.breaker import Breaker
from models.event import Event, Waiting
from workers.providers import ProviderError, Receipt, Way

_log = logging.getLogger(__name__)

News = Callable[[], None]


class WhatsAppAway(GatewayError):
    """WhatsApp cannot be reached by an instance: until it can, its messages wait."""


def learn(event: Event, outcome: Receipt | ProviderError, probe_until_ms: int | None) -> list[News]:
    """Count an outcome for or against the way to WhatsApp, in the caller's transaction.

    Args:
        event: whose request it was.
        outcome: what came of it.
        probe_until_ms: the lease of a request that was the breaker's probe; else None.

    Returns:
        What is to be told once the transaction is kept.
    """
    if outcome.way is Way.BROKEN:
        return _broken(event, probe_until_ms)
    if outcome.way is Way.WORKS:
        return _works(event)
    if probe_until_ms is not None:
        Breaker.untold(event.instance_id, probe_until_ms)
        _release(event)
    return []


def _broken(event: Event, probe_until_ms: int | None) -> list[News]:
    open_until_ms = Breaker.failed(event.instance_id, probe_until_ms)
    if open_until_ms is None:
        return []
    _release(event, open_until_ms)
    away = WhatsAppAway(f"instance {event.instance_id} cannot reach WhatsApp: its messages wait")
    return [partial(telemetry.warn, away)]


def _works(event: Event) -> list[News]:
    if not Breaker.answered(event.instance_id):
        return []
    _release(event)
    return [partial(_log.warning, "instance %s reaches WhatsApp again", event.instance_id)]


def _release(event: Event, at_ms: int | None = None) -> None:
    own = {"account_id": event.account_id, "instance_id": event.instance_id}
    backlog.release(Waiting.OUTAGE, at_ms, **own)
