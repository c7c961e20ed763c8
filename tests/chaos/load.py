"""The load of a run: callers of 3CX, and the customers they write to."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from app.sandbox.chat import new_wamid
from core import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.poster import Poster
    from tests.chaos.sites import Integration, Site

CALLERS = 16
_STEPS_PER_S = 16.0
_REPEATS_AT_MOST = 6
_ADMITTED, _MINUTE_S = 57, 61.0  # below the 60 a minute that an integration may post
_TOLD_AGAIN = 0.2  # of what customers write, although it was taken
_LONG = 9_000  # characters: three parts
_WORDS = ("your", "parcel", "order", "invoice", "technician", "arrives", "leaves", "tomorrow")

_TAKEN, _FAILED_FROM = 202, 500


class Ration:
    """Keeps an integration below the rate that the door admits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._posts: deque[float] = deque(maxlen=_ADMITTED)

    def admits(self) -> bool:
        """Whether one more post is within the rate; it is counted then."""
        now = clock.monotonic()
        with self._lock:
            if len(self._posts) == _ADMITTED and now - self._posts[0] < _MINUTE_S:
                return False
            self._posts.append(now)
            return True


@dataclass
class Chat:
    """A conversation, as its caller and its customer know it."""

    site: Site
    customer: str = field(repr=False)
    opted_out: bool = False
    untaken: tuple[str, str, int] | None = None  # message id, text, epoch ms


class Caller(threading.Thread):
    """One thread of the load, with conversations that nobody else touches.

    A conversation's next post comes after the answer, or the failure, of the one before: so its
    order is defined.
    """

    def __init__(
        self, name: str, seed: str, poster: Poster, chats: list[Chat], rations: dict[str, Ration]
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._dice = Random(f"{seed}/{name}")
        self._poster = poster
        self._plant, self._record = poster.plant, poster.record
        self._chats, self._rations = chats, rations
        self._serial = itertools.count(1)
        self._closing = threading.Event()
        self._together = ThreadPoolExecutor(3, name)

    def run(self) -> None:
        """Do one thing after the other until told to stop."""
        acts, weights = zip(*_ACTS.items(), strict=True)
        while not self._closing.wait(self._dice.expovariate(_STEPS_PER_S / CALLERS)):
            chat = self._dice.choice(self._chats)
            if chat.untaken is not None:
                self._tell(chat, *chat.untaken)
            (act,) = self._dice.choices(acts, weights)
            act(self, chat)
        self._together.shutdown()

    def stop(self) -> None:
        """Finish what is in hand, and end."""
        self._closing.set()

    def reply(self, chat: Chat) -> None:
        """An agent's reply."""
        self._post(chat, self._text())

    def burst(self, chat: Chat) -> None:
        """Several replies, as quickly as they are answered."""
        for _ in range(self._dice.randint(3, 6)):
            self._post(chat, self._text())

    def long_reply(self, chat: Chat) -> None:
        """A text of several parts."""
        self._post(chat, self._text(_LONG))

    def repeated(self, chat: Chat) -> None:
        """A reply that is posted again after it was answered."""
        payload, key = self._payload(chat, self._text()), self._key()
        integration = self._dice.choice(chat.site.integrations)
        for _ in range(self._dice.randint(2, 3)):
            self._once(chat, integration, payload, key, self._door())

    def repeated_at_once(self, chat: Chat) -> None:
        """A reply that is posted several times at the same moment."""
        payload, key = self._payload(chat, self._text()), self._key()
        integration = self._dice.choice(chat.site.integrations)
        doors = [self._door() for _ in range(3)]
        posts = [
            self._together.submit(self._once, chat, integration, payload, key, door)
            for door in doors
        ]
        for each in posts:
            each.result()

    def odd(self, chat: Chat) -> None:
        """Something that is refused, or only recorded."""
        changes = self._dice.choice(_ODD)
        self._post(chat, self._text(), **changes)

    def write(self, chat: Chat) -> None:
        """The customer writes, which opens the window."""
        message_id, text, wrote_at_ms = new_wamid(), f"Thank you, {self._text()}", clock.now_ms()
        self._tell(chat, message_id, text, wrote_at_ms)
        if chat.untaken is None and self._dice.random() < _TOLD_AGAIN:
            self._tell(chat, message_id, text, wrote_at_ms)

    def hurry(self, chat: Chat) -> None:
        """The customer writes several messages, one right after the other."""
        for _ in range(self._dice.randint(3, 6)):
            self.write(chat)

    def chat_reply(self, chat: Chat) -> None:
        """An agent's reply from the chat of 3CX."""
        integration = chat.site.integrations[0]
        if self._rations[f"sms {integration.id}"].admits():
            text = self._text()
            self._poster.send_sms(chat.site, integration, chat.customer, text, self._door())

    def missed_calls(self, chat: Chat) -> None:
        """The customer calls again and again, and nobody answers."""
        integration = chat.site.integrations[0]
        payload = self._payload(chat, None, event_type="missed_call", message_purpose=None)
        for _ in range(self._dice.randint(2, 5)):
            self._once(chat, integration, payload, self._key(), self._door())

    def opt_out(self, chat: Chat) -> None:
        """The customer wants no more messages."""
        self._tell(chat, new_wamid(), "STOP", clock.now_ms())
        chat.opted_out = True

    def opt_in(self, chat: Chat) -> None:
        """One who opted out wants messages again; another just writes."""
        if not chat.opted_out:
            self.write(chat)
            return
        self._tell(chat, new_wamid(), "START", clock.now_ms())
        chat.opted_out = False

    def read(self, chat: Chat) -> None:
        """The customer looks at the phone."""
        number = chat.site.phone_number_id
        self._plant.whatsapp.customer_reads(chat.customer.lstrip("+"), number)

    def _post(self, chat: Chat, text: str, **changes: Any) -> None:
        """Post until it is answered, if it has a key; without one, a repeat would be another."""
        payload = self._payload(chat, text, **changes)
        key = self._key() if self._dice.random() < 0.6 else None
        integration = self._dice.choice(chat.site.integrations)
        for _ in range(_REPEATS_AT_MOST):
            status = self._once(chat, integration, payload, key, self._door())
            if key is None or _TAKEN <= status < _FAILED_FROM or self._closing.is_set():
                return
            clock.sleep(self._dice.uniform(0.2, 1.0))

    def _once(
        self,
        chat: Chat,
        integration: Integration,
        payload: dict[str, Any],
        key: str | None,
        door: int,
    ) -> int:
        if not self._rations[integration.id].admits():
            return _TAKEN
        return self._poster.post(chat.site, integration, payload, key, door)

    def _tell(self, chat: Chat, message_id: str, text: str, wrote_at_ms: int) -> None:
        """Have Meta post what the customer wrote; what is not taken is told again later."""
        node = {
            "id": message_id,
            "timestamp": str(wrote_at_ms // 1000),
            "type": "text",
            "text": {"body": text},
        }
        if chat.untaken is not None and chat.untaken[0] != message_id:
            return  # one after the other
        at_ms = clock.now_ms()
        number = chat.site.phone_number_id
        _, reply = self._plant.whatsapp.write(number, chat.customer.lstrip("+"), node)
        self._record.wrote(
            at_ms,
            reply.status,
            instance_id=chat.site.instance_id,
            customer=chat.customer,
            message_id=message_id,
            opt_out=text == "STOP",
            text=None if text in {"STOP", "START"} else text,
        )
        chat.untaken = None if reply.taken else (message_id, text, wrote_at_ms)

    def _payload(self, chat: Chat, text: str | None, **changes: Any) -> dict[str, Any]:
        usual = {"event_type": "outbound_message", "to": chat.customer, "message_text": text}
        payload = usual | {"message_purpose": "support"} | changes
        return {name: value for name, value in payload.items() if value is not None}

    def _text(self, least: int = 0) -> str:
        words = [self._dice.choice(_WORDS) for _ in range(self._dice.randint(4, 12))]
        text = f"{self.name}.{next(self._serial)} {' '.join(words)}"
        while len(text) < least:
            text += f" {self._dice.choice(_WORDS)}"
        return text

    def _key(self) -> str:
        return f"{self.name}-{next(self._serial)}-{self._dice.getrandbits(32):08x}"

    def _door(self) -> int:
        return self._dice.randrange(2)


_ODD: tuple[dict[str, Any], ...] = (
    {"message_purpose": None},
    {"message_purpose": "marketing"},
    {"message_text": None},
    {"event_type": "queue_event"},
    {"event_type": "missed_call"},
    {"event_type": "something_else"},
    {"event_type": "test"},
)
_ACTS: dict[Callable[[Caller, Chat], None], float] = {
    Caller.reply: 46,
    Caller.burst: 8,
    Caller.long_reply: 4,
    Caller.repeated: 6,
    Caller.repeated_at_once: 6,
    Caller.odd: 3,
    Caller.write: 14,
    Caller.hurry: 4,
    Caller.chat_reply: 8,
    Caller.missed_calls: 3,
    Caller.opt_out: 2,
    Caller.opt_in: 4,
    Caller.read: 5,
}
