"""One HTTP request that ends by its deadline and knows whether it left the house.

Addresses that somebody else named (a destination, a file to send) are asked for `guarded`: each is
resolved once, held against the rules of core.egress, and connected to as resolved.
"""

import http.client
import io
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from core import clock, crash, egress
from core.config import IPNetwork
from core.errors import GatewayError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CONNECT_S = 3.0
READ_S = 10.0
MAX_BODY_BYTES = 65_536
_PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is empty when it could not be read whole, or was too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WireError(GatewayError):
    """There was no answer.

    Args:
        words: safe to show: nothing of the address or the body.
        written: whether bytes of the request may have left.
        unusable: whether the address itself cannot be used, or must not.
    """

    def __init__(self, words: str, *, written: bool = False, unusable: bool = False) -> None:
        super().__init__(words)
        self.written = written
        self.unusable = unusable


class TooLarge(WireError):
    """The answer has more bytes than are wanted."""


class _ForbiddenError(ValueError):
    """The address is one that nobody may have us reach."""


class Outside:
    """What guarded requests may reach beyond public addresses; set once at start.

    `private` are ranges that the operator allows. `origins` (host, port) are a sandbox of this
    process's own, `hosts` those of tests; both are on loopback, and never in production.
    """

    private: tuple[IPNetwork, ...] = ()
    origins: frozenset[tuple[str, int]] = frozenset()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def is_ours(cls, host: str, port: int | None) -> bool:
        """Whether this is a sandbox's address."""
        return host in cls.hosts or (host, port) in cls.origins


class _StoppedError(Exception):
    """The caller's own exception, carried past urllib3, which would wrap some kinds."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Iterable[bytes] | None
    guarded: bool


@dataclass(slots=True)
class _Call:
    deadline: float
    before_bytes: Callable[[], None] | None
    written: bool = False

    def patience_s(self, at_most: float) -> float:
        """The time one step on the socket may take."""
        left = self.deadline - clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, at_most)

    def begin(self) -> None:
        """Pass the last moment at which nothing has been written."""
        if self.before_bytes is not None:
            try:
                self.before_bytes()
            except Exception as reason:
                raise _StoppedError(reason) from reason
        self.patience_s(READ_S)
        crash.point("before", "request")
        self.written = True


# urllib3 makes the connections, so what belongs to a call reaches them by way of its thread.
_call: ContextVar[_Call] = ContextVar("_call")


class _PatientReader(io.RawIOBase):
    """Reads a socket within the call's time.

    A timeout of urllib3 counts each read anew, and a server that drips a byte now and then, be it
    in the status line, would hold a worker for ever.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock
        self._stream = sock.makefile("rb", buffering=0)
        self._call = _call.get()

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        self._sock.settimeout(self._call.patience_s(READ_S))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_PatientReader(sock), *args, **kwargs)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = _Response
    guarded = False

    def _new_conn(self) -> socket.socket:
        if not self.guarded or Outside.is_ours(self.host, self.port):
            return super()._new_conn()
        allowed = _allowed(self.host, self.port)
        named, failure = self._dns_host, None
        try:
            for each in allowed:
                self._dns_host = each
                try:
                    return super()._new_conn()
                except HTTPError as refused:
                    failure = refused
        finally:
            self._dns_host = named
        raise failure or _ForbiddenError

    def send(self, data: Any) -> None:
        call = _call.get()
        if not call.written:
            if self.is_closed:
                self.connect()
            call.begin()
        self.sock.settimeout(call.patience_s(READ_S))
        super().send(data)

    def getresponse(self) -> Any:
        crash.point("during", "request")
        return super().getresponse()


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _GuardedConnection(_Connection):
    guarded = True


class _GuardedTlsConnection(_TlsConnection):
    guarded = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTlsConnection


# A connection is used again without a look at where it leads: the two kinds never share one.
_CLASSES = {
    False: {"http": _Pool, "https": _TlsPool},
    True: {"http": _GuardedPool, "https": _GuardedTlsPool},
}
_managers: dict[tuple[int, bool], urllib3.PoolManager] = {}


def _pools(*, guarded: bool = False) -> urllib3.PoolManager:
    """The pools of this process: a forked child must not write into its parent's connections."""
    key = (os.getpid(), guarded)
    # `setdefault` lets one thread win without a lock, which a fork could leave locked for ever.
    return _managers.get(key) or _managers.setdefault(key, _new_pools(guarded=guarded))


def _new_pools(*, guarded: bool) -> urllib3.PoolManager:
    context = ssl.create_default_context()
    manager = urllib3.PoolManager(num_pools=32, maxsize=64, block=False, ssl_context=context)
    manager.pool_classes_by_scheme = _CLASSES[guarded]
    return manager


def _allowed(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if not addresses or not all(_may_reach(each) for each in addresses):
        raise _ForbiddenError
    return addresses


def _may_reach(address: str) -> bool:
    return egress.may_reach(ipaddress.ip_address(address.partition("%")[0]), Outside.private)


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes],
    deadline: float,
    before_bytes: Callable[[], None] | None = None,
    *,
    guarded: bool = False,
) -> Answer:
    """POST once: no retry, no redirect, an answer of at most 65,536 bytes.

    A body in pieces needs a Content-Length among the headers. Connecting has 3 s for each of the
    host's addresses, each read 10 s, and everything ends at `deadline` (`clock.monotonic()`
    seconds). Only the system's name lookup cannot be cut short; when it comes too late, nothing is
    written.

    Raises:
        WireError: without an answer.
        Exception: whatever `before_bytes` raised; nothing was written.
    """
    request = _Request("POST", url, headers, body, guarded)
    with _exchange(request, _Call(deadline, before_bytes)) as response:
        answer = _read_whole(response)
        crash.point("after", "request")
    return answer


def get(url: str, headers: Mapping[str, str], deadline: float, *, guarded: bool = False) -> Answer:
    """GET once, with the bounds of `post`.

    Raises:
        WireError: without an answer.
    """
    request = _Request("GET", url, headers, None, guarded)
    with _exchange(request, _Call(deadline, None)) as response:
        return _read_whole(response)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still to come; `length` in bytes, None when it does not say."""

    status: int
    headers: Mapping[str, str]
    length: int | None
    _response: urllib3.BaseHTTPResponse

    def pieces(self, at_most: int) -> Iterator[bytes]:
        """The body as it comes, in pieces of at most 65,536 bytes, none of them empty.

        Raises:
            WireError: it broke off, came too late, or is larger than `at_most` bytes.
        """
        size = 0
        while piece := self._piece():
            size += len(piece)
            if size > at_most:
                raise TooLarge("the answer is larger than allowed", written=True)
            yield piece

    def _piece(self) -> bytes:
        try:
            piece: bytes = self._response.read(_PIECE_BYTES, decode_content=False)
        except (HTTPError, OSError):
            pass
        else:
            return piece
        raise WireError("the answer broke off", written=True)


@contextmanager
def stream(
    url: str, headers: Mapping[str, str], deadline: float, *, guarded: bool = False
) -> Iterator[Stream]:
    """GET once, with the times of `post`, and read the body piece by piece while it is held.

    Raises:
        WireError: without an answer.
    """
    asked = {"Accept-Encoding": "identity", **headers}
    request = _Request("GET", url, asked, None, guarded)
    with _exchange(request, _Call(deadline, None)) as response:
        said = response.headers.get("Content-Length", "")
        length = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else None  # noqa: PLR2004 (digits of 64 bits)
        yield Stream(response.status, response.headers, length, response)


def _read_whole(response: urllib3.BaseHTTPResponse) -> Answer:
    try:
        content = response.read(MAX_BODY_BYTES + 1)
    except (HTTPError, OSError):
        content = b""
    readable = content if len(content) <= MAX_BODY_BYTES else b""
    return Answer(response.status, response.headers, readable)


@contextmanager
def _exchange(request: _Request, call: _Call) -> Iterator[urllib3.BaseHTTPResponse]:
    # What is read later knows its call by itself: a stream may end elsewhere than it began.
    token = _call.set(call)
    try:
        response = _answer(request, call)
    finally:
        _call.reset(token)
    try:
        yield response
    finally:
        response.close()


def _answer(request: _Request, call: _Call) -> urllib3.BaseHTTPResponse:
    try:
        if not request.url.startswith(("http://", "https://")):
            raise ValueError("not a web address")  # noqa: TRY301 (told apart below)
        return _pools(guarded=request.guarded).request(
            request.method,
            request.url,
            body=request.body,
            headers=request.headers,
            timeout=urllib3.Timeout(connect=call.patience_s(CONNECT_S), read=READ_S),
            retries=False,
            redirect=False,
            preload_content=False,
        )
    except _StoppedError as stopped:
        reason: Exception = stopped.reason
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as failure:
        reason = _meaning(call, failure)
    # Raised out here, so that no context drags the address, token or body into a traceback.
    raise reason


def _meaning(call: _Call, failure: Exception) -> WireError:
    if call.written:
        return WireError("the connection broke after the request was sent", written=True)
    if isinstance(failure, _ForbiddenError):
        words = "the address is not public, and PRIVATE_NETWORKS does not allow it"
        return WireError(words, unusable=True)
    if isinstance(failure, ValueError):
        return WireError("the address cannot be used", unusable=True)
    return WireError("nobody answers at the address")
