"""The ways to 3CX: a new one is a file here and a line in this table."""

from collections.abc import Mapping

from workers.destinations.destination import Destination, DestinationError, Target, Telling
from workers.destinations.threecx_sms import GenericSms
from workers.destinations.webhook import SignedWebhook

DESTINATIONS: Mapping[str, Destination] = {
    "threecx_sms": GenericSms(),
    "webhook": SignedWebhook(),
}

__all__ = ["DESTINATIONS", "Destination", "DestinationError", "Target", "Telling"]
