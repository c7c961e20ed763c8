"""How long the gateway takes to recover: until a newly posted message is with WhatsApp."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from core import clock
from tests.chaos.poster import Poster

if TYPE_CHECKING:
    from tests.chaos.history import Record
    from tests.chaos.plant import Plant
    from tests.chaos.sites import Site

_TAKEN = 202
_PATIENCE_S = 60.0
_POST_AGAIN_S, _LOOK_EVERY_S = 0.2, 0.02


class Probe:
    """Posts a reply of its own until one is taken, and waits for it at the other end."""

    def __init__(self, plant: Plant, record: Record, sites: list[Site]) -> None:
        self._plant = plant
        self._poster = Poster(plant, record)
        # A rate limit counts what was refused, too: each use has another integration.
        self._lines = itertools.cycle(
            [
                (site, integration, customer)
                for site in sites
                for integration, customer in zip(site.integrations, site.customers, strict=False)
                if customer not in site.closed
            ]
        )
        self._serial = itertools.count(1)

    def recovery_s(self) -> float | None:
        """Seconds from now until a message gets through; None when that takes too long."""
        site, integration, customer = next(self._lines)
        began = clock.monotonic()
        for door in itertools.count():
            text = f"probe.{next(self._serial)} is on its way"
            payload = {
                "event_type": "outbound_message",
                "to": customer,
                "message_text": text,
                "message_purpose": "support",
            }
            if self._poster.post(site, integration, payload, None, door) == _TAKEN:
                break
            if clock.monotonic() - began > _PATIENCE_S:
                return None
            clock.sleep(_POST_AGAIN_S)
        while not self._arrived(site, customer, text):
            if clock.monotonic() - began > _PATIENCE_S:
                return None
            clock.sleep(_LOOK_EVERY_S)
        return clock.monotonic() - began

    def _arrived(self, site: Site, customer: str, text: str) -> bool:
        chat = self._plant.whatsapp.phones.chat(customer.lstrip("+"), site.phone_number_id)
        return any(message.text == text for message in reversed(chat))
