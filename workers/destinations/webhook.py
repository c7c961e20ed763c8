"""A webhook of the customer's: our support events as JSON, signed like those that we take."""

from collections.abc import Callable
from typing import Any

import orjson

from core import clock
from core.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from workers import wire
from workers.destinations.destination import DestinationError, Target, Telling, judge, unanswered

_HEADERS = {"Content-Type": "application/json", "User-Agent": "whatsapp-gateway"}


class SignedWebhook:
    """Posts an event as it is in our words."""

    def deliver(
        self,
        target: Target,
        telling: Telling,
        deadline: float,
        before_bytes: Callable[[], None] | None = None,
    ) -> int:
        """Post one event, as `Destination.deliver` promises.

        Raises:
            DestinationError: it was not taken.
        """
        if not target.secret:
            raise DestinationError("it has no secret to sign with", broken=True)
        body = orjson.dumps(_event(target, telling))
        headers = _HEADERS | _proof(target.secret, body)
        try:
            answer = wire.post(target.url, headers, body, deadline, before_bytes, guarded=True)
        except wire.WireError as failure:
            error = unanswered(failure)
        else:
            return judge(answer)
        # Out here no context drags the address or the body into a traceback.
        raise error


def _event(target: Target, telling: Telling) -> dict[str, Any]:
    said = dict(telling.content)
    sent_at_ms = said.pop("sent_at_ms", None)
    return {
        "event": said.pop("event"),
        "event_id": telling.id,
        **said,
        "did": target.did,
        "sent_at": None if sent_at_ms is None else clock.iso(sent_at_ms),
        "received_at": clock.iso(telling.received_at_ms),
    }


def _proof(secret: str, body: bytes) -> dict[str, str]:
    timestamp = str(clock.now_ms() // 1000)
    signed = signature(secret.encode(), timestamp, body)
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: f"sha256={signed}"}
