"""The gateway as one WSGI application: collaborators, then the routes as a table."""

from typing import Any

import falcon
import orjson
import redis
from falcon.media import JSONHandler

from app import LOOKUP, MEDIA, SMS, SMS_WITH_KEY, STATUS, WEBHOOK, WHATSAPP, answers
from app.capture import Recorder
from app.health import Liveness, Readiness
from app.limiter import Limiter
from app.openapi import OpenAPI
from app.proof import Proof
from app.watch import Watch
from app.webhooks.keeping import Keeper
from app.webhooks.lookup import Lookup
from app.webhooks.media import MediaDoor
from app.webhooks.outcome import Waiting
from app.webhooks.sms import AgentsChat
from app.webhooks.threecx import Status, UnknownIntegration, Webhook
from app.webhooks.whatsapp import WhatsAppWebhook
from core.config import Settings
from models import patience

# With a spool to go to, nobody waits long for a database that does not answer.
_PATIENCE_S, _PATIENCE_WITH_SPOOL_S = 5.0, 2.0


def create_app(
    settings: Settings,
    watch: Watch,
    keeper: Keeper,
    client: redis.Redis | None,
    recorder: Recorder | None = None,
) -> falcon.App[Any, Any]:
    """The gateway as a WSGI application.

    Args:
        settings: the environment's.
        watch: counts failed authentications; its thread is the caller's to start.
        keeper: keeps webhooks; its thread is the caller's to start.
        client: Redis, shared by all web processes; None counts in this one.
        recorder: notes what came in; its thread is the caller's to start. None notes nothing.
    """
    proof = Proof(keeper.directory, watch, settings.trusted_proxies)
    webhook = Webhook(proof, Limiter.at("webhook", client), keeper, Waiting(settings.web_threads))
    chat = AgentsChat(proof, Limiter.at("sms", client), keeper)
    lookup = Lookup(proof, Limiter.at("lookup", client), settings.public_url)

    app = falcon.App(middleware=[_Patience(settings)])
    if recorder is not None:
        app.add_middleware(recorder)
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = JSONHandler(dumps=_dumps)
    app.add_route(WEBHOOK, webhook)
    app.add_route(STATUS, Status(proof, keeper))
    app.add_route(SMS, chat)
    app.add_route(SMS_WITH_KEY, chat)
    app.add_route(LOOKUP, lookup)
    app.add_sink(UnknownIntegration(proof), r"/integrations/3cx/(?P<rest>(?s:.*))\Z")
    app.add_route(WHATSAPP, WhatsAppWebhook(keeper))
    app.add_route(MEDIA, MediaDoor(settings.web_threads))
    app.add_route("/healthz", Liveness())
    app.add_route("/readyz", Readiness(keeper, client))
    app.add_route("/openapi.json", OpenAPI(settings.public_url))
    answers.add_error_handlers(app)
    return app


def _dumps(media: object) -> str:
    return orjson.dumps(media).decode()


class _Patience:
    """Has the door's threads give the database up soon."""

    def __init__(self, settings: Settings) -> None:
        self._seconds = _PATIENCE_WITH_SPOOL_S if settings.spool_dir else _PATIENCE_S

    def process_request(self, _req: falcon.Request, _resp: falcon.Response) -> None:
        """Before anything is looked up."""
        patience.mine(self._seconds)
