"""What destinations are told, in our words."""

from typing import Any

from models.conversation import Conversation, conversation_key
from models.customer import address_hash
from models.destination import Destination, News
from models.inbound_item import InboundItem
from models.instance import Instance
from schemas import meta
from workers import forwarding, lines


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
    destinations = forwarding.destinations_of(instance.id)
    if not destinations:
        return []
    conversation_id = _conversation(instance.id, customer_id)

    def content(destination: Destination) -> dict[str, Any]:
        return {
            "event": News.MESSAGE_RECEIVED.value,
            "instance_id": instance.id,
            "from": told.from_phone,
            "user_id": told.user_id,
            "customer_name": told.contact_name,
            "text": lines.of_message(told, destination.integration.language),
            "type": told.type,
            "media": None,
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
