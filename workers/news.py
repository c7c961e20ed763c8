"""What destinations are told, in our words."""

from contextlib import suppress
from typing import Any

from core.crypto import UnreadableSecret
from models.conversation import Conversation, conversation_key
from models.customer import address_hash
from models.delivery import FAILED, Delivery, message_hash
from models.destination import Destination, Kind, News
from models.event import Event
from models.inbound_item import InboundItem
from models.instance import Instance
from models.integration import Integration
from schemas import meta
from workers import forwarding, lines, media_link, notices
from workers.lines import Beside
from workers.media import File, parts_of

_IS_WEBHOOK = Destination.kind == Kind.WEBHOOK.value


def message_received(
    item: InboundItem,
    instance: Instance,
    told: meta.InboundMessage,
    customer_id: str,
    address: str,
) -> list[str]:
    """Keep a customer's message for everybody who is to read it, in the caller's transaction.

    Args:
        item: that told of it.
        instance: the number that they wrote to.
        told: the message.
        customer_id: who wrote.
        address: E.164, or the user id of who has no number.

    Returns:
        The ids for `forwarding.begin`.
    """
    destinations = forwarding.destinations_of(instance.id, Integration.inbound)
    if not destinations:
        return []
    conversation_id = _conversation(instance.id, customer_id)
    media = meta.media_of(told.raw)
    link = media_link.to_file_of(item.id) if media else None
    quoted = _quoted(instance, told)

    def content(destination: Destination) -> dict[str, Any]:
        beside = Beside(destination.integration.language, link, quoted)
        return {
            "event": News.MESSAGE_RECEIVED.value,
            "instance_id": instance.id,
            "from": told.from_phone,
            "user_id": told.user_id,
            "customer_name": told.contact_name,
            "text": lines.of_message(told, beside),
            "type": told.type,
            "media": _media(media, link) if media else None,
            "conversation_id": conversation_id,
            "sent_at_ms": told.sent_at_ms,
        }

    return forwarding.store(
        destinations,
        News.MESSAGE_RECEIVED,
        content,
        source_id=item.id,
        instance_id=instance.id,
        conversation_key=item.conversation_key or _key(instance, address),
        turn=item.seq,
    )


def _media(media: meta.Media, link: str | None) -> dict[str, Any]:
    return {
        "url": link,
        "mime_type": media.mime_type,
        "filename": media.filename,
        "caption": media.caption,
        "sha256": media.sha256,
    }


def _quoted(instance: Instance, told: meta.InboundMessage) -> str | None:
    """What we had sent where the customer answers or reacts to it; None when it is not known."""
    message_id = lines.refers_to(told)
    if message_id is None:
        return None
    sent = Delivery.get_or_none(
        Delivery.message_hash == message_hash(message_id), Delivery.instance_id == instance.id
    )
    event = Event.load(sent.event_id) if sent else None
    if sent is None or event is None:
        return None
    with suppress(UnreadableSecret):
        piece = dict(enumerate(parts_of(event.content))).get(sent.part)
        return piece.filename if isinstance(piece, File) else piece
    return None


def opted_out(
    item: InboundItem,
    instance: Instance,
    told: meta.InboundMessage,
    customer_id: str,
    address: str,
    *,
    opted_out: bool,
) -> list[str]:
    """Keep for the webhooks that chose it that a customer opted out, or in again."""
    destinations = forwarding.destinations_of(instance.id, Integration.inbound, _IS_WEBHOOK)
    if not destinations:
        return []
    content = {
        "event": News.RECIPIENT_OPTED_OUT.value,
        "instance_id": instance.id,
        "from": told.from_phone,
        "user_id": told.user_id,
        "customer_name": told.contact_name,
        "opted_out": opted_out,
        "conversation_id": _conversation(instance.id, customer_id),
        "sent_at_ms": told.sent_at_ms,
    }
    return forwarding.store(
        destinations,
        News.RECIPIENT_OPTED_OUT,
        lambda _: content,
        source_id=item.id,
        instance_id=instance.id,
        conversation_key=item.conversation_key or _key(instance, address),
        turn=item.seq,
    )


def status_updated(
    item: InboundItem, event: Event, part: int, told: meta.StatusUpdate
) -> list[str]:
    """Keep for the webhooks that chose it how far a part has come, in the caller's transaction.

    Where there is no webhook it costs one query, of a handful of rows by an index.
    """
    only = [_IS_WEBHOOK]
    if event.integration_id is not None:
        only.append(Destination.integration == event.integration_id)
    chose = [
        each
        for each in forwarding.destinations_of(event.instance_id, *only)
        if News.MESSAGE_STATUS_UPDATED.value in each.events
    ]
    if not chose:
        return []
    code = told.errors[0] if told.errors else None
    content = {
        "event": News.MESSAGE_STATUS_UPDATED.value,
        "instance_id": event.instance_id,
        **notices.customer(event.content["to"]),
        "source_event_id": event.id,
        "event_type": event.event_type,
        "part": part,
        "status": told.status,
        "error": notices.error_of(code) if told.status == FAILED else None,
        "sent_at_ms": told.at_ms,
    }
    return forwarding.store(
        chose,
        News.MESSAGE_STATUS_UPDATED,
        lambda _: content,
        source_id=event.id,
        instance_id=event.instance_id,
        conversation_key=event.conversation_key or event.id,
        turn=item.seq,
    )


def _key(instance: Instance, address: str) -> str:
    # An item that the version before kept has none.
    return conversation_key(instance.id, address_hash(instance.account_id, address))


def _conversation(instance_id: str, customer_id: str) -> str | None:
    found: str | None = (
        Conversation.select(Conversation.id)
        .where(Conversation.instance == instance_id, Conversation.customer == customer_id)
        .scalar()
    )
    return found
