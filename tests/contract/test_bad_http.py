"""Whatever is not for us, or is no HTTP at all, is refused in the one shape of refusals."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from app.server import Server
from core import clock
from tests.pbx import encoded
from tests.wire import answer_on, ask, exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Address, Answer

WEBHOOK = "/integrations/3cx/webhook/int_00000000000000000000000000"
STATUS = WEBHOOK + "/events/evt_x"


def names_no_software(answer: Answer) -> bool:
    body = answer.body.decode().lower()
    return not any(each in body for each in ("waitress", "falcon", "python", "traceback", "<html"))


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/integrations", "/integrations/3cx", "//", "/healthz/", "/healthz/x",
     "/%00", "/%FF", "/..%2f..%2fetc/passwd", "/" + "x" * 10_000, "/?" + "q" * 10_000,
     "/wp-login.php"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_an_unknown_address_is_not_found(gateway: Gateway, method: str, path: str) -> None:
    answer = ask(gateway.address, method, path, [], b"{}" if method != "GET" else None)
    assert answer.refusal == (404, "not_found")
    assert names_no_software(answer)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(WEBHOOK, "POST"), (STATUS, "GET"), ("/healthz", "GET"), ("/openapi.json", "GET")],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE"])
def test_a_method_that_an_address_does_not_take_is_not_allowed(
    gateway: Gateway, path: str, allowed: str, method: str
) -> None:
    answer = ask(gateway.address, method, path)
    assert answer.status == 405
    assert allowed in (answer.header("Allow") or "")
    assert answer.header("Content-Type") == "application/json"
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert answer.refusal == (405, "method_not_allowed")


def test_a_get_of_the_webhook_is_not_allowed(pbx: Pbx) -> None:
    answer = ask(pbx.gateway.address, "GET", pbx.path, pbx.proof)
    assert answer.refusal == (405, "method_not_allowed")


def test_a_post_to_a_status_is_not_allowed(pbx: Pbx) -> None:
    answer = pbx.post(path=f"{pbx.path}/events/evt_x")
    assert answer.refusal == (405, "method_not_allowed")
    assert pbx.left_no_trace()


@pytest.mark.parametrize("path", [WEBHOOK, STATUS, "/healthz"])
def test_options_says_what_is_allowed(gateway: Gateway, path: str) -> None:
    answer = ask(gateway.address, "OPTIONS", path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Allow")
    assert answer.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("path", ["/nothing", "/integrations/3cx/webhook/a/b/c"])
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "GET"])
def test_other_methods_find_nothing_at_an_unknown_address(
    gateway: Gateway, method: str, path: str
) -> None:
    answer = ask(gateway.address, method, path)
    assert answer.status == 404
    assert answer.header("Content-Type") == "application/json"


@pytest.mark.parametrize("method", ["BREW", "post", "PROPFIND", "X" * 1_000])
def test_a_method_that_nobody_knows_is_refused(pbx: Pbx, method: str) -> None:
    answer = ask(pbx.gateway.address, method, pbx.path, pbx.proof, encoded(pbx.reply()))
    assert answer.refusal in {(400, "bad_request"), (405, "method_not_allowed")}
    assert pbx.left_no_trace()


def request(*lines: str | bytes) -> bytes:
    return b"\r\n".join([each if isinstance(each, bytes) else each.encode() for each in lines])


POST = f"POST {WEBHOOK} HTTP/1.1"
NO_HTTP = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "words": b"hello there\r\n\r\n",
    "one word": b"HELLO\r\n\r\n",
    "no such version": request(f"POST {WEBHOOK} HTTP/x.y", "Host: gw", "", ""),
    "another protocol": request(f"POST {WEBHOOK} GOPHER/1.1", "Host: gw", "", ""),
    "a header without a name": request(POST, ": value", "", ""),
    "a header without a colon": request(POST, "Host gw", "", ""),
    "a blank in a header's name": request(POST, "Content Length: 5", "", ""),
    "a folded header first": request(POST, " folded", "", ""),
    "a bare line feed": request(POST, b"X-A: b\nX-C: d", "", ""),
    "a bare carriage return": request(POST, b"X-A: b\rX-C: d", "", ""),
    "NUL in a header": request(POST, b"X-A: b\x00c", "", ""),
    "DEL in a header": request(POST, b"Idempotency-Key: a\x7fb", "", ""),
    "an address that is none": request("POST http://[ HTTP/1.1", "Host: gw", "", ""),
    "two lengths": request(POST, "Content-Length: 2", "Content-Length: 3", "", "{}"),
    "a length that is none": request(POST, "Content-Length: two", "", "{}"),
    "a negative length": request(POST, "Content-Length: -2", "", "{}"),
    "chunks without a size": request(POST, "Transfer-Encoding: chunked", "", "{}", "", ""),
    "a negative chunk": request(POST, "Transfer-Encoding: chunked", "", "-2", "{}", "0", "", ""),
    "a chunk longer than it says": request(
        POST, "Transfer-Encoding: chunked", "", "2", "{}}", "0", "", ""
    ),
}


@pytest.mark.parametrize("raw", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_a_bad_request(gateway: Gateway, raw: bytes) -> None:
    answer = exchange(gateway.address, raw)
    assert answer.refusal == (400, "bad_request")
    assert names_no_software(answer)


@pytest.mark.parametrize(
    "coding", ["gzip", "chunked, gzip", "gzip, chunked", "identity", "xchunked", "chunked\x0b"]
)
def test_another_transfer_coding_is_not_understood(gateway: Gateway, coding: str) -> None:
    raw = request(POST, f"Transfer-Encoding: {coding}", "", "2", "{}", "0", "", "")
    assert exchange(gateway.address, raw).refusal in {(501, "bad_request"), (400, "bad_request")}


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_headers_that_are_too_large_are_refused(gateway: Gateway, size: int) -> None:
    with socket.create_connection(gateway.address, timeout=10) as connection:
        connection.sendall(request(POST, "X-Large: ")[:-2])
        try:
            connection.sendall(b"x" * size + b"\r\n\r\n")
        except ConnectionError:
            assert size > 300_000  # we had been told, and went on
            return
        assert answer_on(connection).refusal == (431, "bad_request")


def test_one_request_is_never_taken_for_two(pbx: Pbx) -> None:
    """With a length and chunks, the chunks count, and what follows them is a request of its own."""
    hidden = f"POST {pbx.path} HTTP/1.1\r\n"
    raw = request(
        f"POST {pbx.path} HTTP/1.1",
        *(f"{name}: {value!s}" for name, value in pbx.proof),
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "",
        "0",
        "",
        hidden,
    )
    answer = exchange(pbx.gateway.address, raw)
    assert answer.refusal in {(400, "invalid_json"), (400, "bad_request")}
    assert pbx.left_no_trace()


def test_a_body_that_looks_like_a_request_stays_a_body(pbx: Pbx) -> None:
    inner = request(f"POST {pbx.path} HTTP/1.1", "Content-Length: 2", "", "{}")
    assert pbx.post(body=inner).refusal == (400, "invalid_json")
    assert pbx.left_no_trace()


def test_requests_may_follow_each_other_on_one_connection(pbx: Pbx) -> None:
    body = encoded({"event_type": "call_started"})
    raw = request(
        f"POST {pbx.path} HTTP/1.1",
        *(f"{name}: {value!s}" for name, value in pbx.proof),
        f"Content-Length: {len(body)}",
        "",
        body,
    )
    with socket.create_connection(pbx.gateway.address, timeout=10) as connection:
        for _ in range(3):
            connection.sendall(raw)
            assert answer_on(connection).status == 202
    assert len(pbx.events()) == 3


def test_a_body_may_be_announced_before_it_comes(pbx: Pbx) -> None:
    body = encoded(pbx.reply())
    head = request(
        f"POST {pbx.path} HTTP/1.1",
        *(f"{name}: {value!s}" for name, value in pbx.proof),
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        "",
        "",
    )
    with socket.create_connection(pbx.gateway.address, timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert answer_on(connection).status == 202


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_both_versions_of_http_are_spoken(pbx: Pbx, version: str) -> None:
    body = encoded(pbx.reply())
    raw = request(
        f"POST {pbx.path} {version}",
        *(f"{name}: {value!s}" for name, value in pbx.proof),
        f"Content-Length: {len(body)}",
        "",
        body,
    )
    assert exchange(pbx.gateway.address, raw).status == 202


def test_who_says_nothing_costs_nothing(gateway: Gateway) -> None:
    silent = [socket.create_connection(gateway.address, timeout=5) for _ in range(50)]
    try:
        assert gateway.get("/healthz").json() == {"status": "ok"}
    finally:
        for each in silent:
            each.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[Address]:
    """The gateway's own server, which gives a request one second to arrive instead of thirty."""

    def app(_environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    server = Server(app, "127.0.0.1", 0, threads=2, request_s=1.0)
    serving = threading.Thread(target=server.serve, args=(1.0,))
    serving.start()
    yield "127.0.0.1", server.effective_port
    server.request_stop()
    serving.join()


SLOW = (
    [b"POST / HTTP/1.1\r\n"],
    [b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n"],
    [b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n", b"{"],
    [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nab"],
)


def test_a_request_that_stops_coming_is_given_up(hasty: Address, crowd: ThreadPoolExecutor) -> None:
    began = clock.monotonic()
    answers = crowd.map(lambda pieces: exchange(hasty, *pieces), SLOW)
    assert [each.refusal for each in answers] == [(408, "request_timeout")] * len(SLOW)
    assert 0.9 < clock.monotonic() - began < 3


def test_whoever_takes_nothing_of_an_answer_does_not_keep_a_thread() -> None:
    over = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield bytes(1_000_000)

        def close(self) -> None:
            over.set()

    def app(_environ: dict[str, Any], start: Any) -> Endless:
        start("200 OK", [])
        return Endless()

    server = Server(app, "127.0.0.1", 0, threads=1, request_s=1.0)
    serving = threading.Thread(target=server.serve, args=(1.0,))
    serving.start()
    try:
        with socket.create_connection(("127.0.0.1", server.effective_port), timeout=5) as deaf:
            deaf.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert over.wait(5)
    finally:
        server.request_stop()
        serving.join()


def test_a_request_that_drips_is_given_up_too(hasty: Address) -> None:
    with socket.create_connection(hasty, timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n")
        began = clock.monotonic()
        connection.settimeout(0.1)
        while clock.monotonic() - began < 5:
            try:
                connection.sendall(b"x")
                assert connection.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                continue
        connection.settimeout(5)
        assert answer_on(connection).refusal == (408, "request_timeout")
        assert 0.9 < clock.monotonic() - began < 3


def test_a_slow_request_holds_nobody_else_up(hasty: Address) -> None:
    waiting = [socket.create_connection(hasty, timeout=5) for _ in range(10)]
    for each in waiting:
        each.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
    assert ask(hasty, "GET", "/").body == b"ok"
    for each in waiting:
        each.close()


def test_a_connection_between_two_requests_is_not_slow(hasty: Address) -> None:
    with socket.create_connection(hasty, timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert answer_on(connection, method="GET").body == b"ok"
        connection.settimeout(0.7)
        with pytest.raises(TimeoutError):
            connection.recv(1)
