"""Meta's webhook: the handshake, and events that are kept before they are answered."""

import hmac
import logging

import falcon

from app.body import read_body
from app.directory import KnownInstance
from app.webhooks.keeping import Keeper
from core.errors import ErrorCode, Refused
from schemas import meta
from workers import inbound

META_BYTES = 3 * 1024 * 1024  # whatsapp-cloud-api, Webhooks from Meta
_SIGNATURE_HEADER = "X-Hub-Signature-256"

_log = logging.getLogger(__name__)


class WhatsAppWebhook:
    """`GET, POST /webhooks/whatsapp/{instance_id}`."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._directory = keeper.directory

    def on_get(self, req: falcon.Request, resp: falcon.Response, instance_id: str) -> None:
        """Answer Meta's handshake with its challenge, if it knows the verify token."""
        instance = self._directory.instance(instance_id)
        given = req.get_param("hub.verify_token") or ""
        wanted = instance.verify_token if instance else ""
        fits = hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
        if not fits or not wanted or req.get_param("hub.mode") != "subscribe":
            raise Refused(ErrorCode.INVALID_WHATSAPP_WEBHOOK)
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = req.get_param("hub.challenge") or ""

    def on_post(self, req: falcon.Request, resp: falcon.Response, instance_id: str) -> None:
        """Keep every item that is new, then answer; workers do the rest."""
        body = read_body(req, META_BYTES)
        instance = self._directory.instance(instance_id)
        signature = req.get_header(_SIGNATURE_HEADER)
        if instance is None or not meta.verify(instance.app_secret, body, signature):
            raise Refused(ErrorCode.INVALID_WHATSAPP_WEBHOOK)
        try:
            items = list(meta.items(body))
        except meta.MalformedWebhook:
            raise Refused(ErrorCode.INVALID_JSON) from None
        told = [
            inbound.told(owner.id, owner.account_id, item)
            for item in items
            for owner in self._owners(instance, item)
        ]
        written = [each for each in told if each.kind == meta.InboundMessage.kind]
        others = [each for each in told if each.kind != meta.InboundMessage.kind]
        inbound.begin(self._keeper.keep_items(written) if written else [])
        inbound.begin_later(self._keeper.keep_items(others) if others else [])
        resp.media = {"success": True}

    def _owners(self, instance: KnownInstance, item: meta.Item) -> list[KnownInstance]:
        number = item.phone_number_id
        if number is None or number == instance.phone_number_id:
            return [instance]
        owners = self._directory.instances_of_number(number, instance.app_secret)
        if not owners:
            _log.warning("instance %s: an item for a number of nobody's is left", instance.id)
        return owners[:1]
