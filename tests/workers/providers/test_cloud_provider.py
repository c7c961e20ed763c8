"""The Cloud API provider, against a server that behaves as badly as the network does."""

import datetime as dt
import gc
import ipaddress
import json
import multiprocessing
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core import clock
from workers import wire
from workers.providers import PROVIDERS, Backoff, ProviderError, Receipt, Sender, TextMessage

TOKEN = "EAAG-my-token"
PHONE = "+966500000001"
WORDS = "my-private-words"
ACCEPTED = {"messages": [{"id": "wamid.1"}], "contacts": [{"wa_id": "966500000002"}]}

Script = Callable[[socket.socket], object]


def answer(body: Any, status: str = "200 OK", headers: str = "") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (
        f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(content)}\r\n\r\n".encode() + content
    )


def replies(content: bytes) -> Script:
    return lambda peer: peer.sendall(content)


def resets(peer: socket.socket) -> None:
    """Close with RST instead of FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def drips(before: bytes, drop: bytes) -> Script:
    """Send a byte now and then, for ever: no single read ever takes long."""

    def script(peer: socket.socket) -> None:
        peer.sendall(before)
        while True:
            peer.sendall(drop)
            clock.sleep(0.05)

    return script


class Graph:
    """Meta's side: reads each request whole, then does what the next script says."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.scripts: list[Script] = []
        self.connections = 0
        self._context = context
        self._peers: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.connections += 1
                self._peers.append(peer)
                self._threads.append(threading.Thread(target=self._serve, args=(peer,)))
                self._threads[-1].start()

    def _serve(self, peer: socket.socket) -> None:
        with suppress(OSError):
            if self._context is not None:
                peer = self._context.wrap_socket(peer, server_side=True)
                self._peers.append(peer)
            while request := self._read(peer):
                self.requests.append(request)
                self.scripts.pop(0)(peer)
        peer.close()

    @staticmethod
    def _read(peer: socket.socket) -> tuple[str, dict[str, str], Any] | None:
        with peer.makefile("rb") as stream:
            line = stream.readline().decode("latin-1").strip()
            headers = {}
            while header := stream.readline().decode("latin-1").strip():
                name, _, value = header.partition(": ")
                headers[name.lower()] = value
            body = stream.read(int(headers.get("content-length", 0)))
            return (line, headers, json.loads(body)) if line and body else None

    def hang_up(self) -> None:
        for peer in self._peers:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()
        for peer in self._peers:
            peer.close()


@pytest.fixture(autouse=True)
def _fresh_pools() -> Iterator[None]:
    wire._managers.clear()
    yield
    wire._pools().clear()
    wire._managers.clear()


@pytest.fixture
def graph() -> Iterator[Graph]:
    server = Graph()
    yield server
    server.close()


def sender(base_url: str, **more: Any) -> Sender:
    usual = {"instance_id": "1", "phone_number_id": "106", "access_token": TOKEN}
    return Sender(**{**usual, "base_url": base_url, "graph_version": "v26.0", **more})


def send(
    base_url: str,
    *,
    to: str = PHONE,
    text: str = WORDS,
    seconds: float = 5.0,
    before_bytes: Callable[[], None] | None = None,
    **more: Any,
) -> Receipt:
    message = TextMessage(to, text, "event-7")
    deadline = clock.monotonic() + seconds
    return PROVIDERS["cloud"].send(sender(base_url, **more), message, deadline, before_bytes)


def asked(graph: Graph, *scripts: Script, **how: Any) -> Receipt:
    graph.scripts += scripts
    return send(f"http://127.0.0.1:{graph.port}", **how)


def failed(graph: Graph, *scripts: Script, **how: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        asked(graph, *scripts, **how)
    return silent(caught.value)


def silent(error: ProviderError) -> ProviderError:
    """The error, after a look that nothing it drags along tells of the person or the token."""
    assert error.__cause__ is None
    assert error.__context__ is None
    for secret in (TOKEN, PHONE[1:], WORDS):
        assert secret not in f"{error} {error!r}"
    return error


def test_a_text_goes_out_as_meta_documents_it(graph: Graph) -> None:
    receipt = asked(graph, replies(answer(ACCEPTED)))
    assert receipt == Receipt("wamid.1", "+966500000002", None)
    ((line, headers, body),) = graph.requests
    assert line == "POST /v26.0/106/messages HTTP/1.1"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["content-type"] == "application/json"
    assert body == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PHONE,
        "type": "text",
        "text": {"body": WORDS, "preview_url": False},
        "biz_opaque_callback_data": "event-7",
    }


def test_a_person_known_only_by_user_id_is_the_recipient(graph: Graph) -> None:
    contacts = [{"input": "SA.1", "user_id": "SA.1"}]
    receipt = asked(graph, replies(answer({**ACCEPTED, "contacts": contacts})), to="SA.1")
    assert receipt == Receipt("wamid.1", None, "SA.1")
    ((_, _, body),) = graph.requests
    assert body["recipient"] == "SA.1"
    assert "to" not in body


@pytest.mark.parametrize("to", ["966500000001", "0500000001", "", "+0500", "anna", "+9665x"])
def test_a_number_without_its_country_is_never_sent_to(graph: Graph, to: str) -> None:
    error = failed(graph, to=to)
    assert error.permanent
    assert not error.maybe_sent
    assert graph.connections == 0


def test_a_text_that_is_no_unicode_is_refused_before_it_is_sent(graph: Graph) -> None:
    assert failed(graph, text="\ud800").permanent
    assert graph.connections == 0


def test_a_connection_is_used_again(graph: Graph) -> None:
    for _ in range(3):
        asked(graph, replies(answer(ACCEPTED)))
    refused = answer({"error": {"code": 131026}}, "400 Bad Request")
    assert failed(graph, replies(refused)).permanent
    asked(graph, replies(answer(ACCEPTED)))
    assert graph.connections == 1


def test_many_threads_send_side_by_side_over_connections_that_stay(graph: Graph) -> None:
    graph.scripts += [replies(answer(ACCEPTED))] * 60
    url = f"http://127.0.0.1:{graph.port}"
    receipts: list[Receipt] = []

    def work() -> None:
        receipts.extend(send(url) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == len(graph.requests) == 60
    assert graph.connections <= 6


def test_a_connection_the_peer_closed_meanwhile_is_not_written_to(graph: Graph) -> None:
    asked(graph, replies(answer(ACCEPTED)))
    graph.hang_up()
    asked(graph, replies(answer(ACCEPTED)))
    assert graph.connections == 2


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Oops"])
def test_metas_code_is_read_from_any_answer(graph: Graph, status: str) -> None:
    error = failed(graph, replies(answer({"error": {"code": 131047}}, status)))
    assert (error.code, error.window_closed, error.maybe_sent) == (131047, True, False)


def test_a_429_slows_down_for_as_long_as_it_says(graph: Graph) -> None:
    busy = answer(b"slow down", "429 Too Many Requests", "Retry-After: 7\r\n")
    error = failed(graph, replies(busy))
    assert (error.backoff, error.retry_after_ms) == (Backoff.INSTANCE, 7_000)
    assert not error.maybe_sent


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"<html>"),
        answer(b""),
        answer({}),
        answer([]),
        answer({"messages": []}),
        answer({"messages": [{"id": ""}]}),
        answer({"messages": [{"id": 5}]}),
        answer({"messages": {"id": "wamid.1"}}),
        answer({"messages": ["wamid.1"]}),
        answer(b"\xff"),
        answer({**ACCEPTED, "padding": "x" * 70_000}),
        answer(b"gone", "502 Bad Gateway"),
        answer(ACCEPTED, "302 Found", "Location: http://127.0.0.1:1/\r\n"),
        answer(ACCEPTED, headers="Content-Encoding: gzip\r\n"),
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
    ],
)
def test_an_answer_that_makes_no_sense_leaves_it_open(graph: Graph, reply: bytes) -> None:
    def script(peer: socket.socket) -> None:
        peer.sendall(reply)
        peer.shutdown(socket.SHUT_WR)

    error = failed(graph, script)
    assert error.maybe_sent
    assert not error.permanent
    assert len(graph.requests) == 1


def test_odd_contacts_do_not_cost_the_receipt(graph: Graph) -> None:
    odd: list[Any] = [None, [], {}, "x", [None], [{"wa_id": 7, "user_id": []}], [{"wa_id": "x"}]]
    for contacts in odd:
        reply = replies(answer({**ACCEPTED, "contacts": contacts}))
        assert asked(graph, reply) == Receipt("wamid.1", None, None)


def test_nobody_listening_means_that_nothing_went(graph: Graph) -> None:
    graph.close()
    error = failed(graph)
    assert (error.maybe_sent, error.permanent, error.pause) == (False, False, False)


def test_an_unknown_host_means_that_nothing_went() -> None:
    with pytest.raises(ProviderError) as caught:
        send("http://graph.invalid")
    assert not silent(caught.value).maybe_sent
    assert not caught.value.permanent


def test_a_host_that_does_not_answer_the_knock_means_that_nothing_went() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        knocks = [socket.socket() for _ in range(3)]
        for knock in knocks:
            knock.setblocking(False)
            knock.connect_ex(full.getsockname())
        began = clock.monotonic()
        with pytest.raises(ProviderError) as caught:
            send(url, seconds=0.5)
        for knock in knocks:
            knock.close()
    assert clock.monotonic() - began < 1.5
    assert not silent(caught.value).maybe_sent


def test_a_tls_handshake_that_stays_silent_is_cut_in_the_time_to_connect(graph: Graph) -> None:
    began = clock.monotonic()
    with pytest.raises(ProviderError) as caught:
        send(f"https://127.0.0.1:{graph.port}", seconds=15)
    assert wire.CONNECT_S <= clock.monotonic() - began < wire.CONNECT_S + 1
    assert not silent(caught.value).maybe_sent
    assert graph.requests == []


def test_a_peer_without_tls_means_that_nothing_went(graph: Graph) -> None:
    with pytest.raises(ProviderError) as caught:
        send(f"https://127.0.0.1:{graph.port}", seconds=1)
    assert not silent(caught.value).maybe_sent
    assert graph.requests == []


@pytest.mark.parametrize(
    "more",
    [
        {"access_token": f"{TOKEN}\n"},
        {"access_token": f"{TOKEN}é☎"},
        {"base_url": "ftp://127.0.0.1"},
        {"base_url": "http://[::1"},
        {"base_url": "http://" + "x" * 64},
        {"base_url": ""},
    ],
)
def test_settings_that_cannot_work_pause_the_instance(more: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as caught:
        send(**{"base_url": "http://127.0.0.1:1", **more})
    assert silent(caught.value).pause
    assert not caught.value.maybe_sent


def test_a_number_id_cannot_lead_to_another_path(graph: Graph) -> None:
    asked(graph, replies(answer(ACCEPTED)), phone_number_id="../1?x=#y")
    assert graph.requests[0][0] == "POST /v26.0/..%2F1%3Fx%3D%23y/messages HTTP/1.1"


@pytest.mark.parametrize("script", [resets, lambda peer: peer.close()])
def test_a_connection_lost_after_the_request_leaves_it_open(graph: Graph, script: Script) -> None:
    assert failed(graph, script).maybe_sent
    assert len(graph.requests) == 1


def test_a_kept_connection_lost_after_the_request_is_not_sent_twice(graph: Graph) -> None:
    asked(graph, replies(answer(ACCEPTED)))
    assert failed(graph, resets).maybe_sent
    assert len(graph.requests) == 2


def test_an_answer_cut_off_leaves_it_open(graph: Graph) -> None:
    def cut(peer: socket.socket) -> None:
        peer.sendall(answer(ACCEPTED)[:-10])
        peer.close()

    assert failed(graph, cut).maybe_sent


def test_a_429_whose_body_is_cut_off_still_slows_down(graph: Graph) -> None:
    def cut(peer: socket.socket) -> None:
        peer.sendall(answer(b"0123456789", "429 Too Many Requests", "Retry-After: 7\r\n")[:-5])
        peer.close()

    error = failed(graph, cut)
    assert (error.maybe_sent, error.retry_after_ms) == (False, 7_000)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "script",
    [
        lambda peer: peer.recv(1),
        drips(b"", b"H"),
        drips(b"HTTP/1.1 2", b"0"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(OK + b"X: ", b"y"),
        drips(OK + b"Content-Length: 1000\r\n\r\n", b"z"),
        drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
        drips(OK + b"\r\n", b"z"),
    ],
)
def test_a_server_that_drips_is_cut_off_at_the_deadline(graph: Graph, script: Script) -> None:
    began = clock.monotonic()
    error = failed(graph, script, seconds=0.6)
    assert 0.5 < clock.monotonic() - began < 1.2
    assert error.maybe_sent


def test_an_answer_without_end_is_not_read_to_the_end(graph: Graph) -> None:
    def pours(peer: socket.socket) -> None:
        peer.sendall(OK + b"\r\n")
        while True:
            peer.sendall(b"z" * 65_536)

    began = clock.monotonic()
    assert failed(graph, pours, seconds=5).maybe_sent
    assert clock.monotonic() - began < 2


def test_after_a_deadline_the_next_message_has_a_connection_of_its_own(graph: Graph) -> None:
    failed(graph, lambda peer: peer.recv(1), seconds=0.3)
    assert asked(graph, replies(answer(ACCEPTED))).provider_message_id == "wamid.1"
    assert graph.connections == 2


def test_a_deadline_that_has_passed_sends_nothing(graph: Graph) -> None:
    error = failed(graph, seconds=-1)
    assert (error.maybe_sent, error.permanent, graph.connections) == (False, False, 0)


def test_the_last_look_comes_once_connected_and_before_the_first_byte(graph: Graph) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> None:
        while graph.connections == 0:
            clock.sleep(0.001)
        seen.append((graph.connections, len(graph.requests)))

    asked(graph, replies(answer(ACCEPTED)), before_bytes=look)
    asked(graph, replies(answer(ACCEPTED)), before_bytes=look)
    assert seen == [(1, 0), (1, 1)]


@pytest.mark.parametrize("kind", [LookupError, TimeoutError, ConnectionResetError, ValueError])
def test_a_last_look_that_objects_stops_the_request_with_its_own_words(
    graph: Graph, kind: type[Exception]
) -> None:
    objection = kind("the lease is gone")

    def look() -> None:
        raise objection

    with pytest.raises(kind) as caught:
        asked(graph, before_bytes=look)
    assert caught.value is objection
    asked(graph, replies(answer(ACCEPTED)))
    assert len(graph.requests) == 1


def test_a_last_look_that_takes_too_long_sends_nothing(graph: Graph) -> None:
    error = failed(graph, before_bytes=lambda: clock.sleep(0.4), seconds=0.2)
    assert not error.maybe_sent
    assert graph.requests == []


def test_a_forked_child_uses_no_connection_of_its_parent(graph: Graph) -> None:
    asked(graph, replies(answer(ACCEPTED)))
    child = multiprocessing.get_context("fork").Process(
        target=asked, args=(graph,), kwargs={"text": "from the child"}
    )
    graph.scripts += [replies(answer(ACCEPTED))] * 2
    child.start()
    child.join()
    assert (child.exitcode, graph.connections) == (0, 2)
    asked(graph)
    assert (len(graph.requests), graph.connections) == (3, 2)


def test_nothing_is_left_open(graph: Graph) -> None:
    graph.scripts += [drips(b"", b"H"), resets, replies(answer(b"x" * 70_000))]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(3):
            failed(graph, seconds=0.2)
        gc.collect()


@pytest.fixture
def tls_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """A server with a certificate that this process is told to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "graph")])
    now = dt.datetime.now(dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "graph.pem"
    plain = serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    server = Graph(context)
    yield server
    server.close()


def test_over_tls_it_sends_keeps_the_connection_and_holds_the_deadline(tls_graph: Graph) -> None:
    url = f"https://127.0.0.1:{tls_graph.port}"
    tls_graph.scripts += [replies(answer(ACCEPTED)), replies(answer(ACCEPTED)), drips(b"", b"H")]
    looks: list[int] = []
    for _ in range(2):
        send(url, before_bytes=lambda: looks.append(len(tls_graph.requests)))
    assert (looks, tls_graph.connections) == ([0, 1], 1)
    began = clock.monotonic()
    with pytest.raises(ProviderError) as caught:
        send(url, seconds=0.5)
    assert clock.monotonic() - began < 1
    assert silent(caught.value).maybe_sent


def test_a_certificate_nobody_vouches_for_means_that_nothing_went(
    tls_graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ProviderError) as caught:
        send(f"https://127.0.0.1:{tls_graph.port}")
    assert not silent(caught.value).maybe_sent
    assert tls_graph.requests == []
