"""Agents' chat: the door for 3CX's Generic SMS provider (webhook contract, All doors).

3CX repeats a message that it thinks is lost, and has no id by which a repeat could be known. So the
same words to the same customer are a repeat only while nobody has had our answer to them, for 60 s
at most: after an error of ours, or when the connection broke before the answer was written.
"""

from typing import Any

import falcon

from app.body import parse_object, read_body
from app.directory import KnownIntegration
from app.limiter import Limiter
from app.proof import Proof
from app.server import RECIPIENT, Recipient
from app.webhooks.acceptance import Acceptance, Row, row_of_arrival
from app.webhooks.keeping import Keeper
from app.webhooks.threecx import require_module
from core import clock, telemetry
from core.errors import ErrorCode, Refused
from core.words import EventType
from models.base import vault
from models.conversation import Conversation
from models.destination import Route
from models.idempotency import UNANSWERED_MS, RepeatKeys
from models.unavailable import DatabaseUnavailable
from schemas import sms
from schemas.sms import Sms
from schemas.threecx import Arrival
from workers import outbound
from workers.media import MOST_FILES

# Whoever was answered may be quicker with the next message than we are with forgetting.
_FORGOTTEN_WITHIN_S = 2.0
_LOOK_EVERY_S = 0.05


class AgentsChat:
    """`POST /integrations/3cx/{integration_id}/sms`, and the same with the key behind it."""

    def __init__(self, proof: Proof, limiter: Limiter, keeper: Keeper) -> None:
        self._proof = proof
        self._limiter = limiter
        self._keeper = keeper

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, integration_id: str, key: str = ""
    ) -> None:
        """Check what can be told at once, keep the message as an event, begin its journey."""
        body = read_body(req)
        integration = self._proof.authenticate_by_key(req, integration_id, key)
        self._limiter.admit(integration_id)
        payload = parse_object(body)
        require_module(integration)
        said = sms.read(payload, integration.default_region, integration.own_numbers)
        row = _row(integration, _route(integration, said), said, payload)
        repeats = _repeat_keys(said)
        recipient: Recipient | None = req.env.get(RECIPIENT)
        kept = self._keep(row, repeats, recipient)
        if kept.seated:
            outbound.begin(kept.event_id)
        resp.media = sms.taken(kept.event_id)
        if recipient is not None:
            recipient.when_done = _Afterwards(self._keeper, row, said.did or "", repeats, kept)

    def _keep(self, row: Row, repeats: RepeatKeys, recipient: Recipient | None) -> Acceptance:
        """Keep the message, unless it repeats one whose answer was not written."""
        earlier, until = "", 0.0
        while True:
            if recipient is not None and recipient.has_gone:
                # They take it for lost: what we kept now would go out beside its repeat.
                raise Refused(ErrorCode.SERVICE_UNAVAILABLE)
            kept = self._keeper.accept(row, repeats)
            if not kept.duplicate:
                return kept
            if kept.event_id != earlier:
                earlier, until = kept.event_id, clock.monotonic() + _FORGOTTEN_WITHIN_S
            elif clock.monotonic() >= until:
                return kept
            clock.sleep(_LOOK_EVERY_S)


class _Afterwards:
    """What is to be done once an answer is out, or its connection broken."""

    def __init__(
        self, keeper: Keeper, row: Row, did: str, repeats: RepeatKeys, kept: Acceptance
    ) -> None:
        self._keeper, self._row, self._did = keeper, row, did
        self._repeats, self._kept = repeats, kept

    def __call__(self, was_written: bool) -> None:  # noqa: FBT001 (the server's question)
        """Let an equal message be another one; have the customer answer into the same chat.

        Neither is worth an error: without the database, an equal message within 60 s counts as a
        repeat, and the customer's next message appears under the DID of their last one.
        """
        try:
            if was_written:
                event_id = self._kept.event_id
                self._keeper.was_answered(self._row["integration_id"], self._repeats, event_id)
            if not self._keeper.may_hold_more:  # nobody is to wait for a database that is away
                row = self._row
                Conversation.goes_by(
                    row["account_id"], row["instance_id"], row["address_hash"], self._did
                )
        except DatabaseUnavailable as failure:
            telemetry.warn(failure)
        except Exception as failure:  # noqa: BLE001 (the answer is out, and the event is kept)
            telemetry.report(failure, event_id=self._kept.event_id, component="web")


def _route(integration: KnownIntegration, said: Sms) -> Route:
    """The way that the message takes.

    Raises:
        Refused: it cannot be sent by anybody, and no chat could tell the agent why afterwards.
    """
    ways = [each for each in integration.routes if each.did == said.did]
    if not ways:
        raise Refused(ErrorCode.UNKNOWN_DID)
    if said.to is None:
        raise Refused(ErrorCode.MISSING_PHONE)
    if said.text is None and not said.media:
        raise Refused(ErrorCode.MISSING_MESSAGE_TEXT)
    if len(said.media) > MOST_FILES:
        raise Refused(ErrorCode.TOO_MANY_FILES)
    return ways[0]


def _row(integration: KnownIntegration, route: Route, said: Sms, payload: dict[str, Any]) -> Row:
    arrival = Arrival(
        event_type=EventType.OUTBOUND_MESSAGE,
        to=said.to,
        text=said.text,
        purpose=integration.default_purpose,
        duration_s=None,
        media=said.media,
    )
    kept = {"did": route.did, "body": payload}
    return row_of_arrival(integration, route.instance_id, arrival, kept)


def _repeat_keys(said: Sms) -> RepeatKeys:
    key = vault().digest("sms", said.did or "", said.to or "", said.text or "", *said.media)
    return RepeatKeys((key,), body_hash=key, strict=None, life_ms=UNANSWERED_MS)
