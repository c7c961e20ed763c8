"""The customers' phones: chats, windows, and what WhatsApp received. All in memory, and bounded."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from app.sandbox.chat import WINDOW_MS, Direction, Message, Status
from core import clock

CUSTOMERS = 1_000
MESSAGES_EACH = 200
RECEIVED = 20_000
WINDOWS = 100_000  # small, and outlive the chats: a load of many customers stays in its windows
TEXT_SHOWN = 4_096
_TYPING_SHOWN_MS = 25_000  # as WhatsApp does


@dataclass
class Customer:
    """A phone: its chats with every business number, oldest message first."""

    key: str = field(repr=False)
    name: str = field(default="", repr=False)
    messages: deque[Message] = field(default_factory=deque, repr=False)
    typing_until_ms: dict[str, int] = field(default_factory=dict)


class Phones:
    """Everything the emulator knows about people; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._customers: OrderedDict[str, Customer] = OrderedDict()
        self._messages: dict[str, Message] = {}
        self._wrote_ms: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._received: deque[dict[str, Any]] = deque(maxlen=RECEIVED)
        self._sequence = 0

    def add(self, message: Message, *, name: str = "") -> None:
        """Put a message into its customer's chat; the oldest messages and customers make room."""
        message.text = message.text[:TEXT_SHOWN]
        with self._lock:
            customer = self._customer(message.customer)
            customer.name = name or customer.name
            if message.direction is Direction.OUT:
                customer.typing_until_ms.pop(message.phone_number_id, None)
            if message.wamid in self._messages:
                return  # a phone shows a message once, however often its webhook is sent
            customer.messages.append(message)
            if message.wamid:
                self._messages[message.wamid] = message
            if len(customer.messages) > MESSAGES_EACH:
                self._messages.pop(customer.messages.popleft().wamid, None)

    def receive(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Log what WhatsApp accepted; gives the entry with its `seq`, which only ever grows."""
        with self._lock:
            self._sequence = max(self._sequence + 1, int(entry.get("seq", 0)))
            numbered = {"seq": self._sequence, **entry}
            if entry["kind"] == "message":
                self._received.append(numbered)
            return numbered

    def received(self, since: int = 0) -> list[dict[str, Any]]:
        """The messages accepted after this `seq`, in order."""
        with self._lock:
            return [entry for entry in self._received if entry["seq"] > since]

    def forget_received(self) -> None:
        """Empty the log of accepted messages; the chats stay."""
        with self._lock:
            self._received.clear()

    def opened_window(self, customer: str, phone_number_id: str, wrote_ms: int) -> None:
        """Note when the customer wrote; an older message never takes a newer one back."""
        key = (customer, phone_number_id)
        with self._lock:
            self._wrote_ms[key] = max(wrote_ms, self._wrote_ms.pop(key, wrote_ms))
            if len(self._wrote_ms) > WINDOWS:
                self._wrote_ms.popitem(last=False)

    def a_day_passes(self, customer: str, phone_number_id: str) -> None:
        """Move what the customer last wrote 24 hours back, as so much time would."""
        key = (customer, phone_number_id)
        with self._lock:
            if key in self._wrote_ms:
                self._wrote_ms[key] -= WINDOW_MS

    def window_is_open(self, customer: str, phone_number_id: str) -> bool:
        """Whether the customer wrote to this number within the last 24 hours."""
        until_ms = self.window_until_ms(customer, phone_number_id)
        return until_ms is not None and clock.now_ms() < until_ms

    def window_until_ms(self, customer: str, phone_number_id: str) -> int | None:
        """When the customer's window ends or ended, in epoch milliseconds; None without one."""
        with self._lock:
            wrote_ms = self._wrote_ms.get((customer, phone_number_id))
        return None if wrote_ms is None else wrote_ms + WINDOW_MS

    def find(self, wamid: str) -> Message | None:
        """The message with this id, while it is remembered."""
        with self._lock:
            return self._messages.get(wamid)

    def mark(self, wamid: str, status: Status) -> None:
        """A message has come this far; what is read stays read, whichever thread is late."""
        with self._lock:
            message = self._messages.get(wamid)
            if message and message.status is not Status.READ:
                message.status = status

    def business_read(self, wamid: str, *, typing: bool) -> None:
        """The business has read the customer's messages up to this one, and may be typing."""
        with self._lock:
            last = self._messages.get(wamid)
            if last is None:
                return
            customer = self._customer(last.customer)
            for message in _chat(customer, last.phone_number_id, Direction.IN):
                message.status = Status.READ
                if message is last:
                    break
            if typing:
                until_ms = clock.now_ms() + _TYPING_SHOWN_MS
                customer.typing_until_ms[last.phone_number_id] = until_ms

    def customer_reads(self, key: str, phone_number_id: str | None = None) -> list[str]:
        """The customer looks at the phone: the ids of the messages that are read only now."""
        with self._lock:
            customer = self._customers.get(key)
            unread = [
                message
                for message in (_chat(customer, phone_number_id, Direction.OUT) if customer else ())
                if message.status is Status.DELIVERED and not message.reading
            ]
            for message in unread:
                message.reading = True
            return [message.wamid for message in unread]

    def is_typing(self, key: str, phone_number_id: str) -> bool:
        """Whether the customer sees the business typing."""
        with self._lock:
            customer = self._customers.get(key)
            until_ms = customer.typing_until_ms.get(phone_number_id, 0) if customer else 0
            return clock.now_ms() < until_ms

    def chat(self, key: str, phone_number_id: str | None = None) -> list[Message]:
        """A customer's messages with one business number, or with all of them."""
        with self._lock:
            customer = self._customers.get(key)
            return _chat(customer, phone_number_id) if customer else []

    def name_of(self, key: str) -> str:
        """The customer's profile name; empty if there is none."""
        with self._lock:
            customer = self._customers.get(key)
            return customer.name if customer else ""

    def everybody(self) -> list[tuple[str, str, Message | None]]:
        """Key, name and last message of every customer, the latest active first."""
        with self._lock:
            return [
                (customer.key, customer.name, customer.messages[-1] if customer.messages else None)
                for customer in reversed(self._customers.values())
            ]

    def unreported(self) -> list[str]:
        """The ids of the messages about which Meta has something more to say by itself."""
        with self._lock:
            return [wamid for wamid, message in self._messages.items() if message.next_status()]

    def _customer(self, key: str) -> Customer:
        customer = self._customers.setdefault(key, Customer(key))
        self._customers.move_to_end(key)
        if len(self._customers) > CUSTOMERS:
            _, forgotten = self._customers.popitem(last=False)
            for message in forgotten.messages:
                self._messages.pop(message.wamid, None)
        return customer


def _chat(
    customer: Customer, phone_number_id: str | None, direction: Direction | None = None
) -> list[Message]:
    return [
        message
        for message in customer.messages
        if phone_number_id in (None, message.phone_number_id)
        and direction in (None, message.direction)
    ]
