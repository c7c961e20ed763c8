"""A sandbox between two peers over real sockets: a door served by waitress, and a fake gateway."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import falcon
import urllib3
import waitress
from waitress import wasyncore

from app.sandbox import Number, Sandbox
from core import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECRET, TOKEN, NUMBER_ID = "test-app-secret", "EAAtest", "106540352242922"
CUSTOMER, KEY = "+966500000001", "966500000001"


class Gateway:
    """Takes webhooks, checks their signature as the vector does, and answers as it is told."""

    def __init__(self) -> None:
        self.posts: list[tuple[bytes, dict[str, str]]] = []
        self.answers: deque[int] = deque()
        self.open = threading.Event()
        self.open.set()
        self._changed = threading.Condition()
        gateway = self

        class Call(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.open.wait(5)
                with gateway._changed:
                    gateway.posts.append((raw, dict(self.headers)))
                    gateway._changed.notify_all()
                status = gateway.answers.popleft() if gateway.answers else 200
                body = b"taken" if status == 200 else b"not today"
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Tests speak for themselves."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Call)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/whatsapp/inst_1"

    def webhooks(self) -> list[dict[str, Any]]:
        """What came, each with a signature over its very bytes."""
        for raw, headers in self.posts:
            expected = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
            assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
        return [json.loads(raw) for raw, _ in self.posts]

    def values(self, kind: str) -> list[dict[str, Any]]:
        """The `messages` or `statuses` that came, in order."""
        changes = [webhook["entry"][0]["changes"][0]["value"] for webhook in self.webhooks()]
        return [item for value in changes for item in value.get(kind, ())]

    def wait(self, ready: Callable[[Gateway], bool], seconds: float = 5) -> None:
        """Wait until something is true; it is asked again after each webhook."""
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self), seconds), self.posts

    def statuses(self, count: int) -> list[str]:
        """The first statuses, once so many have come."""
        self.wait(lambda gateway: len(gateway.values("statuses")) >= count)
        return [status["status"] for status in self.values("statuses")]


@dataclass
class World:
    """The sandbox, the fake gateway behind it, and a person with an HTTP client."""

    sandbox: Sandbox
    gateway: Gateway
    door: str
    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=5)
    )

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask the sandbox's own API."""
        return self.http.request(
            method, f"{self.door}/sandbox/{path}", json=body, headers=headers or None
        )

    def write(self, text: str = "hello", customer: str = CUSTOMER, **more: Any) -> Any:
        """The customer writes."""
        path = f"api/customers/{quote(customer)}/messages"
        return self.api("POST", path, {"text": text, **more})

    def send(self, **changes: Any) -> Any:
        """The business sends a text; None takes a parameter out."""
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": CUSTOMER,
            "type": "text",
            "text": {"body": "Good morning", "preview_url": False},
            **changes,
        }
        return self.post({key: value for key, value in body.items() if value is not None})

    def post(self, body: Any, *, token: str = TOKEN, number_id: str = NUMBER_ID) -> Any:
        """Call the Graph API as an instance does."""
        url = f"{self.sandbox.base_url}/v26.0/{number_id}/messages"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.request("POST", url, json=body, headers=headers)

    def until(self, ready: Callable[[], bool], seconds: float = 5) -> None:
        """Wait until something is true that no webhook tells of."""
        ends = clock.monotonic() + seconds
        while not ready():
            assert clock.monotonic() < ends
            clock.sleep(0.01)

    def received(self) -> list[dict[str, Any]]:
        """What WhatsApp accepted."""
        received: list[dict[str, Any]] = self.api("GET", "api/received").json()["received"]
        return received

    def chat(self, customer: str = CUSTOMER) -> list[dict[str, Any]]:
        """What stands on the customer's phone."""
        answer = self.api("GET", f"api/customers/{quote(customer)}/messages")
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages


@contextmanager
def a_world(journal: Path | None = None) -> Iterator[World]:
    """Start everything on fresh ports, and end it."""
    gateway, sandbox, app = Gateway(), Sandbox(journal=journal), falcon.App()
    sandbox.register(Number(NUMBER_ID, "+966110000000", TOKEN, SECRET, gateway.url))
    sandbox.add_routes(app)
    serving = threading.Thread(target=gateway.server.serve_forever, args=(0.02,))
    serving.start()
    sandbox.start()
    with served(app) as door:
        world = World(sandbox, gateway, door)
        try:
            yield world
        finally:
            world.http.clear()
            sandbox.stop()
            gateway.server.shutdown()
            gateway.server.server_close()
            serving.join()


@contextmanager
def served(app: falcon.App[Any, Any]) -> Iterator[str]:
    """The app under waitress on a fresh port; nothing of it is left behind."""
    sockets: dict[int, Any] = {}
    door = waitress.create_server(app, map=sockets, host="127.0.0.1", port=0, threads=8)
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            wasyncore.loop(timeout=0.02, map=sockets, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{door.effective_port}"
    finally:
        stopping.set()
        thread.join()
        door.task_dispatcher.shutdown()
        wasyncore.close_all(sockets)
