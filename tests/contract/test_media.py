"""The link to a customer's file: what it opens, what it never opens, and what it costs."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from core import clock
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer

DAY_MS = 24 * 60 * 60 * 1000
MEGABYTE = 1024 * 1024
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)
PDF = b"%PDF-1.7\n" + b"x" * 3_000
HTML = b"<html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'

Handler = BaseHTTPRequestHandler
Script = "Callable[[Handler], None]"


@dataclass
class Meta:
    """Meta's side of files: each id has an address, and what is to be had there."""

    files: dict[str, Any] = field(default_factory=dict)
    """By id: the bytes, or a script that answers for them."""
    named: dict[str, Any] = field(default_factory=dict)
    """By id: another address than our own, or a script that answers the question for it."""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.request_queue_size = 64
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(meta: Meta) -> type[Handler]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            meta.asked.append((self.path, self.headers.get("Authorization", "")))
            media_id = self.path.rpartition("/")[2]
            with suppress(ConnectionError):
                if self.path.startswith("/bytes/"):
                    answers(self, meta.files[media_id])
                else:
                    answers(self, meta.named.get(media_id, f"{meta.url}/bytes/{media_id}"))

        def log_message(self, *_: object) -> None:
            pass

    def answers(handler: Handler, what: Any) -> None:
        if callable(what):
            what(handler)
        elif isinstance(what, bytes):
            reply(handler, 200, what)
        else:
            reply(handler, 200, json.dumps({"url": what, "mime_type": "x/y"}).encode())

    return Answers


def reply(handler: Handler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(scope="module")
def meta() -> Iterator[Meta]:
    one = Meta()
    yield one
    one.close()


@pytest.fixture(scope="module")
def door(start_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway that may have files from 127.0.0.1, by that name alone."""
    return start_gateway(SANDBOX_HOSTS="127.0.0.1", WEB_THREADS="8")


@dataclass
class Phone:
    """Sends files to a number whose Meta is the test's."""

    door: Gateway
    pbx: Pbx
    meta: Meta

    def sends(self, what: Any = b"", kind: str = "image", **node: Any) -> str:
        """The path of the link to a file that a customer sent."""
        media_id = str(10**6 + len(self.meta.files))
        self.meta.files[media_id] = what
        if named := node.pop("named", None):
            self.meta.named[media_id] = named
        told = {"id": media_id, "mime_type": "image/jpeg", **node}
        self.says({"type": kind, kind: told})
        return self.paths()[-1]

    def says(self, node: dict[str, Any]) -> None:
        _, taken = self.door.whatsapp.write(self.pbx.phone_number_id, self.pbx.customer, node)
        assert taken.status == 200

    def paths(self) -> list[str]:
        paths: list[str] = self.door.clerk.do("media_paths", instance_id=self.pbx.instance_id)
        return paths

    def opens(self, path: str, method: str = "GET") -> Answer:
        return ask(self.door.address, method, path)


@pytest.fixture(scope="module")
def phone(door: Gateway, meta: Meta) -> Phone:
    return Phone(door, door.pbx(instance={"base_url": meta.url}), meta)


def test_the_file_comes_as_it_is_and_the_token_stays_here(phone: Phone, meta: Meta) -> None:
    answer = phone.opens(phone.sends(JPEG))
    assert (answer.status, answer.body) == (200, JPEG)
    assert answer.header("Content-Type") == "image/jpeg"
    assert answer.header("Content-Length") == str(len(JPEG))
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Content-Security-Policy") == "default-src 'none'; sandbox"
    assert answer.header("Cache-Control") == "private, no-store"
    assert answer.header("Referrer-Policy") == "no-referrer"
    assert (answer.header("Content-Disposition") or "").startswith("inline; ")
    assert [token for _, token in meta.asked[-2:]] == ["Bearer test-key"] * 2
    assert "test-key" not in repr(answer.headers)


def test_head_says_the_same_without_the_file(phone: Phone) -> None:
    path = phone.sends(JPEG)
    head, got = phone.opens(path, "HEAD"), phone.opens(path)
    assert head.body == b""
    assert (head.status, head.headers[:-1]) == (got.status, got.headers[:-1])


# The sandbox's own: what a phone of the emulator sends.


def test_what_the_emulators_phones_send_can_be_opened(door: Gateway) -> None:
    pbx = door.pbx()
    kept = door.whatsapp.files.keep(PNG, "image/png", DAY_MS)
    node = {"type": "image", "image": {"id": kept.media_id, "mime_type": "image/png"}}
    door.whatsapp.write(pbx.phone_number_id, pbx.customer, node)
    (path,) = door.clerk.do("media_paths", instance_id=pbx.instance_id)
    assert ask(door.address, "GET", path).body == PNG
    door.whatsapp.files.forget(kept.media_id)
    assert ask(door.address, "GET", path).refusal == (410, "media_gone")


TYPES = [
    ("image/jpeg", JPEG, "image/jpeg", "inline"),
    ("image/png", PNG, "image/png", "inline"),
    ("IMAGE/PNG; x=y", PNG, "image/png", "inline"),
    ("image/webp", b"RIFF\x24\0\0\0WEBPVP8 " + bytes(90), "image/webp", "inline"),
    ("audio/ogg; codecs=opus", b"OggS" + bytes(90), "audio/ogg", "inline"),
    ("video/mp4", b"\0\0\0\x18ftypmp42" + bytes(90), "video/mp4", "inline"),
    ("application/pdf", PDF, "application/pdf", "attachment"),
    ("text/plain", b"hello", "text/plain", "attachment"),
    ("image/jpeg", HTML, "application/octet-stream", "attachment"),
    ("image/jpeg", b"", "application/octet-stream", "attachment"),
    ("image/png", JPEG, "application/octet-stream", "attachment"),
    ("image/svg+xml", SVG, "application/octet-stream", "attachment"),
    ("text/html", HTML, "application/octet-stream", "attachment"),
    ("application/xhtml+xml", HTML, "application/octet-stream", "attachment"),
    ("application/javascript", b"alert(1)", "application/octet-stream", "attachment"),
    ("image/gif", b"GIF89a" + bytes(20), "application/octet-stream", "attachment"),
    ("audio/mpeg", HTML, "application/octet-stream", "attachment"),
    ("application/x-msdownload", b"MZ" + bytes(90), "application/octet-stream", "attachment"),
    ("text/plain\r\nX-Evil: 1", b"hello", "application/octet-stream", "attachment"),
]


@pytest.mark.parametrize(
    ("said", "content", "served", "way"), TYPES, ids=map(str, range(len(TYPES)))
)
def test_only_what_is_what_it_says_is_shown(
    phone: Phone, said: str, content: bytes, served: str, way: str
) -> None:
    answer = phone.opens(phone.sends(content, "document", mime_type=said))
    assert (answer.status, answer.body) == (200, content)
    assert answer.header("Content-Type") == served
    disposition = answer.header("Content-Disposition") or ""
    assert disposition.startswith(f"{way}; ")
    assert answer.header("X-Evil") is None
    if served == "application/octet-stream":
        assert '.bin"' in disposition


NAMES = [
    ("bill.pdf", "filename=\"bill.pdf\"; filename*=UTF-8''bill.pdf"),
    ("bill.exe", 'filename="bill.exe.pdf"'),
    ('a"; filename="b.html', 'filename="a__ filename=_b.html.pdf"'),
    ("../../etc/passwd", 'filename="_.._etc_passwd.pdf"'),
    ("فاتورة.pdf", "filename=\"______.pdf\"; filename*=UTF-8''%D9%81%D8%A7"),
    ("a\r\nX-Evil: 1.pdf", 'filename="a  X-Evil_ 1.pdf"'),
    ("\u202egpj.pdf", 'filename="gpj.pdf"'),
    ("", 'filename="document.pdf"'),
    ("...", 'filename="file.pdf"'),
    ("x" * 500 + ".pdf", 'filename="' + "x" * 96 + '.pdf"'),
]


@pytest.mark.parametrize(("name", "kept"), NAMES, ids=map(str, range(len(NAMES))))
def test_a_file_is_kept_under_a_harmless_name(phone: Phone, name: str, kept: str) -> None:
    path = phone.sends(PDF, "document", mime_type="application/pdf", filename=name)
    answer = phone.opens(path)
    disposition = answer.header("Content-Disposition") or ""
    assert kept in disposition
    assert disposition.isascii()
    assert answer.header("X-Evil") is None


def test_every_link_that_is_not_ours_is_answered_alike(phone: Phone) -> None:
    path = phone.sends(JPEG)
    phone.says({"type": "text", "text": {"body": "no file"}})
    no_file = phone.paths()[-1]
    token = path.removeprefix("/media/")
    other = phone.sends(JPEG).removeprefix("/media/")
    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token[:26] + other[26:],
        other[:26] + token[26:],
        token[:26],
        token.upper(),
        token + "=",
        "0" * 42,
        "x",
        "a" * 3_000,
        "%00" + token[1:],
        token[:26] + "%ff" * 16,
        "inb_" + token[:26],
        no_file.removeprefix("/media/"),
    ]
    answers = [phone.opens(f"/media/{each}") for each in forged]
    assert {answer.refusal for answer in answers} == {(404, "not_found")}
    assert len({answer.timeless for answer in answers}) == 1
    assert phone.opens(path).status == 200


def test_a_link_ends_after_seven_days(door: Gateway, meta: Meta) -> None:
    phone = Phone(door, door.pbx(instance={"base_url": meta.url}), meta)
    path = phone.sends(JPEG)
    never = phone.opens("/media/" + "0" * 42)
    door.clerk.do("items_came", instance_id=phone.pbx.instance_id, ms_ago=7 * DAY_MS - 60_000)
    assert phone.opens(path).status == 200
    asked = len(meta.asked)
    door.clerk.do("items_came", instance_id=phone.pbx.instance_id, ms_ago=7 * DAY_MS)
    assert phone.opens(path).timeless == never.timeless
    assert len(meta.asked) == asked


def refuses(code: int, subcode: int | None = None, status: int = 400) -> Any:
    error = {"message": "m", "code": code, "error_subcode": subcode}
    return lambda handler: reply(handler, status, json.dumps({"error": error}).encode())


def closes(handler: Handler) -> None:
    handler.close_connection = True


def breaks_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "500000")
    handler.end_headers()
    handler.wfile.write(JPEG)


def says_200_mb(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(200 * MEGABYTE))
    handler.end_headers()
    handler.wfile.write(JPEG)


def moved_to(where: str) -> Any:
    return lambda handler: reply(handler, 302, b"", Location=where)


GONE, AWAY = (410, "media_gone"), (503, "media_unavailable")
FAILURES = [
    ("an expired id", {"named": refuses(100, 33)}, GONE),
    ("an id that Meta cannot download", {"named": refuses(131052)}, GONE),
    ("an id that is not found", {"named": refuses(1, status=404)}, GONE),
    ("a token that is not accepted", {"named": refuses(190, status=401)}, AWAY),
    ("a failure of Meta's", {"named": refuses(2, status=503)}, AWAY),
    ("an answer without JSON", {"named": lambda handler: reply(handler, 200, b"<html>")}, AWAY),
    ("an answer without an address", {"named": lambda handler: reply(handler, 200, b"{}")}, AWAY),
    ("no answer", {"named": closes}, AWAY),
    ("an address that is gone", {"what": lambda h: reply(h, 404, b"")}, GONE),
    ("an address that fails", {"what": lambda h: reply(h, 500, b"")}, AWAY),
    ("an address that redirects inside", {"what": moved_to("http://127.0.0.1:9/")}, AWAY),
    ("an address that redirects to the host", {"what": moved_to("http://169.254.169.254/")}, AWAY),
    ("an address that says nothing", {"what": closes}, AWAY),
    ("200 MB, as it says", {"what": says_200_mb}, GONE),
    ("no https", {"named": "http://127.0.0.1:9/x"}, AWAY),
    ("another of our hosts", {"named": "http://localhost/x"}, AWAY),
    ("a name that leads here", {"named": "https://localhost:1/x"}, AWAY),
    ("a private address", {"named": "https://10.0.0.7/x"}, AWAY),
    ("metadata", {"named": "https://169.254.169.254/latest"}, AWAY),
    ("metadata in IPv6", {"named": "https://[fd00:ec2::254]/latest"}, AWAY),
    ("loopback in decimal", {"named": "https://2130706433/x"}, AWAY),
    ("loopback in hex", {"named": "https://0x7f000001/x"}, AWAY),
    ("a user before the host", {"named": "https://graph.facebook.com@[::1]/x"}, AWAY),
    ("a file", {"named": "file:///etc/passwd"}, AWAY),
    ("no address", {"named": "https://"}, AWAY),
]


@pytest.mark.parametrize(
    ("given", "refusal"), [each[1:] for each in FAILURES], ids=[each[0] for each in FAILURES]
)
def test_what_cannot_be_had_is_a_plain_refusal(
    phone: Phone, given: dict[str, Any], refusal: tuple[int, str]
) -> None:
    path = phone.sends(given.get("what", b""), named=given.get("named"))
    answer = phone.opens(path)
    assert answer.refusal == refusal
    assert (answer.header("Retry-After") is not None) == (refusal == AWAY)


HERE = ["localhost", "127.0.0.2", "127.1", "2130706433", "0x7f000001", "0", "[::ffff:127.0.0.1]",
        "graph.facebook.com@localhost"]  # fmt: skip


def test_no_address_that_meta_names_is_reached_in_our_own_network(phone: Phone) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        for host in HERE:
            for scheme in ("https", "http"):
                named = f"{scheme}://{host}:{listener.getsockname()[1]}/x"
                assert phone.opens(phone.sends(named=named)).refusal == AWAY
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_file_that_breaks_off_is_not_taken_for_a_whole_one(phone: Phone) -> None:
    with pytest.raises(IncompleteRead):
        phone.opens(phone.sends(breaks_off))


def pours(total: int) -> Any:
    def script(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(JPEG)
        piece = bytes(MEGABYTE)
        for _ in range(total // MEGABYTE):
            handler.wfile.write(piece)

    return script


def test_200_mb_without_an_end_stop_at_100_and_cost_no_memory(phone: Phone) -> None:
    path = phone.sends(pours(200 * MEGABYTE))
    phone.opens(phone.sends(pours(MEGABYTE)))
    process = psutil.Process(phone.door._processes[0]._process.pid)  # type: ignore[union-attr]
    before, most, size = process.memory_info().rss, 0, 0
    connection = HTTPConnection(*phone.door.address, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    with suppress(IncompleteRead):
        while piece := answer.read(MEGABYTE):
            size += len(piece)
            most = max(most, process.memory_info().rss)
    connection.close()
    assert 90 * MEGABYTE < size <= 100 * MEGABYTE
    assert most - before < 40 * MEGABYTE


def test_a_quarter_of_the_threads_stream_and_nobody_else_waits(phone: Phone, meta: Meta) -> None:
    entered = threading.Semaphore(0)

    def hangs(handler: Handler) -> None:
        entered.release()
        meta.released.wait(30)
        reply(handler, 200, JPEG)

    path = phone.sends(hangs)
    streams = [threading.Thread(target=phone.opens, args=(path,)) for _ in range(2)]
    for each in streams:
        each.start()
    for _ in streams:
        assert entered.acquire(timeout=10)
    began = clock.monotonic()
    answer = phone.opens(path)
    assert answer.refusal == AWAY
    assert answer.header("Retry-After") == "5"
    assert phone.door.get("/healthz").status == 200
    assert clock.monotonic() - began < 2
    meta.released.set()
    for each in streams:
        each.join()
    meta.released.clear()
    for _ in range(5):  # every place was given back
        assert phone.opens(phone.sends(JPEG)).status == 200


def test_no_link_and_no_address_of_a_file_is_in_the_log(phone: Phone, meta: Meta) -> None:
    path = phone.sends(breaks_off)
    with suppress(IncompleteRead):
        phone.opens(path)
    said = phone.door.said()
    assert path.removeprefix("/media/") not in said
    assert meta.url not in said
    assert "test-key" not in said


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_door_is_there_to_look_only(phone: Phone, method: str) -> None:
    assert phone.opens(phone.sends(JPEG), method).refusal == (405, "method_not_allowed")


# The other way: a file that an agent names.


def test_an_agents_file_is_sent_after_its_text(door: Gateway, meta: Meta) -> None:
    pbx = door.pbx()
    meta.files["agent.jpg"] = JPEG
    payload = pbx.reply(message_text="Like this", media_url=f"{meta.url}/bytes/agent.jpg")
    answer = pbx.outcome(payload)
    assert (answer.status, answer.json()["state"]) == (200, "sent")
    assert [each["type"] for each in pbx.received()] == ["text", "image"]
    kept = door.whatsapp.files.find(pbx.received()[1]["body"]["image"]["id"])
    assert kept is not None
    assert kept.content == JPEG


@pytest.mark.parametrize(
    "url", ["http://localhost:{port}/bytes/agent.jpg", "http://2130706433:{port}/bytes/agent.jpg"]
)
def test_an_address_inside_is_refused_with_its_own_code(
    door: Gateway, meta: Meta, url: str
) -> None:
    pbx = door.pbx()
    meta.files["agent.jpg"] = JPEG
    asked = len(meta.asked)
    answer = pbx.outcome(pbx.reply(media_url=url.format(port=meta.url.rpartition(":")[2])))
    assert answer.refusal == (422, "media_not_accepted")
    assert answer.json()["details"]["reason"].startswith("the file cannot be fetched")
    assert len(meta.asked) == asked
    assert pbx.received() == []
