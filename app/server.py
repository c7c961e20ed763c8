"""waitress: sockets, bounds, refusals in our shape, and a drain on SIGTERM."""

# waitress is untyped: its classes are Any to the type checker.
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import orjson
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from app.answers import refusal
from core.errors import ErrorCode, UsageError

# Above every bound of ours, so that a body too large is refused by the door, in its order.
_BODY_BYTES = 12 * 1024 * 1024
_REQUEST_S = 30
_LOOK_EVERY_S = 5
_CONNECTIONS = 1_000
_LOOP_S = 1.0
_DRAIN_LOOP_S = 0.05


STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
RECIPIENT = "gateway.recipient"  # in the WSGI environment: a `Recipient`


class _RequestTimeout(Error):  # type: ignore[misc]
    """A request that did not come completely in time."""

    code = 408
    reason = "Request Timeout"


_CODES = {
    408: ErrorCode.REQUEST_TIMEOUT,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    500: ErrorCode.INTERNAL_ERROR,
}


class _Refusal(ErrorTask):  # type: ignore[misc]
    """What the server itself refuses, in the shape of every other refusal."""

    def execute(self) -> None:
        error = self.request.error
        body = orjson.dumps(refusal(_CODES.get(error.code, ErrorCode.BAD_REQUEST)))
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """A parser that refuses, too, the heads that would otherwise end a connection silently."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("a length or an address that is none") from None


class Recipient:
    """Who waits for an answer, as the application sees them in the environment, under RECIPIENT."""

    def __init__(self, channel: "_Channel") -> None:
        self._channel = channel
        self.when_done: Callable[[bool], None] | None = None
        """Called in the thread of the request when all is over: was a success written to them?"""

    @property
    def has_gone(self) -> bool:
        """Whether they have closed the connection, or their side of it."""
        try:
            return bool(self._channel.socket.recv(1, socket.MSG_PEEK) == b"")
        except BlockingIOError:
            return False
        except OSError:
            return True


class _Task(WSGITask):  # type: ignore[misc]
    """A request whose application may ask what became of its answer."""

    _recipient: Recipient | None = None
    _is_heard = _is_written = False

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        self._recipient = environ[RECIPIENT] = Recipient(self.channel)
        return environ

    def service(self) -> None:
        try:
            super().service()
        finally:
            if self._recipient is not None and self._recipient.when_done is not None:
                self._recipient.when_done(self._is_written)

    def build_response_header(self) -> bytes:
        if self._recipient is not None and self._recipient.when_done is not None:
            # The system takes the first bytes for somebody who has gone, too.
            self._is_heard = self.status.startswith("2") and not self._recipient.has_gone
        return bytes(super().build_response_header())

    def finish(self) -> None:
        super().finish()
        if self._is_heard:
            self._is_written = self.channel.has_sent_all


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that knows since when its request has been coming in."""

    parser_class = _Parser
    task_class = _Task
    error_task_class = _Refusal
    request: Any
    began_at: float | None = None
    _stuck_at = 0.0

    def received(self, data: bytes) -> Any:
        taken = super().received(data)
        if self.request is None:
            self.began_at = None
        elif self.began_at is None:
            self.began_at = time.monotonic()
        return taken

    def give_up_if_slow(self) -> None:
        """Refuse a request that has been coming in for too long, whatever it drips."""
        with self.requests_lock:
            if self.began_at is None or time.monotonic() - self.began_at < self.server.request_s:
                return
            late, self.request, self.began_at = self.request, None, None
            late.error = _RequestTimeout("The request did not arrive in time.")
            late.completed = True
            self.requests.append(late)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def let_go_if_stuck(self, now: float) -> None:
        """Close on somebody who takes nothing of an answer: thread and buffers are for others, too.

        A browser whose user pauses a film reads no more, and may leave it so for days.
        """
        if not self.total_outbufs_len or self.last_activity >= self._stuck_at:
            self._stuck_at = now
        elif now - self._stuck_at >= self.server.request_s:
            self.handle_close()

    @property
    def has_sent_all(self) -> bool:
        """Whether all that was written is in the hands of the system, and the connection holds."""
        with self.outbuf_lock:  # a broken one is closed, and emptied, by the thread of the sockets
            return bool(self.connected and not self.will_close and not self.total_outbufs_len)

    @property
    def idle(self) -> bool:
        """Whether nothing is being read, worked on or written."""
        return not self.requests and self.request is None and not self.total_outbufs_len


class Server(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket and its threads.

    Args:
        app: the WSGI application.
        host: address or name to listen on.
        port: 0 picks a free one; `effective_port` tells which.
        threads: that answer requests.
        request_s: how long a request may take to arrive.

    Raises:
        UsageError: the address cannot be listened on.
    """

    channel_class = _Channel

    def __init__(
        self,
        app: Callable[..., Any],
        host: str,
        port: int,
        threads: int,
        request_s: float = _REQUEST_S,
    ) -> None:
        self.request_s = request_s
        try:
            adjustments = Adjustments(
                host=host,
                port=port,
                threads=threads,
                ident=None,
                max_request_body_size=_BODY_BYTES,
                channel_timeout=request_s,
                cleanup_interval=min(_LOOK_EVERY_S, request_s / 4),
                connection_limit=_CONNECTIONS,
                asyncore_use_poll=True,
                clear_untrusted_proxy_headers=False,
            )
            super().__init__(app, adj=adjustments, sockinfo=_first_v4(adjustments.listen))
        except (OSError, ValueError) as failure:
            why = (getattr(failure, "strerror", None) or str(failure)).rstrip(".")
            raise UsageError(
                f"Cannot listen on {host} port {port}: {why}. "
                "Choose another with HOST and PORT, or --host and --port."
            ) from None
        self._stopping = threading.Event()

    def maintenance(self, now: float) -> None:
        """See to connections that have stood still, or drip."""
        # First, since what has an answer to come is not closed as idle.
        for channel in list(self.active_channels.values()):
            channel.give_up_if_slow()
            channel.let_go_if_stuck(now)
        super().maintenance(now)

    def request_stop(self) -> None:
        """Have `serve` drain and return; safe from a signal handler and from any thread."""
        if self._stopping.is_set():
            return  # the trigger may be closed by now, and a drain is not to be broken off
        self._stopping.set()
        self.pull_trigger()

    def serve(self, grace_s: float) -> None:
        """Answer requests until asked to stop; then finish those in hand.

        Args:
            grace_s: how long they have.
        """
        while not self._stopping.is_set():
            self._loop(_LOOP_S)
        self._stop_listening()
        until = time.monotonic() + grace_s
        while self._busy() and time.monotonic() < until:
            self._loop(_DRAIN_LOOP_S)
        self.task_dispatcher.shutdown(timeout=max(0.1, until - time.monotonic()))
        wasyncore.close_all(self._map)

    def _loop(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=True, map=self._map, count=1)

    def _stop_listening(self) -> None:
        self.accepting = False
        self.del_channel(self._map)
        self.socket.close()

    def _busy(self) -> bool:
        for channel in list(self.active_channels.values()):
            if channel.idle:
                channel.handle_close()
        return bool(self.active_channels)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` at SIGTERM and at Ctrl-C; a second Ctrl-C ends the process at once."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        stop()

    for number in STOP_SIGNALS:
        signal.signal(number, handle)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _first_v4(listen: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    # A name such as localhost has two addresses; one socket takes the first IPv4 of them.
    return next((each for each in listen if each[0] == socket.AF_INET), listen[0])
