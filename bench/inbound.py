"""How fast customers' messages come into 3CX, and what a dead 3CX costs a neighbour's.

Runs the real program, with 3CX trunks behind it. First Meta posts a thousand messages at once:
measured is how long the webhook takes to answer, and how many messages a second arrive at the
trunk. Then one account's customers write to a trunk that takes connections and never answers, while
another account's customer writes every 250 ms to a trunk that works: measured is the time from
Meta's post to the arrival at that trunk.

    python -m bench.inbound [--flood 10000] [--backend embedded|servers] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import itertools
import json
import os
import socket
import tempfile
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import models
from bench.neighbour import EVERY_S, UNLIMITED, spread
from core import clock
from core.config import Settings
from models import provisioning
from models.destination import Kind, Route
from models.forward import Forward, ForwardState
from models.inbound_item import InboundItem
from tests.gateway import Gateway
from tests.servers import Postgres, Redis
from tests.wire import ask

AT_ONCE = 1_000
PEOPLE = 250
IDLE_MESSAGES = 80
KEY = "bench-key"
LONGEST_S = 300.0
TAKEN = 200
SETTINGS = {
    "LOG_LEVEL": "ERROR",
    "ENVIRONMENT": "development",
    "SANDBOX_HOSTS": "127.0.0.1",
    "BACKLOG_MAX": "1000000",
}
_serial = itertools.count(1)


class Trunk:
    """A 3CX that takes every line and notes when it came."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        handler = type("Handler", (_Lines,), {"arrived": self.arrived})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self) -> str:
        """Its Webhook URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def stop(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._server.server_close()


class _Lines(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    arrived: dict[str, float]

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.arrived.setdefault(said["data"]["payload"]["text"], clock.monotonic())
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


class DeadTrunk:
    """Takes connections, and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._held.append(self._listener.accept()[0])

    @property
    def url(self) -> str:
        """Its Webhook URL."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def stop(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._held):
            each.close()


@dataclass
class Firm:
    """An account with a number and a 3CX, and Meta who tells what its customers write."""

    gateway: Gateway
    instance_id: str
    number_id: str
    people: list[str]

    @classmethod
    def settle(cls, gateway: Gateway, url: str, people: int = PEOPLE) -> Firm:
        """Set one up whose trunk has this address."""
        number_id = str(10**14 + next(_serial))
        account = provisioning.add_account("Acme", **UNLIMITED)
        keys = dict.fromkeys(("access_token", "app_secret", "verify_token"), KEY)
        instance = provisioning.add_instance(
            account.id, phone_number_id=number_id, base_url="http://127.0.0.1:9", **keys
        )
        made, _ = provisioning.add_integration(account.id, instance.id)
        routes = [Route(f"+96611{next(_serial):07}", instance.id)]
        provisioning.set_destination(made.id, Kind.THREECX_SMS, url, routes=routes)
        customers = [f"96655{next(_serial):07}" for _ in range(people)]
        return cls(gateway, instance.id, number_id, customers)

    def tell(self, texts: list[str]) -> float:
        """Have Meta post these messages at once; gives the seconds until it was answered."""
        body = json.dumps(self._told(texts)).encode()
        signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
        headers = [
            ("X-Hub-Signature-256", f"sha256={signature}"),
            ("Content-Type", "application/json"),
        ]
        began = clock.monotonic()
        path = f"/webhooks/whatsapp/{self.instance_id}"
        answer = ask(self.gateway.address, "POST", path, headers, body)
        took_s = clock.monotonic() - began
        if answer.status != TAKEN:
            raise RuntimeError(f"the webhook answered {answer.status}: {answer.body.decode()}")
        return took_s

    def _told(self, texts: list[str]) -> dict[str, Any]:
        at_s = str(clock.now_ms() // 1000)
        messages = [
            {
                "id": f"wamid.{next(_serial)}.{text}",
                "from": self.people[place % len(self.people)],
                "timestamp": at_s,
                "type": "text",
                "text": {"body": text},
            }
            for place, text in enumerate(texts)
        ]
        metadata = {"display_phone_number": "966110000000", "phone_number_id": self.number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, "messages": messages}
        change = {"field": "messages", "value": value}
        return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def throughput(gateway: Gateway) -> dict[str, Any]:
    """A thousand messages at once, into a trunk that takes them."""
    trunk = Trunk()
    firm = Firm.settle(gateway, trunk.url)
    firm.tell(["warm"])
    _wait(lambda: trunk.arrived)
    began = clock.monotonic()
    acknowledged_s = firm.tell([f"message {number}" for number in range(AT_ONCE)])
    _wait(lambda: len(trunk.arrived) > AT_ONCE)
    took_s = max(trunk.arrived.values()) - began
    trunk.stop()
    return {
        "messages": AT_ONCE,
        "acknowledged_ms": round(1000 * acknowledged_s, 1),
        "forwarded_s": round(took_s, 2),
        "per_s": round(AT_ONCE / took_s),
    }


def beside_a_dead_one(gateway: Gateway, flood: int) -> dict[str, Any]:
    """A neighbour's messages, alone and while another's trunk is dead and flooded."""
    trunk, dead = Trunk(), DeadTrunk()
    firm, flooded = Firm.settle(gateway, trunk.url, 40), Firm.settle(gateway, dead.url)
    idle = _waits(firm, trunk, "idle", lambda turn: turn < IDLE_MESSAGES)
    flooding = threading.Thread(target=_flood, args=(flooded, flood))
    flooding.start()
    untaken = InboundItem.select().where(InboundItem.state == "received")

    def goes_on(turn: int) -> bool:
        return flooding.is_alive() or untaken.count() > 1 or turn < IDLE_MESSAGES

    beside = _waits(firm, trunk, "beside", goes_on)
    settled = _waits(firm, trunk, "settled", lambda turn: turn < IDLE_MESSAGES)
    flooding.join()
    waiting = Forward.select().where(Forward.state != ForwardState.DELIVERED.value).count()
    trunk.stop()
    dead.stop()
    return {
        "flood": flood,
        "undelivered": waiting,
        "idle": spread(idle),
        "beside": spread(beside),
        "settled": spread(settled),
    }


def _flood(firm: Firm, messages: int) -> None:
    for start in range(0, messages, AT_ONCE):
        firm.tell([f"flood {start + number}" for number in range(AT_ONCE)])


def _waits(firm: Firm, trunk: Trunk, name: str, goes_on: Any) -> list[float]:
    """Tell one message after the other at a steady pace; seconds from each to its arrival."""
    told: dict[str, float] = {}
    for turn in itertools.count():
        if not goes_on(turn):
            break
        text = f"{name} {turn}"
        told[text] = clock.monotonic()
        threading.Thread(target=firm.tell, args=([text],)).start()
        clock.sleep(EVERY_S)
    _wait(lambda: told.keys() <= trunk.arrived.keys())
    return [trunk.arrived[text] - at for text, at in told.items()]


def _wait(ready: Any) -> None:
    ends = clock.monotonic() + LONGEST_S
    while not ready():
        if clock.monotonic() > ends:
            raise TimeoutError("it does not arrive")
        clock.sleep(0.01)


def run(backend: str, flood: int) -> dict[str, Any]:
    """Measure on a fresh gateway."""
    with tempfile.TemporaryDirectory() as kept, ExitStack() as running:
        folder = Path(kept)
        if backend == "servers":
            postgres, redis = Postgres.start(folder), Redis.start(folder)
            running.callback(postgres.stop)
            running.callback(redis.stop)
            stores = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url()}
            gateway = Gateway.servers(folder, postgres.url, redis.url(), **SETTINGS)
        else:
            stores = {"DATA_DIR": str(folder / "data")}
            gateway = Gateway.embedded(folder, **SETTINGS)
        running.callback(gateway.stop)
        models.start(Settings.from_environment(SETTINGS | stores))
        running.callback(models.stop)
        result = {"backend": backend, "at_once": throughput(gateway)}
        if flood:
            result["neighbour"] = beside_a_dead_one(gateway, flood)
        return result | {"load": [round(each, 1) for each in os.getloadavg()]}


def shown(result: dict[str, Any]) -> str:
    """The result for a person."""
    at_once = "{messages} messages at once: answered in {acknowledged_ms} ms, forwarded in "
    at_once += "{forwarded_s} s, {per_s} a second"
    lines = ["{backend}, load {load}".format(**result), at_once.format(**result["at_once"])]
    if "neighbour" in result:
        lines.append(f"{'':8}{'messages':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
        for name in ("idle", "beside", "settled"):
            row = result["neighbour"][name]
            cells = "".join(f"{row[key]:>9}" for key in ("replies", "p50_ms", "p99_ms", "max_ms"))
            lines.append(f"{name:8}{cells}")
        lines.append(
            "{undelivered} of {flood} wait for the dead trunk".format(**result["neighbour"])
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.inbound")
    parser.add_argument("--flood", type=int, default=10_000, help="messages; 0 leaves it out")
    parser.add_argument("--backend", choices=("embedded", "servers"), default="embedded")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = run(options.backend, options.flood)
    print(json.dumps(result, indent=2) if options.json else shown(result))


if __name__ == "__main__":
    main()
