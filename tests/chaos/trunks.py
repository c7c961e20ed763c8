"""The 3CX systems of a run: a trunk for each WhatsApp number, their faults, and their journal."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.chaos.history import Record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_OK = b'{"ok": true}'
_RESET = struct.pack("ii", 1, 0)  # a close with RST instead of FIN


@dataclass(frozen=True)
class Trouble:
    """How a trunk fails.

    Args:
        status: what it answers; 0 for a reset instead of an answer.
        takes: whether the agent reads the line all the same.
        wait_s: how long it is silent before.
        location: where a redirect would lead.
        retry_after_s: how long it asks to wait.
        twice: whether it says everything twice.
        away: whether it hangs up before it has heard anything.
    """

    status: int = 200
    takes: bool = False
    wait_s: float = 0.0
    location: str = ""
    retry_after_s: int = 0
    twice: bool = False
    away: bool = False


class Trunks:
    """One server with a path for each number's trunk.

    Its journal has a line for each request that was heard whole: the id, the line and the customer,
    what was answered (0: nothing), and whether the agent has it.
    """

    def __init__(self, journal: Path) -> None:
        self._record = Record(journal)
        self._troubles: dict[str, Trouble] = {}
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"trunks": self})
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._released = threading.Event()

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._record.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def url(self, instance_id: str) -> str:
        """The Webhook URL of a number's trunk."""
        return f"http://127.0.0.1:{self.port}/{instance_id}"

    def trouble(self, instance_ids: Iterable[str], trouble: Trouble) -> None:
        """Have the trunks of these numbers fail like this, until they are well again."""
        self._troubles |= dict.fromkeys(instance_ids, trouble)

    def heal(self) -> None:
        """Have all of them work."""
        self._troubles = {}

    def trouble_of(self, instance_id: str) -> Trouble:
        """How it fails at the moment; by default it does not."""
        return self._troubles.get(instance_id, Trouble(takes=True))

    def hear(self, instance_id: str, said: dict[str, Any], trouble: Trouble) -> None:
        """Write down what was heard, and be silent for as long as the trouble says."""
        payload = said["data"]["payload"]
        self._record.write(
            "told",
            instance_id=instance_id,
            forward_id=said["data"]["id"],
            customer=payload["from"]["phone_number"],
            text=payload["text"],
            status=trouble.status,
            taken=trouble.takes,
        )
        self._released.wait(trouble.wait_s)


class _Handler(BaseHTTPRequestHandler):
    trunks: Trunks
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        trouble = self.trunks.trouble_of(self.path.strip("/"))
        if trouble.away:
            self._hang_up()
            return
        length = int(self.headers.get("Content-Length", "0"))
        raw = self.rfile.read(length)
        if len(raw) < length:
            self._hang_up()  # who wrote it died
            return
        with suppress(ValueError):  # our run is over
            self.trunks.hear(self.path.strip("/"), json.loads(raw), trouble)
        if not trouble.status:
            self._hang_up()
            return
        for _ in range(1 + trouble.twice):
            self._answer(trouble)

    def _answer(self, trouble: Trouble) -> None:
        self.send_response(trouble.status)
        if trouble.location:
            self.send_header("Location", trouble.location)
        if trouble.retry_after_s:
            self.send_header("Retry-After", str(trouble.retry_after_s))
        self.send_header("Content-Length", str(len(_OK)))
        self.end_headers()
        self.wfile.write(_OK)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()

    def handle(self) -> None:
        with suppress(OSError, ValueError):  # the gateway's processes are killed, too
            super().handle()

    def log_message(self, *_: object) -> None:
        pass
