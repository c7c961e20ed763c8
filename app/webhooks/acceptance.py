"""How a proven webhook becomes an event: one row, committed before the answer, once per repeat."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import falcon
import orjson
import peewee

from app.directory import KnownIntegration
from app.proof import Caller
from app.spool import Earlier
from core import clock
from core.errors import ErrorCode, Refused
from core.ids import new_id
from core.words import REPLIES, State
from models import backlog
from models.base import vault
from models.conversation import conversation_key
from models.customer import address_hash
from models.database import transaction
from models.event import RESCUE_MS, Event, Waiting
from models.idempotency import Idempotency, RepeatKeys
from schemas import threecx
from schemas.threecx import Arrival
from workers.stage import Seats
from workers.text import text_hash

DUPLICATE = "duplicate"

_RIVALS = 100
_KEY_CHARACTERS = 255
_SEAT_LOOK_MS = 15_000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An event that is kept.

    Args:
        event_id: its id.
        duplicate: whether an earlier request had become it already.
        seated: whether its journey may begin at once.
    """

    event_id: str
    duplicate: bool
    seated: bool


def keep(row: Row, repeats: RepeatKeys | None) -> Acceptance:
    """Keep a webhook as an event, durably, or find the event that it repeats.

    Args:
        row: the event's (see `row_of_arrival`).
        repeats: what makes the request a repeat, if anything does.

    Raises:
        Refused: `idempotency_conflict`.
        DatabaseUnavailable: nothing was kept, as far as anybody can tell: a commit whose answer was
            lost may have been.
    """
    return _despite_rivals(_keep, row, repeats)


def keep_late(waited: Sequence[tuple[Row, RepeatKeys | None]]) -> list[Acceptance]:
    """Keep webhooks, in order, that were answered while the database was away.

    To keep one again does nothing. One that turns out to repeat another ends at once: its caller
    has its id, and may ask for it.

    Raises:
        DatabaseUnavailable: they have to be kept later.
    """
    try:
        return _keep_together(waited)
    except peewee.IntegrityError:
        return [_despite_rivals(_keep_late, row, repeats) for row, repeats in waited]


@transaction
def _keep_together(waited: Sequence[tuple[Row, RepeatKeys | None]]) -> list[Acceptance]:
    return [_keep_late(row, repeats) for row, repeats in waited]


def _despite_rivals(
    kept: Callable[[Row, RepeatKeys | None], Acceptance], row: Row, repeats: RepeatKeys | None
) -> Acceptance:
    # Another request with one of the keys may be committed between our look and our write; where
    # keys are forgotten soon, yet another after it.
    for _ in range(_RIVALS):
        with suppress(peewee.IntegrityError):
            return kept(row, repeats)
    return kept(row, repeats)


@transaction
def _keep(row: Row, repeats: RepeatKeys | None) -> Acceptance:
    now = clock.now_ms()
    if repeats is not None:
        earlier = Idempotency.seen(row["integration_id"], repeats, now)
        if earlier is not None:
            return repeat_of(earlier, repeats)
        Idempotency.remember(row["integration_id"], repeats, row["id"], now)
    return _insert(row, now)


@transaction
def _keep_late(row: Row, repeats: RepeatKeys | None) -> Acceptance:
    known = Event.get_or_none(Event.id == row["id"])
    if known is not None:
        return Acceptance(known.id, duplicate=False, seated=known.seated)
    try:
        kept = _keep(row, repeats)
    except Refused as refused:
        _insert_ended(row, State.REFUSED, error=refused.code.value)
        return Acceptance(row["id"], duplicate=True, seated=False)
    if kept.duplicate:
        _insert_ended(row, State.RECORDED, reason=DUPLICATE)
    return kept


def _insert(row: Row, now: int) -> Acceptance:
    seated = backlog.seat_is_free(row["account_id"], Seats.per_account)
    waiting: Row = {"seated": True, "due_at_ms": now + RESCUE_MS}
    if not seated:
        waiting = {
            "seated": False,
            "waiting_for": Waiting.SEAT.value,
            "due_at_ms": now + _SEAT_LOOK_MS,
        }
    Event.insert(**row, **waiting).execute()
    return Acceptance(row["id"], duplicate=False, seated=seated)


def _insert_ended(row: Row, state: State, **why: str) -> None:
    now = clock.now_ms()
    ended = {"state": state.value, "due_at_ms": now, "finished_at_ms": now, **why}
    Event.insert(**{**row, **ended}).execute()


def repeat_of(earlier: Idempotency | Earlier, repeats: RepeatKeys) -> Acceptance:
    """The acceptance of a request that repeats an earlier one.

    Raises:
        Refused: `idempotency_conflict`.
    """
    if earlier.repeat_key == repeats.strict and earlier.body_hash != repeats.body_hash:
        raise Refused(ErrorCode.IDEMPOTENCY_CONFLICT)
    return Acceptance(earlier.event_id, duplicate=True, seated=False)


def row_of(integration: KnownIntegration, payload: dict[str, Any]) -> Row:
    """What a webhook's payload becomes: an event's row, with an id of its own, not yet kept."""
    arrival = threecx.read(payload, integration.default_region, integration.own_numbers)
    said = {"duration_s": arrival.duration_s, "body": payload}
    return row_of_arrival(integration, integration.instance_id, arrival, said)


def row_of_arrival(
    integration: KnownIntegration, instance_id: str, arrival: Arrival, said: dict[str, Any]
) -> Row:
    """What has arrived, by whichever door, becomes an event's row.

    Args:
        integration: whose door.
        instance_id: the WhatsApp number by which it goes out.
        arrival: what we understand of it.
        said: what else its content keeps; what came stands in `body`.
    """
    now = clock.now_ms()
    hashed = address_hash(integration.account_id, arrival.to) if arrival.to else None
    content = {
        "to": arrival.to,
        "text": arrival.text,
        "purpose": arrival.purpose,
        "media": [{"url": each} for each in arrival.media],
        **said,
    }
    return {
        "id": new_id("evt"),
        "account_id": integration.account_id,
        "integration_id": integration.id,
        "instance_id": instance_id,
        "event_type": arrival.event_type,
        "state": State.RECEIVED.value,
        "address_hash": hashed,
        "conversation_key": conversation_key(instance_id, hashed) if hashed else None,
        "text_hash": _text_hash(integration, arrival),
        "payload": orjson.dumps(content).decode(),
        "received_at_ms": now,
        "expires_at_ms": now + integration.validity_ms,
    }


def _text_hash(integration: KnownIntegration, arrival: Arrival) -> str | None:
    # Known from the start: the workers that count a broadcast see each other's events.
    if arrival.event_type not in REPLIES or arrival.text is None:
        return None
    return text_hash(integration.account_id, arrival.text)


def repeat_keys(
    req: falcon.Request, caller: Caller, payload: dict[str, Any], body: bytes
) -> RepeatKeys | None:
    """What makes this request a repeat of another (webhook contract, Answer).

    Raises:
        Refused: `invalid_idempotency_key`.
    """
    # Keyed hashes: a plain one of a short text would confirm a guess of it.
    body_hash = vault().digest("body", sha256(body).hexdigest())
    strict = _header_key(req.get_header("Idempotency-Key"))
    keys = [strict] if strict else []
    if caller.signature is not None:
        keys.append(vault().digest("signature", caller.signature))
    if own_id := threecx.own_id(payload):
        keys.append(vault().digest("event_id", own_id, body_hash))
    return RepeatKeys(tuple(keys), body_hash, strict) if keys else None


def _header_key(given: str | None) -> str | None:
    if given is None:
        return None
    visible = all("!" <= character <= "~" for character in given)
    if not given or len(given) > _KEY_CHARACTERS or not visible:
        raise Refused(ErrorCode.INVALID_IDEMPOTENCY_KEY)
    return vault().digest("key", given)
