"""A socket of the sandbox's own, on loopback.

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

_IDLE_S = 60
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time at all


class Loopback(ThreadingHTTPServer):
    """Serves on 127.0.0.1 with a thread per connection, from `start` to `stop`.

    Args:
        call: what answers a connection's requests.
        port: 0 picks a free one.
        name: of the thread.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, call: "type[LoopbackCall]", port: int, name: str) -> None:
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._serving = threading.Thread(
            target=self.serve_forever, args=(0.05,), name=name, daemon=True
        )
        super().__init__(("127.0.0.1", port), call)

    @property
    def origin(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", int(self.server_address[1])

    @property
    def base_url(self) -> str:
        """The address, without a path."""
        return "http://{}:{}".format(*self.origin)

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


class LoopbackCall(BaseHTTPRequestHandler):
    """What the calls of such a server share."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sandbox", ""
    timeout = _IDLE_S
    wbufsize = -1  # headers and body leave in one segment
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Say nothing: addresses and ids of people do not belong on standard error."""

    def body(self, at_most: int) -> bytes | None:
        """The request's body; None where its length is not said, or is more than this."""
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > at_most:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def hold(self, seconds: float) -> None:
        """Say nothing for a while; ConnectionAbortedError when the server stops meanwhile."""
        if seconds and cast("Loopback", self.server).stopping.wait(seconds):
            raise ConnectionAbortedError

    def reset(self) -> None:
        """End the connection with a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
