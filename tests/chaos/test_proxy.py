"""The network of the fault runs: what it carries, and what it does to it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from core import clock
from tests.chaos.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A way to somebody who answers every message with the same."""
    with socket.create_server(("127.0.0.1", 0)) as echo:
        threading.Thread(target=_answer, args=(echo,), daemon=True).start()
        way = Proxy(echo.getsockname()[1])
        yield way
        way.close()
        echo.shutdown(socket.SHUT_RDWR)


def _answer(echo: socket.socket) -> None:
    def repeat(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            while said := connection.recv(65_536):
                connection.sendall(said)

    while True:
        try:
            connection, _ = echo.accept()
        except OSError:
            return
        threading.Thread(target=repeat, args=(connection,), daemon=True).start()


def called(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def heard(connection: socket.socket, said: bytes = b"hello") -> bytes:
    connection.sendall(said)
    got = b""
    while len(got) < len(said):
        got += connection.recv(65_536)
    return got


def test_it_carries_everything_both_ways(proxy: Proxy) -> None:
    with called(proxy) as one, called(proxy) as other:
        assert heard(one, b"x" * 1_000_000) == b"x" * 1_000_000
        assert heard(other) == b"hello"


def test_an_end_that_hangs_up_is_heard_at_the_other(proxy: Proxy) -> None:
    with called(proxy) as connection:
        heard(connection)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_a_cut_resets_what_stands_and_what_comes_until_it_heals(proxy: Proxy) -> None:
    with called(proxy) as before:
        heard(before)
        proxy.cut()
        with pytest.raises(ConnectionError):
            before.recv(1)
    with pytest.raises(ConnectionError), called(proxy) as meanwhile:
        meanwhile.recv(1)
    proxy.heal()
    with called(proxy) as after:
        assert heard(after) == b"hello"


def test_silence_holds_everything_back_and_loses_nothing(proxy: Proxy) -> None:
    with called(proxy) as connection:
        heard(connection)
        proxy.silence()
        connection.sendall(b"anybody?")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.heal()
        connection.settimeout(5)
        assert connection.recv(65_536) == b"anybody?"


def test_a_slow_network_takes_its_time(proxy: Proxy) -> None:
    with called(proxy) as connection:
        heard(connection)
        proxy.slow(0.1)
        began = clock.monotonic()
        assert heard(connection) == b"hello"
        assert clock.monotonic() - began >= 0.2


def test_where_nobody_listens_a_connection_is_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        way = Proxy(gone.getsockname()[1])
    with pytest.raises(ConnectionError), called(way) as connection:
        connection.recv(1)
    way.close()
