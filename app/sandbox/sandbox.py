"""The emulator as a whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import falcon

from app.sandbox import envelope, routes
from app.sandbox.chat import Message, Status, customer_key, is_user_id, new_wamid, opens_window
from app.sandbox.faults import Faults
from app.sandbox.files import Files
from app.sandbox.graph import Graph, sent_message
from app.sandbox.heard import heard_message, written
from app.sandbox.journal import Journal
from app.sandbox.listener import Listener
from app.sandbox.number import Number
from app.sandbox.phones import Phones
from app.sandbox.playground import Playground, a_day_passes
from app.sandbox.post import Post, Reply
from core import clock


class Sandbox:
    """Plays Meta and the customers' phones, inside the gateway's process and on loopback only.

    Args:
        journal: where to append a JSON line for each request that WhatsApp accepted, before it is
            answered. With it, chats and windows outlive the process. None: in memory only.
        port: of the Graph listener on 127.0.0.1; 0 picks a free one.
        playground: shown beside the phones; it needs the gateway's database.

    """

    def __init__(
        self,
        *,
        journal: Path | None = None,
        port: int = 0,
        playground: Playground | None = None,
    ) -> None:
        self.numbers: dict[str, Number] = {}
        self.phones = Phones()
        self.faults = Faults()
        self.journal = Journal(journal)
        self.files = Files()
        self.post = Post(self.numbers, self.phones, self._reported)
        self.playground = playground
        self._port = port
        self._listener: Listener | None = None
        for entry in self.journal.read():
            self._recall(entry)

    @property
    def base_url(self) -> str:
        """What an instance's base URL must be; RuntimeError unless started."""
        if self._listener is None:
            raise RuntimeError("The sandbox has no address before it is started.")
        return self._listener.base_url

    def register(self, number: Number) -> None:
        """Play Meta for this number; a number registered before is replaced."""
        self.numbers[number.phone_number_id] = number

    def add_routes(self, app: falcon.App[Any, Any], prefix: str = "/sandbox") -> None:
        """Serve the page and the sandbox's own API under this path; the Graph has `base_url`."""
        routes.add(app, self, prefix)

    def start(self) -> None:
        """Bind the Graph listener and start to report statuses, also those of the last life."""
        graph = Graph(self.numbers, self.phones, self.journal, self.files)
        self._listener = Listener(graph, self.faults, self.post, self._port)
        self._listener.start()
        self.post.start()
        if self.playground is not None:
            self.playground.pbx.start()
        for wamid in self.phones.unreported():
            self.post.report(wamid)

    def stop(self) -> None:
        """Stop answering and reporting; what is not yet reported waits for the next start."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
            self.post.stop()
            if self.playground is not None:
                self.playground.pbx.stop()

    def write(
        self,
        phone_number_id: str,
        customer: str,
        node: Mapping[str, Any],
        *,
        name: str = "",
        contact: Mapping[str, Any] | None = None,
    ) -> tuple[str, Reply]:
        """A customer writes to a number, and the gateway gets the webhook before this returns.

        Args:
            phone_number_id: of a registered number; KeyError for another.
            customer: phone number or business-scoped user id; ValueError for anything else.
            node: the message as Meta writes it, such as `{"type": "text", "text": {"body": …}}`.
                What it lacks of id, sender and timestamp is filled in; null leaves a key out.
            name: the customer's profile name.
            contact: keys to put over the webhook's contact; null leaves a key out.

        Returns:
            The message's id and what the gateway answered.

        """
        number, key = self.numbers[phone_number_id], customer_key(customer)
        if key is None:
            raise ValueError("Not an international phone number or user id.")
        sender = "from_user_id" if is_user_id(key) else "from"
        filled = {
            sender: key,
            "id": new_wamid(),
            "timestamp": str(clock.now_ms() // 1000),
            **node,
        }
        filled = {word: value for word, value in filled.items() if value is not None}
        name = name or self.phones.name_of(key)
        self._hear(written(number.phone_number_id, key, name, filled))
        reply = self.post.now(number, envelope.inbound(number, key, name, filled, contact))
        wamid = str(filled.get("id", ""))
        self._hear(_told(wamid, Status.TAKEN if reply.taken else Status.UNTAKEN))
        return wamid, reply

    def customer_reads(self, customer: str, phone_number_id: str | None = None) -> int:
        """The customer looks at the chat: `read` is reported; gives the number of messages."""
        unread = self.phones.customer_reads(customer, phone_number_id)
        for wamid in unread:
            self.post.report(wamid, Status.READ)
        return len(unread)

    def close_window(self, phone_number_id: str, customer: str) -> None:
        """Have 24 hours pass for a customer, on WhatsApp's side and on the gateway's.

        Args:
            phone_number_id: of the business number.
            customer: the sandbox's key: digits of the number, or a user id.
        """
        entry = {"kind": "travelled", "customer": customer, "phone_number_id": phone_number_id}
        self._hear(entry | {"at_ms": clock.now_ms()})
        a_day_passes(phone_number_id, customer)

    def _hear(self, entry: dict[str, Any]) -> None:
        self.journal.remember(entry)
        self._recall(entry)

    def _recall(self, entry: dict[str, Any]) -> None:
        match entry["kind"]:
            case "message":
                self.phones.receive(entry)
                self.phones.add(sent_message(entry))
            case "read":
                self.phones.receive(entry)
                self.phones.business_read(entry["message_id"], typing=False)
            case "wrote":
                self.phones.add(heard_message(entry), name=entry["name"])
                if opens_window(entry["type"]):
                    self.phones.opened_window(
                        entry["customer"], entry["phone_number_id"], entry["wrote_ms"]
                    )
            case "travelled":
                self.phones.a_day_passes(entry["customer"], entry["phone_number_id"])
            case "told":
                self.phones.mark(entry["message_id"], Status(entry["status"]))

    def _reported(self, message: Message, status: Status) -> None:
        self._hear(_told(message.wamid, status))


def _told(wamid: str, status: Status) -> dict[str, Any]:
    return {"kind": "told", "at_ms": clock.now_ms(), "message_id": wamid, "status": status}
