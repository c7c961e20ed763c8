"""Agents' chats: one for each customer of the trunk. In memory, and bounded."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum

CHATS = 500
LINES_EACH = 200
TEXT_SHOWN = 4_096


class Who(StrEnum):
    """Whose line it is."""

    CUSTOMER = "customer"
    AGENT = "agent"
    CALL = "call"


@dataclass
class Line:
    """One line of a chat; `at_ms` is epoch milliseconds.

    `answered` is the HTTP status that the gateway gave to what the PBX sent: None until it came,
    0 when nobody answered. What came from the gateway has none.
    """

    id: str
    who: Who
    text: str = field(repr=False)
    at_ms: int
    answered: int | None = None

    @property
    def taken(self) -> bool:
        """Whether the gateway took it: to 3CX any 2xx is success."""
        return self.answered is not None and 200 <= self.answered < 300  # noqa: PLR2004 (RFC 9110)


class Chats:
    """What agents see; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chats: OrderedDict[str, deque[Line]] = OrderedDict()

    def add(self, customer: str, line: Line) -> None:
        """Put a line at the end of a customer's chat; one whose id is there already is the same."""
        line.text = line.text[:TEXT_SHOWN]
        with self._lock:
            chat = self._chats.setdefault(customer, deque(maxlen=LINES_EACH))
            self._chats.move_to_end(customer)
            if len(self._chats) > CHATS:
                self._chats.popitem(last=False)
            if all(each.id != line.id for each in chat):
                chat.append(line)

    def of(self, customer: str) -> list[Line]:
        """A customer's chat, oldest line first."""
        with self._lock:
            return list(self._chats.get(customer, ()))
