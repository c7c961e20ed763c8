"""The Cloud API itself: who is calling, for which number, and what becomes of the request."""

import hmac
import re
from collections.abc import Mapping
from typing import Any

import orjson

from app.sandbox import form, request
from app.sandbox.chat import Direction, Message, Status, is_user_id, new_wamid
from app.sandbox.errors import REENGAGEMENT, MetaError, invalid, missing, unknown_object
from app.sandbox.faults import Fault
from app.sandbox.files import UPLOADED_MS, Files, Kept
from app.sandbox.journal import Journal
from app.sandbox.number import Number
from app.sandbox.phones import Phones
from app.sandbox.request import MarkRead, Send
from core import clock

_ADDRESS = re.compile(r"/(v[0-9]{1,3}\.[0-9])/([^/]{1,128})/messages/?")
_UPLOADS = re.compile(r"/(v[0-9]{1,3}\.[0-9])/([^/]{1,128})/media/?")
MEDIA = re.compile(r"/v[0-9]{1,3}\.[0-9]/([^/?]{1,128})/?(?:\?.*)?")
FILES = "/files/"


class Graph:
    """Judges a request, then takes it: two steps, so that a fault can come between them."""

    def __init__(
        self, numbers: Mapping[str, Number], phones: Phones, journal: Journal, files: Files
    ) -> None:
        self._numbers, self._phones, self._journal = numbers, phones, journal
        self._files = files

    def judge(
        self, path: str, authorization: str | None, raw: bytes
    ) -> tuple[Number, Send | MarkRead]:
        """The number and the request; raises MetaError in Meta's order: token, number, body."""
        number = self._number(_ADDRESS.fullmatch(path), authorization)
        asked = request.parse(raw)
        if isinstance(asked, MarkRead):
            self._require_inbound(asked.wamid)
        elif asked.customer == "".join(filter(str.isdecimal, number.display_phone_number)):
            raise MetaError(131021, "Recipient phone number is the sender's own.")
        return number, asked

    def take(self, number: Number, asked: Send, fault: Fault) -> tuple[str, bytes]:
        """Take a message: into the journal, the log and the chat; gives its id and the answer."""
        wamid, now_ms = new_wamid(), clock.now_ms()
        fails = fault.failed
        if not self._phones.window_is_open(asked.customer, number.phone_number_id):
            fails = REENGAGEMENT
        entry = {
            "kind": "message",
            "at_ms": now_ms,
            "message_id": wamid,
            "phone_number_id": number.phone_number_id,
            "to": asked.written,
            "customer": asked.customer,
            "type": asked.type,
            "text": asked.text,
            "biz_opaque_callback_data": asked.callback,
            "fails": fails,
            "silent": fault.silent,
            "body": asked.body,
        }
        self._journal.receive(self._phones.receive(entry))
        self._phones.add(sent_message(entry))
        return wamid, orjson.dumps(_accepted(asked, wamid))

    def mark_read(self, number: Number, asked: MarkRead) -> bytes:
        """The business has read a message: blue ticks on the customer's phone."""
        entry = {
            "kind": "read",
            "at_ms": clock.now_ms(),
            "message_id": asked.wamid,
            "phone_number_id": number.phone_number_id,
            "typing": asked.typing,
            "body": asked.body,
        }
        self._journal.receive(self._phones.receive(entry))
        self._phones.business_read(asked.wamid, typing=asked.typing)
        return b'{"success":true}'

    def upload(
        self, path: str, authorization: str | None, content_type: str | None, raw: bytes
    ) -> bytes:
        """Keep a file to be sent; gives the answer with its id, or raises MetaError."""
        self._number(_UPLOADS.fullmatch(path), authorization)
        fields = form.read(content_type, raw)
        for name in ("messaging_product", "file"):
            if name not in fields:
                raise missing(name)
        said = fields["type"].content.decode("latin-1") if "type" in fields else ""
        mime_type = said or fields["file"].content_type
        if not request.takes(mime_type):
            raise invalid("Param file must be a file with one of the supported types.")
        kept = self._files.keep(fields["file"].content, mime_type, UPLOADED_MS)
        return orjson.dumps({"id": kept.media_id})

    def media(self, path: str, authorization: str | None, base_url: str) -> bytes:
        """Say where a file is to be had for five minutes; raises MetaError."""
        self._authenticate(authorization)
        found = MEDIA.fullmatch(path)
        kept = self._files.find(found[1]) if found else None
        if kept is None:
            raise unknown_object(found[1] if found else path)
        said = {
            "messaging_product": "whatsapp",
            "url": base_url + FILES + self._files.address(kept.media_id),
            "mime_type": kept.mime_type,
            "sha256": kept.sha256,
            "file_size": len(kept.content),
            "id": kept.media_id,
        }
        return orjson.dumps(said)

    def file(self, path: str, authorization: str | None) -> Kept | None:
        """The file at such an address, while that opens it; raises MetaError."""
        self._authenticate(authorization)
        return self._files.opened(path.removeprefix(FILES))

    def _number(self, address: "re.Match[str] | None", authorization: str | None) -> Number:
        self._authenticate(authorization)
        if address is None:
            raise MetaError(2500, "Unknown path components")
        number = self._numbers.get(address[2])
        if number is None or not _holds(number, authorization):
            raise unknown_object(address[2])
        return number

    def _authenticate(self, authorization: str | None) -> None:
        if not any(_holds(number, authorization) for number in list(self._numbers.values())):
            words = "Invalid OAuth access token - Cannot parse access token"
            raise MetaError(190, words, message=words)

    def _require_inbound(self, wamid: str) -> None:
        message = self._phones.find(wamid)
        if message is None or message.direction is not Direction.IN:
            raise invalid("Param message_id is not the id of a received message.")


def sent_message(entry: Mapping[str, Any]) -> Message:
    """The chat's message that a journal entry stands for."""
    return Message(
        wamid=entry["message_id"],
        phone_number_id=entry["phone_number_id"],
        customer=entry["customer"],
        direction=Direction.OUT,
        type=entry["type"],
        text=entry["text"],
        at_ms=entry["at_ms"],
        status=Status.ACCEPTED,
        callback=entry["biz_opaque_callback_data"],
        fails=entry["fails"],
        silent=entry["silent"],
    )


def _holds(number: Number, authorization: str | None) -> bool:
    scheme, _, token = (authorization or "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        token.strip().encode(), number.access_token.encode()
    )


def _accepted(asked: Send, wamid: str) -> dict[str, Any]:
    known_as = "user_id" if is_user_id(asked.customer) else "wa_id"
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": asked.written, known_as: asked.customer}],
        "messages": [{"id": wamid}],
    }
