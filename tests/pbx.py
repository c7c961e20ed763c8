"""A 3CX phone system, as far as the gateway can see one."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from core import clock
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.gateway import Gateway
    from tests.wire import Answer, Headers

SECRET = "X-WhatsApp-Gateway-3CX-Secret"
TIMESTAMP = "X-WhatsApp-Gateway-Timestamp"
SIGNATURE = "X-WhatsApp-Gateway-Signature"
DID = "+966112000000"
ENDS = frozenset({"sent", "refused", "recorded", "uncertain"})


class Pbx:
    """A phone system with an integration, a WhatsApp number and a customer who has just written."""

    def __init__(
        self,
        gateway: Gateway,
        phone_number_id: str,
        customer: str,
        *,
        account_id: str,
        instance_id: str,
        integration_id: str,
        secret: str,
        signs: bool = False,
    ) -> None:
        self.gateway = gateway
        self.phone_number_id = phone_number_id
        self.customer = customer
        self.account_id = account_id
        self.instance_id = instance_id
        self.integration_id = integration_id
        self.secret = secret
        self.signs = signs

    @property
    def path(self) -> str:
        """Where its webhooks go."""
        return f"/integrations/3cx/webhook/{self.integration_id}"

    @property
    def sms_path(self) -> str:
        """The Provider URL of agents' chat."""
        return f"/integrations/3cx/{self.integration_id}/sms"

    @property
    def bearer(self) -> Headers:
        """The headers of Generic SMS."""
        return [("Authorization", f"Bearer {self.secret}"), ("Content-Type", "application/json")]

    @property
    def proof(self) -> Headers:
        """The headers of a request that proves itself by the secret alone."""
        return [(SECRET, self.secret), ("Content-Type", "application/json")]

    def signed(self, body: bytes, *, at_s: float | str | None = None, form: str = "{}") -> Headers:
        """The headers of a signed request; `form` is what the signature's hex is put into."""
        timestamp = str(int(clock.now_ms() / 1000) if at_s is None else at_s)
        message = timestamp.encode() + b"." + body
        signature = hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()
        return [*self.proof, (TIMESTAMP, timestamp), (SIGNATURE, form.format(signature))]

    def reply(self, **changes: Any) -> dict[str, Any]:
        """An agent's reply to the customer; None takes a field out."""
        payload = {
            "event_type": "outbound_message",
            "to": self.customer,
            "message_text": "Your parcel is on its way.",
            "message_purpose": "support",
            **changes,
        }
        return {name: value for name, value in payload.items() if value is not None}

    def post(
        self,
        payload: object = None,
        *more: tuple[str, str | bytes],
        body: bytes | Iterable[bytes] | None = None,
        headers: Headers | None = None,
        path: str | None = None,
    ) -> Answer:
        """Post a webhook: a reply to the customer, unless something else is given."""
        if body is None:
            body = encoded(self.reply() if payload is None else payload)
        sent = [*(self.proof if headers is None else headers), *more]
        return ask(self.gateway.address, "POST", path or self.path, sent, body)

    def connect(self, did: str = DID) -> None:
        """Give it a trunk whose number stands for its WhatsApp number; before it asks for anything.

        What the door knows of an integration may be a second old.
        """
        routes = [[did, self.instance_id]]
        self.gateway.clerk.do("connect", integration_id=self.integration_id, routes=routes)

    def says(
        self,
        *more: tuple[str, str | bytes],
        body: bytes | Iterable[bytes] | None = None,
        path: str | None = None,
        headers: Headers | None = None,
        **changes: Any,
    ) -> Answer:
        """Post what an agent wrote in the chat, as Generic SMS does; None takes a field out."""
        sent = [*(self.bearer if headers is None else headers), *more]
        content = encoded(self.sms(**changes)) if body is None else body
        return ask(self.gateway.address, "POST", path or self.sms_path, sent, content)

    def sms(self, **changes: Any) -> dict[str, Any]:
        """A message of an agent's; None takes a field out."""
        payload = {"from": DID, "to": self.customer, "text": "Your parcel is on its way."} | changes
        return {name: value for name, value in payload.items() if value is not None}

    def looks_up(self, number: object, headers: Headers | None = None) -> Answer:
        """Ask for a contact, as the CRM template does."""
        path, proof = f"/integrations/3cx/{self.integration_id}/lookup", headers or self.proof
        return ask(self.gateway.address, "POST", path, proof, encoded({"number": number}))

    def outcome(self, payload: object = None) -> Answer:
        """Post a webhook and wait for what becomes of it."""
        return self.post(payload, ("Prefer", "wait=10"))

    def status(self, event_id: str, headers: Headers | None = None) -> Answer:
        """Ask how far an event has come."""
        path = f"{self.path}/events/{quote(event_id, safe='%')}"
        proof = self.signed(b"") if self.signs else self.proof
        return ask(self.gateway.address, "GET", path, proof if headers is None else headers)

    def ended(self, event_id: str) -> dict[str, Any]:
        """The status of an event, once nothing more is to be done for it."""
        said: dict[str, Any] = {}

        def has_ended() -> bool:
            said.update(self.status(event_id).json())
            return said.get("state") in ENDS

        self.gateway.wait_until(has_ended)
        return said

    def received(self) -> list[dict[str, Any]]:
        """What WhatsApp received from its number, in order."""
        everything = self.gateway.whatsapp.phones.received()
        return [each for each in everything if each["phone_number_id"] == self.phone_number_id]

    def events(self) -> list[dict[str, Any]]:
        """What the gateway keeps of its events."""
        events: list[dict[str, Any]] = self.gateway.clerk.do(
            "events", integration_id=self.integration_id
        )
        return events

    def left_no_trace(self) -> bool:
        """Whether nothing of it was stored or sent."""
        return not self.events() and not self.received()


def encoded(payload: object) -> bytes:
    """A payload as the bytes of a body."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()
