"""The sandbox's own API: writing as a customer, reading what came, and telling WhatsApp to fail."""

import base64
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import falcon

from app.sandbox.asked import customer_of, json_object, json_of, message_node, optional
from app.sandbox.files import RECEIVED_MS
from app.sandbox.guard import Refused, loopback_only
from app.sandbox.post import Reply
from schemas.meta.shown import MEDIA_KINDS

if TYPE_CHECKING:
    from app.sandbox.sandbox import Sandbox

_REPLY_SHOWN = 500
_UNKNOWN = "application/octet-stream"
_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg=="
)
_WRITERS_AT_ONCE = 4


class Desk:
    """Writes for those who come over HTTP.

    The gateway's server answers both the writer and the webhook: with all its threads writing,
    none would be left to take the webhook. So there are few writers at a time.
    """

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._writers = threading.BoundedSemaphore(_WRITERS_AT_ONCE)

    def write(
        self, phone_number_id: str | None, customer: str, node: Mapping[str, Any], **named: Any
    ) -> tuple[str, Reply]:
        """Write to this number, or to the only one there is; raises Refused."""
        number = self._number(phone_number_id)
        if not self._writers.acquire(blocking=False):
            words = f"At most {_WRITERS_AT_ONCE} customers write at the same time. Retry."
            raise Refused(503, "sandbox_busy", words)
        try:
            return self._sandbox.write(number, customer, node, **named)
        finally:
            self._writers.release()

    def _number(self, phone_number_id: str | None) -> str:
        numbers = self._sandbox.numbers
        if phone_number_id is None and len(numbers) == 1:
            return next(iter(numbers))
        if not numbers:
            raise Refused(404, "unknown_number", "No business number is registered.")
        if phone_number_id is None:
            raise Refused(400, "invalid_request", "phone_number_id: which of the numbers?")
        if phone_number_id not in numbers:
            raise Refused(404, "unknown_number", "No such business number is registered.")
        return phone_number_id


@falcon.before(loopback_only)
class Customers:
    """`GET api/customers`: everybody who has a chat, the latest active first."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._phones = sandbox.phones

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the customers."""
        customers = [
            {"customer": key, "name": name, "last": last and last.as_json()}
            for key, name, last in self._phones.everybody()
        ]
        resp.media = {"success": True, "customers": customers}


@falcon.before(loopback_only)
class Thread:
    """`api/customers/{customer}/messages`: a customer's chat, and writing into it."""

    def __init__(self, sandbox: "Sandbox", desk: Desk) -> None:
        self._sandbox, self._desk = sandbox, desk

    def on_get(self, _req: falcon.Request, resp: falcon.Response, customer: str) -> None:
        """Answer the messages of both directions, oldest first."""
        messages = [each.as_json() for each in self._sandbox.phones.chat(customer_of(customer))]
        resp.media = {"success": True, "messages": messages}

    def on_post(self, req: falcon.Request, resp: falcon.Response, customer: str) -> None:
        """Write as the customer; answers once the gateway took the webhook, 502 if it did not."""
        asked = json_object(req)
        wamid, reply = self._desk.write(
            optional(asked, "phone_number_id", str),
            customer_of(customer),
            self._with_file(message_node(asked)),
            name=optional(asked, "name", str) or "",
            contact=optional(asked, "contact", dict),
        )
        if not reply.taken:
            raise not_taken(reply, wamid)
        resp.status = falcon.HTTP_201
        resp.media = {"success": True, "message_id": wamid}

    def _with_file(self, node: dict[str, Any]) -> dict[str, Any]:
        """The message, its file kept as Meta keeps what a phone sends; raises Refused.

        `data` is the file in base64. Without it and without an id there is a picture of one dot.
        """
        kind = str(node.get("type"))
        part = node.get(kind)
        if kind not in MEDIA_KINDS or not isinstance(part, dict) or "id" in part:
            return node
        told = dict(part)
        try:
            content = base64.b64decode(told.pop("data", _DOT), validate=True)
        except (TypeError, ValueError):
            raise Refused(400, "invalid_request", f"{kind}.data must be base64.") from None
        told.setdefault("mime_type", "image/png" if "data" not in part else _UNKNOWN)
        kept = self._sandbox.files.keep(content, str(told["mime_type"]), RECEIVED_MS)
        return {**node, kind: {**told, "id": kept.media_id, "sha256": kept.sha256}}


@falcon.before(loopback_only)
class Reading:
    """`POST api/customers/{customer}/read`: the customer looks at the phone."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    def on_post(self, _req: falcon.Request, resp: falcon.Response, customer: str) -> None:
        """Report what is delivered as read; answers how many messages that were."""
        resp.media = {"success": True, "read": self._sandbox.customer_reads(customer_of(customer))}


@falcon.before(loopback_only)
class Received:
    """`api/received`: the messages that WhatsApp accepted, in order."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._phones = sandbox.phones

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer those after `?since=` (a `seq`), or all."""
        since = req.params.get("since", "0")
        if not (isinstance(since, str) and since.isascii() and since.isdecimal()):
            raise Refused(400, "invalid_request", "since must be the seq of a received message.")
        resp.media = {"success": True, "received": self._phones.received(int(since[:18]))}

    def on_delete(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Empty the log; chats and journal stay."""
        self._phones.forget_received()
        resp.media = {"success": True}


@falcon.before(loopback_only)
class FaultRules:
    """`api/faults`: how WhatsApp is to fail (see Fault for the keys of a rule)."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._faults = sandbox.faults

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the rules that are left."""
        resp.media = {"success": True, "faults": [each.as_json() for each in self._rules()]}

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Replace all rules by this list."""
        try:
            self._faults.set(json_of(req))
        except ValueError as error:
            raise Refused(400, "invalid_request", str(error)) from None
        resp.media = {"success": True, "faults": [each.as_json() for each in self._rules()]}

    def on_delete(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Be well again."""
        self._faults.set([])
        resp.media = {"success": True}

    def _rules(self) -> list[Any]:
        return self._faults.standing()


def not_taken(reply: Reply, wamid: str) -> Refused:
    """The gateway did not take a webhook: 502, with what it said."""
    said = reply.body[:_REPLY_SHOWN].decode("utf-8", "replace")
    words = "The gateway did not take the webhook." if reply.status else "No gateway answered."
    details = {"message_id": wamid, "status": reply.status, "body": said}
    return Refused(502, "webhook_not_taken", words, details)
