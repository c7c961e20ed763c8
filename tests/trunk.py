"""A 3CX over a real socket, as far as the gateway sees one: its trunk's SMS webhook, and faults."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from models import provisioning
from models.destination import Kind, Route
from workers import wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.journey import Journey

DID = "+966112000000"


@dataclass(frozen=True)
class Heard:
    """One request that came, whatever it was answered."""

    path: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes
    status: int

    @property
    def id(self) -> str:
        """The id of the news in it, of either kind."""
        found: str = self.body.get("event_id") or self.body["data"]["id"]
        return found

    @property
    def text(self) -> str:
        """The line that an agent reads."""
        found: str = (
            self.body["text"] if "text" in self.body else self.body["data"]["payload"]["text"]
        )
        return found


@dataclass
class Trunk:
    """Takes what the gateway tells, and fails as it is told to.

    `answers` are used up one a request, each a status, or a number of seconds to stay silent
    before 200; after them everything is taken.
    """

    answers: list[int | float] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"ok": true}'
    destination_id: str = ""

    def __post_init__(self) -> None:
        """Listen on a port of loopback."""
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The Webhook URL that 3CX shows."""
        return f"http://127.0.0.1:{self.port}/sms/trunk-secret"

    @property
    def taken(self) -> list[Heard]:
        """What was answered with success, in order."""
        return [each for each in self.heard if each.status // 100 == 2]

    @property
    def texts(self) -> list[str]:
        """The lines that agents read, in order."""
        return [each.text for each in self.taken]

    def answer(self) -> int:
        """The next answer, after its silence."""
        with self._lock:
            following = self.answers.pop(0) if self.answers else 200
        if isinstance(following, float):
            self._released.wait(following)
            return 200
        return following

    def close(self) -> None:
        """Answer nobody any more."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(trunk: Trunk) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status = trunk.answer()
            trunk.heard.append(Heard(self.path, dict(self.headers), json.loads(raw), raw, status))
            self.send_response(status)
            for name, value in trunk.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(trunk.body)))
            self.end_headers()
            self.wfile.write(trunk.body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def trunk(journey: Journey) -> Iterator[Trunk]:
    """The 3CX of the journey's site, which may be reached although it is on loopback."""
    trunk = Trunk()
    wire.Outside.origins = frozenset({("127.0.0.1", trunk.port)})
    chat = provisioning.set_destination(
        journey.site.integration_id,
        Kind.THREECX_SMS,
        trunk.url,
        routes=[Route(DID, journey.site.instance_id)],
    )
    trunk.destination_id = chat.id
    try:
        yield trunk
    finally:
        wire.Outside.origins = frozenset()
        trunk.close()
