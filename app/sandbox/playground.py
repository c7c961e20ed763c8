"""The playground: what stands beside the customer's phone, and what a person may do to it all."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from app.sandbox.chat import WINDOW_MS, is_user_id
from app.sandbox.faults import Fault, Faults
from app.sandbox.threecx import Health, Pbx
from core import clock
from models.conversation import Conversation
from models.customer import address_hash
from models.database import transaction
from models.instance import Instance

_DEEDS = 50

# What a person can have WhatsApp do, as rules (see Fault) that stand until it is well again.
WEATHER: Mapping[str, tuple[str, tuple[dict[str, object], ...]]] = {
    "well": ("Well", ()),
    "busy": ("429", ({"error": 130429, "status": 429, "times": None},)),
    "failing": ("503", ({"error": 131016, "status": 503, "times": None},)),
    "silent": ("No answer", ({"timeout": "before", "seconds": 20, "times": None},)),
    "cut": ("Cuts the line", ({"reset": "before", "times": None},)),
}
HEALTH: Mapping[str, str] = {
    Health.WELL: "Well",
    Health.FAILING: "503",
    Health.SLOW: "Too slow",
    Health.AWAY: "Away",
}


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a person did, to one customer or to all; `at_ms` is epoch milliseconds."""

    id: int
    words: str
    at_ms: int
    customer: str | None = field(repr=False)


class Playground:
    """A 3CX beside the customers' phones, and the log of what a person did here."""

    def __init__(self) -> None:
        self.pbx = Pbx()
        self._deeds: deque[Deed] = deque(maxlen=_DEEDS)
        self._ids = count(1)
        self._lock = threading.Lock()

    def deeds(self, customer: str) -> list[Deed]:
        """What was done lately to this customer or to everybody, oldest first."""
        with self._lock:
            return [each for each in self._deeds if each.customer in (None, customer)]

    def note(self, words: str, customer: str | None = None) -> None:
        """Have the middle pane say that something was done, to one customer or to everybody."""
        with self._lock:
            self._deeds.append(Deed(next(self._ids), words, clock.now_ms(), customer))


def set_weather(faults: Faults, name: str) -> str:
    """Have WhatsApp do as a name of WEATHER says; gives its words. KeyError for another name."""
    words, rules = WEATHER[name]
    faults.set(list(rules))
    return words


def weather(faults: Faults) -> str | None:
    """The name of what WhatsApp does; None where other rules were set by hand."""
    standing = faults.standing()
    named = {name: list(map(Fault.parse, rules)) for name, (_, rules) in WEATHER.items()}
    return next((name for name, rules in named.items() if rules == standing), None)


@transaction
def a_day_passes(phone_number_id: str, customer: str) -> None:
    """Move a customer's last message 24 hours back in the gateway, as so much time would.

    Args:
        phone_number_id: of the business number.
        customer: the sandbox's key: digits of the number, or a user id.
    """
    instance = Instance.get_or_none(Instance.phone_number_id == phone_number_id)
    if instance is None:
        return
    hashed = address_hash(instance.account_id, customer if is_user_id(customer) else f"+{customer}")
    held = Conversation.with_address(instance.account_id, instance.id, hashed, lock=True)
    if held is not None and held.last_inbound_at_ms is not None:
        Conversation.update(last_inbound_at_ms=held.last_inbound_at_ms - WINDOW_MS).where(
            Conversation.id == held.id
        ).execute()
