"""The trunk's webhook: what the gateway posts to, as the provider of its SMS."""

from typing import TYPE_CHECKING, Any, cast

import orjson

from app.sandbox.loopback import Loopback, LoopbackCall
from app.sandbox.threecx.chats import Line, Who
from app.sandbox.threecx.health import Health
from core import clock

if TYPE_CHECKING:
    from app.sandbox.threecx.pbx import Pbx

_BODY_BYTES = 64 * 1024
_TOO_SLOW_S = 12  # longer than the gateway waits for a word


class TrunkListener(Loopback):
    """Serves the Webhook URL of the trunk."""

    def __init__(self, pbx: "Pbx") -> None:
        self.pbx = pbx
        super().__init__(_Call, 0, "sandbox-3cx")


class _Call(LoopbackCall):
    def do_POST(self) -> None:  # noqa: N802 (as http.server names it)
        pbx = cast("TrunkListener", self.server).pbx
        health = pbx.health
        if health is Health.AWAY:
            self.reset()
            return
        raw = self.body(_BODY_BYTES)
        if health is Health.FAILING:
            self._answer(503)
        elif self.path != pbx.path:
            self._answer(404)
        else:
            self._answer(self._take(raw, pbx, slow=health is Health.SLOW))

    def _take(self, raw: bytes | None, pbx: "Pbx", *, slow: bool) -> int:
        try:
            told: Any = orjson.loads(raw or b"")
            payload = told["data"]["payload"]
            line = Line(payload["id"], Who.CUSTOMER, payload["text"], clock.now_ms())
            customer, did = payload["from"]["phone_number"], payload["to"][0]["phone_number"]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
            return 400
        if pbx.trunk is None or did != pbx.trunk.did:
            return 422
        pbx.chats.add(customer, line)
        self.hold(_TOO_SLOW_S if slow else 0)
        return 200

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
