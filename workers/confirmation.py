"""The one confirmation of an opt-out: a message of the gateway's own, on the same journey."""

from collections.abc import Iterable

import orjson

from core import clock, optout
from core.ids import new_id
from core.words import EventType, State
from models.account import Account
from models.conversation import conversation_key
from models.event import RESCUE_MS, Event
from models.instance import Instance

_VALIDITY_MS = 15 * 60 * 1000

# In the language of the word that the customer wrote.
CONFIRMATIONS = {
    "en": "You will get no more messages from us. Write START if you want them again.",
    "fr": "Vous ne recevrez plus de messages de notre part. Écrivez START pour en recevoir.",
    "es": "Ya no recibirá mensajes nuestros. Escriba ALTA si desea recibirlos de nuevo.",
    "de": "Sie erhalten keine Nachrichten mehr von uns. Mit START erhalten Sie wieder welche.",
    "pt": "Não enviaremos mais mensagens. Escreva START se quiser recebê-las novamente.",
    "ar": "لن تصلك رسائل منا بعد الآن. أرسل START إذا أردت استلامها مجددا.",
}


def accept(
    account: Account, instance: Instance, address: str, hashed: str, heard: Iterable[str]
) -> str:
    """Keep the confirmation as an event, in the caller's transaction.

    Args:
        account: who is told no.
        instance: the number that the customer wrote to.
        address: E.164 or user id.
        hashed: the address as a keyed hash.
        heard: what the customer wrote, to answer in its language.

    Returns:
        The event's id, for its journey to begin after the commit.
    """
    now = clock.now_ms()
    text = CONFIRMATIONS.get(optout.language(heard), CONFIRMATIONS["en"])
    event_id = new_id("evt")
    Event.insert(
        id=event_id,
        account_id=account.id,
        instance_id=instance.id,
        event_type=EventType.OPT_OUT_CONFIRMATION.value,
        state=State.RECEIVED.value,
        address_hash=hashed,
        conversation_key=conversation_key(instance.id, hashed),
        payload=orjson.dumps({"to": address, "text": text, "purpose": "operational"}).decode(),
        seated=True,
        due_at_ms=now + RESCUE_MS,
        received_at_ms=now,
        expires_at_ms=now + _VALIDITY_MS,
    ).execute()
    return event_id
