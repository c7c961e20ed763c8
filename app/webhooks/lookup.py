"""The contact lookup of 3CX's CRM template: who is calling, and may they be written to."""

from typing import Any

import falcon

from app.body import parse_object, read_body
from app.directory import KnownIntegration
from app.limiter import Limiter
from app.proof import Proof
from app.webhooks.threecx import require_module
from core import clock, phone
from models.conversation import WINDOW_MS, Conversation
from models.customer import Customer, CustomerAlias, address_hash
from schemas import lookup

_HOUR_MS, _MINUTE_MS = 3_600_000, 60_000

# By the integration's language: with hours left, and with minutes left.
_OPEN = {
    "en": ("WhatsApp open, {} h left", "WhatsApp open, {} min left"),
    "ar": ("واتساب متاح، متبقٍ {} ساعة", "واتساب متاح، متبقٍ {} دقيقة"),
    "es": ("WhatsApp abierto, quedan {} h", "WhatsApp abierto, quedan {} min"),
    "fr": ("WhatsApp ouvert, encore {} h", "WhatsApp ouvert, encore {} min"),
    "de": ("WhatsApp offen, noch {} Std.", "WhatsApp offen, noch {} Min."),
    "pt": ("WhatsApp aberto, restam {} h", "WhatsApp aberto, restam {} min"),
}


class Lookup:
    """`POST /integrations/3cx/{integration_id}/lookup`."""

    def __init__(self, proof: Proof, limiter: Limiter, public_url: str) -> None:
        self._proof = proof
        self._limiter = limiter
        self._public_url = public_url

    def on_post(self, req: falcon.Request, resp: falcon.Response, integration_id: str) -> None:
        """Say whose number it is, if it is that of a customer who has a conversation."""
        body = read_body(req)
        integration = self._proof.authenticate_by_header(req, integration_id)
        self._limiter.admit(integration_id)
        payload = parse_object(body)
        require_module(integration)
        number = phone.normalise(payload.get("number"), integration.default_region)
        found = None if number is None else _conversation(integration, number)
        contact = None
        if found is not None:
            contact = {
                "id": found.customer.id,
                "phone": lookup.number(payload),
                "name": _name(found, number or "", integration.language),
                "url": f"{self._public_url}/dashboard/conversations/{found.id}",
            }
        resp.media = {"success": True, "contact": contact}


def _conversation(integration: KnownIntegration, number: str) -> Any:
    """The customer's latest conversation with one of the integration's numbers."""
    instances = {integration.instance_id, *(each.instance_id for each in integration.routes)}
    return (
        Conversation.select(Conversation, Customer)
        .join(Customer)
        .join(CustomerAlias)
        .where(
            CustomerAlias.account_id == integration.account_id,
            CustomerAlias.address_hash == address_hash(integration.account_id, number),
            Conversation.instance.in_(instances),
        )
        .order_by(Conversation.last_inbound_at_ms.desc(nulls="LAST"))
        .first()
    )


def _name(found: Any, number: str, language: str) -> str:
    name = found.customer.name or number
    left_ms = _left_ms(found.last_inbound_at_ms)
    if left_ms <= 0:
        return str(name)
    in_hours, in_minutes = _OPEN.get(language, _OPEN["en"])
    hours = left_ms // _HOUR_MS
    left = in_hours.format(hours) if hours else in_minutes.format(-(-left_ms // _MINUTE_MS))
    return f"{name} ({left})"


def _left_ms(last_inbound_at_ms: int | None) -> int:
    """How long the window stays open; one from the future opened now (webhook contract)."""
    if last_inbound_at_ms is None:
        return 0
    now = clock.now_ms()
    return min(last_inbound_at_ms, now) + WINDOW_MS - now
