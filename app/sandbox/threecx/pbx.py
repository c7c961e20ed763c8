"""A 3CX as far as the gateway meets one."""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
import urllib3

from app.sandbox.guard import Refused
from app.sandbox.threecx.chats import Chats, Line, Who
from app.sandbox.threecx.health import Health
from app.sandbox.threecx.listener import TrunkListener
from core import clock
from core.ids import new_id
from core.signing import SECRET_HEADER

_AGENT, _QUEUE = "101", "800"
_TIMEOUT = urllib3.Timeout(connect=2, read=10)
_AT_ONCE = 4


@dataclass(frozen=True)
class Trunk:
    """What an administrator types into 3CX.

    `did` is the trunk's number, E.164. `provider_url` and `secret` are the Generic SMS provider's
    URL and API key; `call_url` is where the CRM template reports calls, with the same secret.
    """

    did: str
    provider_url: str
    call_url: str
    secret: str = field(repr=False)


class Pbx:
    """Agents' chats, and the requests that a 3CX makes and takes."""

    def __init__(self) -> None:
        self.chats = Chats()
        self.health = Health.WELL
        self.trunk: Trunk | None = None
        self.path = f"/sms/{secrets.token_urlsafe(24)}"  # 3CX's own is a secret, too
        self._pool = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False, timeout=_TIMEOUT)
        # The gateway's server answers both the page and the door: some threads must be left.
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._listener: TrunkListener | None = None

    @property
    def origin(self) -> tuple[str, int]:
        """Host and port of the trunk's webhook; RuntimeError unless started."""
        return self._listening.origin

    @property
    def webhook_url(self) -> str:
        """What 3CX shows as the trunk's Webhook URL; RuntimeError unless started."""
        return self._listening.base_url + self.path

    def start(self) -> None:
        """Take the gateway's messages from now on."""
        self._listener = TrunkListener(self)
        self._listener.start()

    def stop(self) -> None:
        """Take nothing more."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
            self._pool.clear()

    def connect(self, trunk: Trunk) -> None:
        """Use this trunk; chats stay."""
        self.trunk = trunk

    def reply(self, customer: str, text: str) -> Line:
        """An agent writes in a customer's chat: 3CX posts it to its SMS provider.

        Args:
            customer: E.164 as the chat has it, or a user id.
            text: what the agent wrote.

        Returns:
            The line, with what was answered.

        Raises:
            Refused: there is no trunk, or too much goes on at once.
        """
        trunk = self._connected
        body = {"from": trunk.did, "to": customer, "text": text}
        headers = {"Authorization": f"Bearer {trunk.secret}"}
        return self._post(trunk.provider_url, headers, body, customer, (Who.AGENT, text))

    def miss_call(self, customer: str) -> Line:
        """Nobody took a customer's call: the CRM template reports it as the webhook contract says.

        Args:
            customer: E.164.

        Returns:
            The line, with what was answered.

        Raises:
            Refused: there is no trunk, or too much goes on at once.
        """
        trunk = self._connected
        body = {
            "event_type": "missed_call",
            "customer_phone": customer,
            "agent_extension": _AGENT,
            "queue": _QUEUE,
            "call_type": "Missed",
            "call_time": clock.iso(clock.now_ms()),
            "duration_seconds": 0,
        }
        headers = {SECRET_HEADER: trunk.secret}
        return self._post(trunk.call_url, headers, body, customer, (Who.CALL, "Missed call"))

    def _post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, object],
        customer: str,
        said: tuple[Who, str],
    ) -> Line:
        if not self._places.acquire(blocking=False):
            words = f"At most {_AT_ONCE} requests of the PBX go at the same time. Retry."
            raise Refused(503, "sandbox_busy", words)
        try:
            line = Line(new_id("line"), said[0], said[1], clock.now_ms())
            self.chats.add(customer, line)
            line.answered = self._status(url, headers, body)
            return line
        finally:
            self._places.release()

    def _status(self, url: str, headers: Mapping[str, str], body: Mapping[str, object]) -> int:
        headers = {"Content-Type": "application/json", "User-Agent": "sandbox-3cx", **headers}
        try:
            answer = self._pool.request(
                "POST", url, body=orjson.dumps(body), headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return 0
        # To 3CX, success without a body is none.
        return answer.status if answer.data else 0

    @property
    def _listening(self) -> TrunkListener:
        if self._listener is None:
            raise RuntimeError("The PBX has no address before it is started.")
        return self._listener

    @property
    def _connected(self) -> Trunk:
        if self.trunk is None:
            raise Refused(409, "no_trunk", "The 3CX has no trunk yet. Try again in a moment.")
        return self.trunk
