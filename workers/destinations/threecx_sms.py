"""Agents' chat in a 3CX: the Webhook URL of a trunk's Generic SMS provider."""

from collections.abc import Callable

import orjson

from core import clock
from workers import wire
from workers.destinations.destination import (
    DestinationError,
    Target,
    Telling,
    judge,
    unanswered,
)

_HEADERS = {"Content-Type": "application/json", "User-Agent": "whatsapp-gateway"}


class GenericSms:
    """Speaks as the provider of an SMS trunk: the customer's message, or a line of ours."""

    def deliver(
        self,
        target: Target,
        telling: Telling,
        deadline: float,
        before_bytes: Callable[[], None] | None = None,
    ) -> int:
        """Put one line into the agents' chat, as `Destination.deliver` promises.

        Raises:
            DestinationError: it was not taken, or the conversation has no DID.
        """
        if target.did is None:
            raise DestinationError("no DID is set for this WhatsApp number", broken=True)
        body = orjson.dumps(_message(target.did, telling))
        try:
            answer = wire.post(target.url, _HEADERS, body, deadline, before_bytes, guarded=True)
        except wire.WireError as failure:
            error = unanswered(failure)
        else:
            return judge(answer)
        # Out here no context drags the address, which is a secret, into a traceback.
        raise error


def _message(did: str, telling: Telling) -> dict[str, object]:
    at = clock.iso(telling.content.get("sent_at_ms") or telling.received_at_ms)
    # A customer who has only a user name appears by it (3cx.md, Agents' chat).
    customer = telling.content["from"] or telling.content["user_id"]
    return {
        "data": {
            "event_type": "message.received",
            "id": telling.id,
            "occurred_at": at,
            "record_type": "event",
            "payload": {
                "id": telling.id,
                "direction": "inbound",
                "type": "SMS",
                "received_at": at,
                "text": telling.content["text"],
                "from": {"phone_number": customer},
                "to": [{"phone_number": did}],
            },
        }
    }
