"""3CX's webhook and the status of its events (webhook contract)."""

from typing import Any

import falcon

from app.body import parse_object, read_body
from app.directory import KnownIntegration
from app.limiter import Limiter
from app.proof import Proof
from app.webhooks import outcome
from app.webhooks.acceptance import repeat_keys, row_of
from app.webhooks.keeping import Keeper
from core.errors import ErrorCode, Refused
from models.event import Event
from models.unavailable import DatabaseUnavailable
from workers import outbound


class Webhook:
    """`POST /integrations/3cx/webhook/{integration_id}`."""

    def __init__(
        self, proof: Proof, limiter: Limiter, keeper: Keeper, waiting: outcome.Waiting
    ) -> None:
        self._proof = proof
        self._limiter = limiter
        self._keeper = keeper
        self._waiting = waiting

    def on_post(self, req: falcon.Request, resp: falcon.Response, integration_id: str) -> None:
        """Check what the contract lists, in its order; keep the event; begin its journey."""
        body = read_body(req)
        caller = self._proof.authenticate(req, integration_id, body)
        self._limiter.admit(integration_id)
        payload = parse_object(body)
        require_module(caller.integration)
        repeats = repeat_keys(req, caller, payload, body)
        kept = self._keeper.accept(row_of(caller.integration, payload), repeats)
        if kept.seated:
            outbound.begin(kept.event_id)
        ended = self._waiting.outcome(kept.event_id, outcome.wanted_wait_s(req))
        if ended is not None:
            outcome.answer(resp, ended, duplicate=kept.duplicate)
            return
        resp.status = falcon.HTTP_202
        resp.media = {"success": True, "event_id": kept.event_id, "status": "queued"}
        if kept.duplicate:
            resp.media["duplicate"] = True


class Status:
    """`GET /integrations/3cx/webhook/{integration_id}/events/{event_id}`."""

    def __init__(self, proof: Proof, keeper: Keeper) -> None:
        self._proof = proof
        self._keeper = keeper

    def on_get(
        self, req: falcon.Request, resp: falcon.Response, integration_id: str, event_id: str
    ) -> None:
        """Say how far an event has come, to the integration that it came from."""
        caller = self._proof.authenticate(req, integration_id, b"")
        event = Event.load(event_id) if "\x00" not in event_id else None
        if event is None and self._keeper.may_hold_more:
            raise DatabaseUnavailable("the event may be in the spool")
        if event is None or event.integration_id != caller.integration.id:
            raise Refused(ErrorCode.EVENT_NOT_FOUND)
        resp.media = outcome.status_body(event)


class UnknownIntegration:
    """Whatever else is posted below the doors' address has an id that nobody has."""

    def __init__(self, proof: Proof) -> None:
        self._proof = proof

    def __call__(
        self,
        req: falcon.Request,
        resp: falcon.Response,  # noqa: ARG002 (the framework's name)
        **params: Any,
    ) -> None:
        """Refuse as any unknown id is refused."""
        if req.method != "POST":
            raise Refused(ErrorCode.NOT_FOUND)
        body = read_body(req)
        rest: str = params["rest"]
        # The id alone may be somebody's, at an address that is none.
        self._proof.authenticate(req, rest.removeprefix("webhook/") + "/", body)


def require_module(integration: KnownIntegration) -> None:
    """See that the account has the 3CX module.

    Raises:
        Refused: `module_not_enabled`.
    """
    if not integration.module_enabled:
        raise Refused(ErrorCode.MODULE_NOT_ENABLED)
