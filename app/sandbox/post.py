"""The post: webhooks on their way to the gateway."""

import heapq
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import urllib3

from app.sandbox import envelope
from app.sandbox.chat import Message, Status
from app.sandbox.number import Number
from app.sandbox.phones import Phones
from core import clock

_THREADS = 4
_ERRANDS_AT_MOST = 20_000
# Answers go out before their statuses, mostly: as with Meta, nothing promises that.
_AFTER_THE_ANSWER_S = 0.05
_TRIES = 20
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 30.0
_TIMEOUT = urllib3.Timeout(connect=2, read=10)


@dataclass(frozen=True)
class Reply:
    """What the gateway answered: an HTTP status, or 0 when it could not be reached."""

    status: int
    body: bytes = field(repr=False)

    @property
    def taken(self) -> bool:
        """Meta counts only a 200 as taken."""
        return self.status == 200  # noqa: PLR2004


@dataclass(order=True, frozen=True)
class Errand:
    """A status to report; `due` is a time of the monotonic clock."""

    due: float
    wamid: str
    status: Status = field(compare=False)
    tries: int = field(default=0, compare=False)


class Post:
    """Posts signed webhooks: at once for a caller that waits, or by its own threads, with retries.

    `numbers` is read at posting time; `on_status` hears of each status that was reported.
    """

    def __init__(
        self,
        numbers: Mapping[str, Number],
        phones: Phones,
        on_status: Callable[[Message, Status], None],
    ) -> None:
        self._numbers, self._phones, self._on_status = numbers, phones, on_status
        self._pool = urllib3.PoolManager(maxsize=2 * _THREADS, retries=False, timeout=_TIMEOUT)
        self._errands: list[Errand] = []
        self._changed = threading.Condition()
        self._running = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads that report statuses."""
        self._running = True
        self._threads = [
            threading.Thread(target=self._run, name=f"sandbox-post-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads; what they have not reported is left."""
        with self._changed:
            self._running = False
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._errands.clear()  # the next start finds them again in the chats
        self._pool.clear()

    def now(self, number: Number, raw: bytes) -> Reply:
        """Post a webhook and wait for the gateway's answer, at most some 12 seconds."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "whatsapp-gateway-sandbox",
            "X-Hub-Signature-256": envelope.sign(number.app_secret, raw),
        }
        try:
            answer = self._pool.request(
                "POST", number.webhook_url, body=raw, headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return Reply(0, b"")
        return Reply(answer.status, answer.data)

    def report(self, wamid: str, status: Status | None = None) -> None:
        """Report a status (by default the next that is due) and, once taken, those after it."""
        message = self._phones.find(wamid)
        reached = status or (message.next_status() if message else None)
        if reached is not None:
            self._put(Errand(clock.monotonic() + _AFTER_THE_ANSWER_S, wamid, reached))

    def _put(self, errand: Errand) -> None:
        with self._changed:
            if len(self._errands) < _ERRANDS_AT_MOST:
                heapq.heappush(self._errands, errand)
                self._changed.notify()

    def _run(self) -> None:
        while errand := self._next():
            self._do(errand)

    def _next(self) -> Errand | None:
        with self._changed:
            while self._running:
                wait = self._errands[0].due - clock.monotonic() if self._errands else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._errands)
                self._changed.wait(wait)
        return None

    def _do(self, errand: Errand) -> None:
        message = self._phones.find(errand.wamid)
        number = self._numbers.get(message.phone_number_id) if message else None
        if message is None or number is None:
            return
        reply = self.now(number, envelope.status(number, message, errand.status))
        if reply.taken or errand.tries + 1 == _TRIES:
            self._on_status(message, errand.status)
            self.report(errand.wamid)
        else:
            wait_s = min(_FIRST_RETRY_S * 2**errand.tries, _LONGEST_RETRY_S)
            due = clock.monotonic() + wait_s
            self._put(Errand(due, errand.wamid, errand.status, errand.tries + 1))
