"""One HTTP request that ends by its deadline and knows whether it left the house."""

import http.client
import io
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from core import clock, crash
from workers.providers.provider import ProviderError, Way

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CONNECT_S = 3.0
READ_S = 10.0
MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is empty when it could not be read whole, or was too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _StoppedError(Exception):
    """The caller's own exception, carried past urllib3, which would wrap some kinds."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


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


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_managers: dict[int, urllib3.PoolManager] = {}


def _pools() -> urllib3.PoolManager:
    """The pools of this process: a forked child must not write into its parent's connections."""
    pid = os.getpid()
    # `setdefault` lets one thread win without a lock, which a fork could leave locked for ever.
    return _managers.get(pid) or _managers.setdefault(pid, _new_pools())


def _new_pools() -> urllib3.PoolManager:
    context = ssl.create_default_context()
    manager = urllib3.PoolManager(num_pools=32, maxsize=64, block=False, ssl_context=context)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    deadline: float,
    before_bytes: Callable[[], None] | None = None,
) -> Answer:
    """POST once: no retry, no redirect, an answer of at most 65,536 bytes.

    Connecting has 3 s for each of the host's addresses, each read 10 s, and everything ends at
    `deadline` (`clock.monotonic()` seconds). Only the system's name lookup cannot be cut short;
    when it comes too late, nothing is written.

    Raises:
        ProviderError: without an answer; `maybe_sent` when bytes may have left.
        Exception: whatever `before_bytes` raised; nothing was written.
    """
    call = _Call(deadline, before_bytes)
    token = _call.set(call)
    try:
        return _exchange(call, url, headers, body)
    except _StoppedError as stopped:
        reason: Exception = stopped.reason
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as failure:
        reason = _meaning(call, failure)
    finally:
        _call.reset(token)
    # Raised out here, so that no context drags the address, token or body into a traceback.
    raise reason


def _exchange(call: _Call, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    if not url.startswith(("http://", "https://")):
        raise ValueError("not a web address")
    response = _pools().request(
        "POST",
        url,
        body=body,
        headers=headers,
        timeout=urllib3.Timeout(connect=call.patience_s(CONNECT_S), read=READ_S),
        retries=False,
        redirect=False,
        preload_content=False,
    )
    try:
        content = response.read(MAX_BODY_BYTES + 1)
    except (HTTPError, OSError):
        content = b""
    finally:
        response.close()
    crash.point("after", "request")
    readable = content if len(content) <= MAX_BODY_BYTES else b""
    return Answer(response.status, response.headers, readable)


def _meaning(call: _Call, failure: Exception) -> ProviderError:
    if call.written:
        broke = "the connection broke after the request was sent"
        return ProviderError(broke, maybe_sent=True, way=Way.BROKEN)
    if isinstance(failure, ValueError):
        return ProviderError("the instance's address or token cannot be used", pause=True)
    return ProviderError("WhatsApp could not be reached", way=Way.BROKEN)
