"""What agents have to hear of a message: that it did not go, did after all, or went by itself.

Whoever ends an event marks it `untold`, in the same statement. Telling takes the mark away and
stores the news in one transaction, so that nothing is lost between, and nothing is told twice.
"""

import logging
from dataclasses import dataclass
from typing import Any

import peewee

from core import clock, telemetry
from core.crypto import UnreadableSecret
from core.errors import ErrorCode
from core.words import REPLIES, State
from models.account import Account
from models.conversation import Conversation
from models.database import locked, transaction
from models.delivery import FAILED, Delivery
from models.destination import Destination, Kind, News
from models.event import Event
from models.forward import Forward
from models.integration import Integration
from models.unavailable import DatabaseUnavailable
from workers import forwarding, notices_words
from workers.providers.errors import of_code

LINES_AT_MOST, LINES_WITHIN_MS = 5, 10 * 60 * 1000
_BATCH = 200
# In these words, which both databases know from the index.
_IS_A_LINE = peewee.SQL("kind IN ('reply.not_sent', 'message.automatic_sent')")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of a message.

    `outcome` is refused, uncertain, failed or sent; of a reply, sent after it seemed otherwise.
    """

    news: News
    outcome: str
    error: str | None = None
    reason: str | None = None

    def line(self, text: str | None, language: str) -> str:
        """The line that agents read."""
        if self.news is News.AUTOMATIC_MESSAGE_SENT:
            return notices_words.automatic(text, language)
        if self.outcome == State.SENT:
            return notices_words.after_all(text, language)
        return notices_words.not_sent(self.error, text, language)


def tell(event_id: str) -> None:
    """Tell of an event what is untold, if it has ended; what fails here, the sweep does again."""
    try:
        forwarding.begin(_told(event_id))
    except DatabaseUnavailable as failure:
        _log.warning("event %s: %s; the sweep tells of it", event_id, failure)
    except Exception as failure:  # noqa: BLE001 (one that cannot be told must not hold up the rest)
        telemetry.report(failure, event_id=event_id, stage="tell")
        _let_go(event_id)


def sweep() -> None:
    """Tell whatever was not told at its end."""
    last = 0
    while batch := _untold_after(last):
        for event_id, seq in batch:
            tell(event_id)
            last = seq


def error_of(provider_code: int | None) -> str:
    """The published code for a failure that WhatsApp reported with a code of its own."""
    meant = of_code(provider_code) if provider_code is not None else None
    if meant is not None and meant.window_closed:
        return ErrorCode.CONVERSATION_WINDOW_CLOSED.value
    if meant is not None and meant.suppress:
        return ErrorCode.RECIPIENT_SUPPRESSED.value
    return ErrorCode.GATEWAY_SEND_FAILED.value


def customer(address: str | None) -> dict[str, str | None]:
    """Whom a message is for, in our words: by number, or by the user id of who has none."""
    is_number = address is not None and address.startswith("+")
    return {"from": address if is_number else None, "user_id": None if is_number else address}


def _untold_after(seq: int) -> list[tuple[str, int]]:
    found = (
        Event.select(Event.id, Event.seq)
        .where(Event.untold, ~Event.finished_at_ms.is_null(), Event.seq > seq)
        .order_by(Event.seq)
        .limit(_BATCH)
    )
    return [(each.id, each.seq) for each in found]


@transaction
def _told(event_id: str) -> list[str]:
    # The account first, as in `settle`; it also lets one at a time count a conversation's lines.
    account = Event.select(Event.account_id).where(Event.id == event_id)
    locked(Account.select(Account.id).where(Account.id == account)).first()
    event = Event.hold(event_id)
    if event is None or not event.untold or not event.finished:
        return []
    Event.update(untold=False).where(Event.id == event_id).execute()
    notice, content = _notice(event), _content(event)
    return _store(event, notice, content) if notice and content else []


@transaction
def _let_go(event_id: str) -> None:
    Event.update(untold=False).where(Event.id == event_id).execute()


def _notice(event: Event) -> Notice | None:
    if event.event_type not in REPLIES:
        sent = event.state == State.SENT
        return Notice(News.AUTOMATIC_MESSAGE_SENT, event.state) if sent else None
    if event.state in {State.REFUSED, State.UNCERTAIN}:
        return Notice(News.REPLY_NOT_SENT, event.state, event.error, event.reason)
    if event.state == State.SENT:
        return _failed_later(event) or _sent_after_all(event)
    return None


def _failed_later(event: Event) -> Notice | None:
    part = Delivery.get_or_none(Delivery.event_id == event.id, Delivery.status == FAILED)
    if part is None:
        return None
    code = part.provider_code
    reason = str(of_code(code)) if code is not None else None
    return Notice(News.REPLY_NOT_SENT, FAILED, error_of(code), reason)


def _sent_after_all(event: Event) -> Notice | None:
    # Who was never told that it had failed need not hear that it did not.
    told = Forward.select(peewee.SQL("1")).where(
        Forward.source_id == event.id, Forward.kind == News.REPLY_NOT_SENT.value
    )
    return Notice(News.REPLY_NOT_SENT, State.SENT.value) if told.limit(1).tuples() else None


def _content(event: Event) -> dict[str, Any] | None:
    try:
        return event.content
    except (UnreadableSecret, ValueError):
        return None  # that is why it ended, and was reported then


def _store(event: Event, notice: Notice, content: dict[str, Any]) -> list[str]:
    destinations = _destinations(event, content["to"])
    if not destinations:
        return []
    conversation = Conversation.with_address(
        event.account_id, event.instance_id, event.address_hash or ""
    )
    # What has no number has a lane all the same, in which its lines are counted.
    key = event.conversation_key or event.integration_id or event.id
    counts = _lines(key, conversation.last_inbound_at_ms if conversation else None)

    def words(destination: Destination) -> dict[str, Any]:
        language = destination.integration.language
        line = notice.line(content["text"], language)
        if counts.get(destination.id, 0) == LINES_AT_MOST - 1:
            line = notices_words.last_for_now(line, language)
        return {
            "event": notice.news.value,
            "instance_id": event.instance_id,
            **customer(content["to"]),
            "customer_name": None,
            "text": line,
            "type": "notice",
            "media": None,
            "conversation_id": conversation.id if conversation else None,
            "sent_at_ms": event.finished_at_ms,
            "source_event_id": event.id,
            "event_type": event.event_type,
            "outcome": notice.outcome,
            "error": notice.error,
            "reason": notice.reason,
            "did": content.get("did"),
        }

    return forwarding.store(
        [each for each in destinations if counts.get(each.id, 0) < LINES_AT_MOST],
        notice.news,
        words,
        source_id=event.id,
        instance_id=event.instance_id,
        conversation_key=key,
    )


def _destinations(event: Event, to: str | None) -> list[Destination]:
    if event.integration_id is None:
        return forwarding.destinations_of(event.instance_id, Integration.inbound)
    only = [Destination.integration == event.integration_id]
    if to is None:
        only.append(Destination.kind != Kind.THREECX_SMS.value)  # it has no chat to be put into
    return forwarding.destinations_of(event.instance_id, *only)


def _lines(conversation_key: str, wrote_at_ms: int | None) -> dict[str, int]:
    """How many lines each destination got lately, since the customer last wrote."""
    since_ms = max(clock.now_ms() - LINES_WITHIN_MS, wrote_at_ms or 0)
    counted: Any = (
        Forward.select(Forward.destination_id, peewee.fn.COUNT(Forward.id))
        .where(
            Forward.conversation_key == conversation_key,
            Forward.received_at_ms > since_ms,
            _IS_A_LINE,
        )
        .group_by(Forward.destination_id)
    )
    return dict(counted.tuples())
