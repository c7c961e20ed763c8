"""Meta's WhatsApp Cloud API."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any
from urllib.parse import quote

import orjson

from core.phone import USER_ID
from workers import wire
from workers.providers import cloud_media
from workers.providers.errors import judge, unanswered
from workers.providers.provider import (
    MediaMessage,
    Message,
    ProviderError,
    Receipt,
    Sender,
    Upload,
)

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_SUCCESS = range(200, 300)


class CloudApi:
    """Sends through `{base}/{version}/{phone_number_id}/messages`."""

    enforces_window = True

    def send(
        self,
        sender: Sender,
        message: Message,
        deadline: float,
        before_bytes: Callable[[], None] | None = None,
    ) -> Receipt:
        """Hand one message to Meta, as `Provider.send` promises; Meta's 200 means accepted.

        Raises:
            ProviderError: by Meta's error code; `maybe_sent` for any answer that has neither a
                code nor a message id, since Meta knows no idempotency key.
        """
        answer = _post(sender, _body(message), deadline, before_bytes)
        receipt = _receipt(answer.body) if answer.status in _SUCCESS else None
        if receipt is None:
            raise judge(answer.status, answer.headers, answer.body)
        return receipt

    def mark_read(self, sender: Sender, message_id: str, deadline: float, *, typing: bool) -> None:
        """Show the customer that a message was read, as `Provider.mark_read` promises."""
        shown = {"typing_indicator": {"type": "text"}} if typing else {}
        read = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        answer = _post(sender, orjson.dumps(read | shown), deadline, None)
        if answer.status not in _SUCCESS:
            raise judge(answer.status, answer.headers, answer.body)

    def upload(self, sender: Sender, file: Upload, deadline: float) -> str:
        """Give Meta a file, which it keeps for 30 days, as `Provider.upload` promises."""
        return cloud_media.upload(sender, file, deadline)

    def media(
        self, sender: Sender, media_id: str, deadline: float
    ) -> AbstractContextManager[wire.Stream]:
        """Open a file that Meta keeps for 7 days, as `Provider.media` promises."""
        return cloud_media.download(sender, media_id, deadline)


def _post(
    sender: Sender, body: bytes, deadline: float, before_bytes: Callable[[], None] | None
) -> wire.Answer:
    headers = {
        "Authorization": f"Bearer {sender.access_token}",
        "Content-Type": "application/json",
        "User-Agent": "whatsapp-gateway",
    }
    try:
        return wire.post(_url(sender), headers, body, deadline, before_bytes)
    except wire.WireError as failure:
        error = unanswered(failure)
    # Raised out here, as in wire: no context drags the token or the body along.
    raise error


def _url(sender: Sender) -> str:
    path = (sender.graph_version, sender.phone_number_id, "messages")
    return "/".join((sender.base_url.rstrip("/"), *(quote(part, safe="") for part in path)))


def _body(message: Message) -> bytes:
    content = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_address(message.to),
        **_content(message),
        "biz_opaque_callback_data": message.correlation,
    }
    with suppress(orjson.JSONEncodeError):
        return orjson.dumps(content)
    raise ProviderError("the text is not valid Unicode", permanent=True)


def _content(message: Message) -> dict[str, Any]:
    if isinstance(message, MediaMessage):
        file = {"id": message.media_id}
        if message.kind == "document" and message.filename:
            file["filename"] = message.filename
        return {"type": message.kind, message.kind: file}
    return {"type": "text", "text": {"body": message.text, "preview_url": False}}


def _address(to: str) -> dict[str, str]:
    """Whom to send to; without its `+` Meta would read a number as one of the sender's country."""
    if _E164.fullmatch(to):
        return {"to": to}
    if USER_ID.fullmatch(to):
        return {"recipient": to}
    raise ProviderError("the recipient is neither E.164 nor a user id", permanent=True)


def _receipt(body: bytes) -> Receipt | None:
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    message_id = _first(answer, "messages").get("id")
    if not isinstance(message_id, str) or not message_id:
        return None
    contact = _first(answer, "contacts")
    wa_id, user_id = contact.get("wa_id"), contact.get("user_id")
    phone = f"+{wa_id.removeprefix('+')}" if isinstance(wa_id, str) else ""
    return Receipt(
        provider_message_id=message_id,
        wa_id=phone if _E164.fullmatch(phone) else None,
        user_id=user_id if isinstance(user_id, str) and USER_ID.fullmatch(user_id) else None,
    )


def _first(answer: object, name: str) -> dict[str, Any]:
    found = answer.get(name) if isinstance(answer, dict) else None
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else {}
