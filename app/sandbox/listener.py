"""The emulator's own socket, on loopback.

Not a route of the app, for two reasons: under a WSGI server nobody can reset a connection or
drip an answer, and a fault that hangs must not hold one of the threads the gateway answers with.
"""

import contextlib
import re
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from app.sandbox.errors import MetaError, invalid
from app.sandbox.faults import NO_FAULT, Fault, Faults
from app.sandbox.graph import Graph
from app.sandbox.post import Post
from app.sandbox.request import Send

_BODY_BYTES = 256 * 1024
_IDLE_S = 60
_GARBAGE = b"<html><body>Sorry, something went wrong.</body></html>"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time at all


class Listener(ThreadingHTTPServer):
    """Serves the Graph API on 127.0.0.1 with a thread per connection, from `start` to `stop`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, graph: Graph, faults: Faults, post: Post, port: int) -> None:
        self.graph, self.faults, self.post = graph, faults, post
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._serving = threading.Thread(
            target=self.serve_forever, args=(0.05,), name="sandbox-graph", daemon=True
        )
        super().__init__(("127.0.0.1", port), _Call)

    @property
    def base_url(self) -> str:
        """What an instance uses in place of https://graph.facebook.com."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Answer calls from now on."""
        self._serving.start()

    def stop(self) -> None:
        """Close the socket and every connection, also those that a fault holds."""
        self.stopping.set()
        self.shutdown()
        self._serving.join()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `stop` can end it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close without the parent's polite FIN first: a lingering time of zero means a reset."""
        self.close_request(request)

    def close_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        self._open.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news; anything else is told as any thread's crash is."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sandbox", ""
    timeout = _IDLE_S
    wbufsize = -1  # headers and body leave in one segment
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        try:
            self._serve(self._body())
        except MetaError as error:
            self._answer(error.status, error.body())

    def do_GET(self) -> None:
        self.close_connection = True  # whatever body there is stays unread
        self._answer(404, invalid("Unsupported get request.").body())

    do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing: addresses and ids of people do not belong on standard error."""

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > _BODY_BYTES:
            self.close_connection = True
            raise invalid("The request needs a Content-Length of at most 256 KB.")
        return self.rfile.read(int(length))

    def _serve(self, raw: bytes) -> None:
        server = self._server
        number, asked = server.graph.judge(self.path, self.headers.get("Authorization"), raw)
        if not isinstance(asked, Send):
            self._answer(200, server.graph.mark_read(number, asked))
            return
        fault = server.faults.take(asked.customer)
        self._hold(fault.delay_ms / 1000)
        if fault.timeout == "before":
            self._hold(fault.seconds)
        if "before" in (fault.timeout, fault.reset):
            self._reset()
            return
        wamid, body = server.graph.take(number, asked, fault) if fault.takes else ("", b"")
        server.post.report(wamid)
        if fault.reset == "after":
            self._reset()
            return
        if fault.timeout == "after":
            self._hold(fault.seconds)
        self._settle(fault, body)

    def _settle(self, fault: Fault, body: bytes) -> None:
        if fault.garbage or (fault.error is None and fault.status is not None):
            self._answer(fault.status or 200, _GARBAGE, fault)
        elif fault.error is not None:
            error = MetaError(fault.error, "As the sandbox was told.")
            self._answer(fault.status or error.status, error.body(), fault)
        else:
            self._answer(200, body, fault)

    def _answer(self, status: int, body: bytes, fault: Fault = NO_FAULT) -> None:
        self.send_response(status)
        kind = "text/html" if body is _GARBAGE else "application/json"
        self.send_header("Content-Type", f"{kind}; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        if fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        pause_s = fault.seconds / len(body) if fault.slow_bytes else 0
        for piece in (body[at : at + 1] for at in range(len(body))) if pause_s else (body,):
            self._hold(pause_s)
            self.wfile.write(piece)
            self.wfile.flush()

    def _hold(self, seconds: float) -> None:
        if seconds and self._server.stopping.wait(seconds):
            raise ConnectionAbortedError

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    @property
    def _server(self) -> Listener:
        return cast("Listener", self.server)
