"""HTTP as the tests speak it: nothing is mended on the way, and nothing of an answer is lost."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Self

Address = tuple[str, int]
Headers = Sequence[tuple[str, str | bytes]]

_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Answer:
    """What came back, with the headers in their order."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def read(cls, response: HTTPResponse) -> Self:
        """Take a whole answer off the wire."""
        body = response.read()
        return cls(response.status, response.reason, tuple(response.getheaders()), body)

    def json(self) -> Any:
        """The body, which must say that it is JSON."""
        assert self.header("Content-Type") == "application/json", self
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """A header's value, where there is one."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def timeless(self) -> tuple[object, ...]:
        """Everything of the answer but its Date."""
        headers = tuple(each for each in self.headers if each[0].lower() != "date")
        return self.status, self.reason, headers, self.body

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of a refusal, which must have the one shape that refusals have."""
        said = self.json()
        assert said["success"] is False, said
        assert set(said) <= {"success", "error", "message", "details"}, said
        assert isinstance(said["message"], str)
        assert said["message"], said
        assert "Traceback" not in self.body.decode()
        return self.status, said["error"]


def ask(
    address: Address,
    method: str,
    path: str,
    headers: Headers | None = None,
    body: bytes | Iterable[bytes] | None = None,
) -> Answer:
    """One request over a connection of its own; a body in pieces goes out chunked."""
    connection = HTTPConnection(*address, timeout=_PATIENCE_S)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers or []:
            connection.putheader(name, value)
        chunked = body is not None and not isinstance(body, bytes)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body, encode_chunked=chunked)
        return Answer.read(connection.getresponse())
    finally:
        connection.close()


def exchange(address: Address, *pieces: bytes, method: str = "POST", ends: bool = False) -> Answer:
    """Send bytes as they are, and read one answer; `ends` closes our side of the connection."""
    with socket.create_connection(address, timeout=_PATIENCE_S) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        return answer_on(connection, method=method)


def answer_on(connection: socket.socket, *, method: str = "POST") -> Answer:
    """Read the next answer on a connection."""
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Answer.read(response)
    finally:
        response.close()
