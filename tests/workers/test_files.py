"""Agents' files on their way to WhatsApp: fetched once, held against its rules, sent in order."""

from __future__ import annotations

import threading
import tracemalloc
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from app.sandbox import Number
from core import clock
from core.errors import ErrorCode
from core.words import State
from models import provisioning
from models.account import Account
from models.attempt import Attempt
from models.database import close_connection, database, locked, transaction
from models.event import Event, Waiting
from models.instance import Instance
from tests.backends import until
from tests.factories import change, loaded
from tests.journey import deliveries, step, walk
from workers import bulkhead, media_files, media_types, wire
from workers.media import File, files_of, parts_of
from workers.media_files import FileRefused, FileUnavailable, hand_over
from workers.providers import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.sandbox import Sandbox
    from tests.journey import Journey

MEGABYTE = 1024 * 1024
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)
PDF = b"%PDF-1.7\n" + b"x" * 3_000
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + bytes(90)
OGG = b"OggS" + bytes(90)
MP4 = b"\0\0\0\x18ftypmp42" + bytes(90)
M4A = b"\0\0\0\x18ftypM4A " + bytes(90)
HTML = b"<html><script>alert(1)</script></html>"
ZIP = b"PK\x03\x04" + bytes(90)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(90)
OFFICE = "application/vnd.openxmlformats-officedocument."


@dataclass
class Source:
    """Where agents' files lie: by path, the type and the bytes, or a script that answers."""

    files: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def has(self, name: str, what: Any, said: str | None = None) -> str:
        """Put a file there; gives its address."""
        self.files[f"/{name}"] = (what, said)
        return f"http://127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            source.asked.append(self.path)
            what, said = source.files.get(self.path, (404, None))
            with suppress(ConnectionError):
                if callable(what):
                    what(self)
                    return
                status, body = (200, what) if isinstance(what, bytes) else (what, b"")
                self.send_response(status)
                if said is not None:
                    self.send_header("Content-Type", said)
                if status == 302:
                    self.send_header("Location", "http://169.254.169.254/latest/meta-data")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    wire.Outside.origins = frozenset({("127.0.0.1", source.port)})
    try:
        yield source
    finally:
        wire.Outside.origins = frozenset()
        source.close()


def enclose(event: Event, *urls: str) -> None:
    """Several files, as the door of agents' chat keeps them."""
    content = event.content | {"media": [{"url": each} for each in urls]}
    change(event, payload=orjson.dumps(content).decode())


def sent(journey: Journey, *urls: str, text: str | None = None, **payload: Any) -> Event:
    """An agent's message with files, walked as far as it goes."""
    event = journey.site.event(message_text=text, media_url=urls[0] if urls else None, **payload)
    if len(urls) > 1:
        enclose(event, *urls)
    return walk(event.id)


TAKEN = [
    ("a.jpg", JPEG, "image/jpeg", "image"),
    ("a.jpg", JPEG, "image/jpg", "image"),
    ("a.jpg", JPEG, None, "image"),
    ("a", JPEG, "application/octet-stream", "image"),
    ("a.png", PNG, "image/png; charset=binary", "image"),
    ("a.webp", WEBP, "image/webp", "sticker"),
    ("a.ogg", OGG, "audio/ogg; codecs=opus", "audio"),
    ("a.mp4", MP4, "video/mp4", "video"),
    ("a.mp4", MP4, None, "video"),
    ("a.m4a", M4A, None, "audio"),
    ("a.m4a", M4A, "audio/x-m4a", "audio"),
    ("a.mp3", b"ID3\x04" + bytes(90), "audio/mpeg", "audio"),
    ("a.mp3", b"\xff\xfb\x90" + bytes(90), None, "audio"),
    ("a.aac", b"\xff\xf1\x50" + bytes(90), "audio/aac", "audio"),
    ("a.amr", b"#!AMR\n" + bytes(90), "audio/amr", "audio"),
    ("a.3gp", b"\0\0\0\x18ftyp3gp5" + bytes(90), "video/3gpp", "video"),
    ("a.pdf", PDF, "application/pdf", "document"),
    ("a.pdf", PDF, None, "document"),
    ("a.docx", ZIP, f"{OFFICE}wordprocessingml.document", "document"),
    ("a.xlsx", ZIP, "application/zip", "document"),
    ("a.pptx", ZIP, None, "document"),
    ("a.doc", OLE, "application/msword", "document"),
    ("a.xls", OLE, None, "document"),
    ("a.txt", b"hello", "text/plain; charset=utf-8", "document"),
    ("a.txt", b"hello", None, "document"),
]


@pytest.fixture
def sender(whatsapp: Sandbox) -> Iterator[Sender]:
    """A number that WhatsApp knows."""
    number = Number("106540352249999", "+966110000000", "EAAtest", "s", "http://127.0.0.1:9/")
    whatsapp.register(number)
    yield Sender("ins", number.phone_number_id, "EAAtest", whatsapp.base_url, "v26.0")
    del whatsapp.numbers[number.phone_number_id]


@pytest.mark.parametrize("given", TAKEN, ids=[f"{n}-{e[0]}" for n, e in enumerate(TAKEN)])
def test_what_whatsapp_takes_is_handed_over_as_what_it_is(
    source: Source, sender: Sender, whatsapp: Sandbox, given: tuple[str, bytes, str | None, str]
) -> None:
    name, content, said, kind = given
    file = hand_over(File(source.has(name, content, said)), "cloud", sender)
    kept = whatsapp.files.find(file.media_id or "")
    assert kept is not None
    assert kept.content == content
    assert file.kind == kind
    assert file.filename == name if "." in name else f"{name}.jpg"


REFUSED = [
    ("a.jpg", HTML, "image/jpeg"),
    ("a.jpg", HTML, "text/html"),
    ("a.html", HTML, None),
    ("a.png", JPEG, "image/png"),
    ("a.svg", b"<svg/>", "image/svg+xml"),
    ("a.gif", b"GIF89a" + bytes(90), "image/gif"),
    ("a.exe", b"MZ" + bytes(90), None),
    ("a.exe", b"MZ" + bytes(90), "application/x-msdownload"),
    ("a.zip", ZIP, "application/zip"),
    ("a.jpg", ZIP, None),
    ("a.jpg", b"", "image/jpeg"),
    ("a", b"hello", None),
    ("a.jpg", 404, None),
    ("a.jpg", 401, None),
    ("a.jpg", 302, None),
    ("a.jpg", JPEG + bytes(5 * MEGABYTE), "image/jpeg"),
    ("a.webp", WEBP + bytes(500 * 1024), "image/webp"),
    ("a.mp4", MP4 + bytes(16 * MEGABYTE), "video/mp4"),
]


@pytest.mark.parametrize("given", REFUSED, ids=[f"{n}-{e[0]}" for n, e in enumerate(REFUSED)])
def test_what_it_does_not_take_is_refused_with_a_reason(
    source: Source, sender: Sender, given: tuple[str, Any, str | None]
) -> None:
    with pytest.raises(FileRefused) as refused:
        hand_over(File(source.has(*given)), "cloud", sender)
    assert str(refused.value)
    assert "http" not in str(refused.value)


def test_an_event_with_such_a_file_is_refused_as_a_whole(journey: Journey, source: Source) -> None:
    event = sent(journey, source.has("a.jpg", HTML, "image/jpeg"), text="Here it is")
    assert (event.state, event.error) == ("refused", ErrorCode.MEDIA_NOT_ACCEPTED)
    assert event.reason == "WhatsApp takes no file of this type, or it is not what it is said to be"
    assert journey.taken() == []
    assert journey.used() == (0, 0)
    assert not Attempt.select().count()


ADDRESSES = [
    "http://127.0.0.1:{other}/a.jpg",
    "http://localhost:{port}/a.jpg",
    "http://[::1]:{port}/a.jpg",
    "http://2130706433:{port}/a.jpg",
    "http://0x7f.1:{port}/a.jpg",
    "http://0x7f000001:{port}/a.jpg",
    "http://017700000001:{port}/a.jpg",
    "http://127.1:{port}/a.jpg",
    "http://0.0.0.0:{port}/a.jpg",
    "http://0:{port}/a.jpg",
    "http://10.0.0.5/a.jpg",
    "http://172.16.1.1/a.jpg",
    "http://192.168.1.1/a.jpg",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/a.jpg",
    "http://[::ffff:127.0.0.1]:{port}/a.jpg",
    "http://[::ffff:a9fe:a9fe]/a.jpg",
    "http://[64:ff9b::7f00:1]/a.jpg",
    "http://[2002:7f00:1::]/a.jpg",
    "http://files.example@localhost:{port}/a.jpg",
    "http://127.0.0.1:{port}@localhost:{port}/a.jpg",
    "ftp://127.0.0.1/a.jpg",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_PING",
    "//127.0.0.1:{port}/a.jpg",
    "a.jpg",
    "http://",
    "http://[",
    "http:///a.jpg",
    "http://127.0.0.1:99999/a.jpg",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_address_leads_into_our_own_network(source: Source, sender: Sender, url: str) -> None:
    source.has("a.jpg", JPEG)
    with pytest.raises(FileRefused):
        hand_over(File(url.format(port=source.port, other=source.port ^ 1)), "cloud", sender)
    assert source.asked == []


def test_an_event_with_such_an_address_is_refused(journey: Journey, source: Source) -> None:
    event = sent(journey, f"http://localhost:{source.port}/a.jpg")
    assert (event.state, event.error) == ("refused", ErrorCode.MEDIA_NOT_ACCEPTED)
    assert "PRIVATE_NETWORKS" in (event.reason or "")
    assert source.asked == []


def test_a_name_that_nobody_knows_may_be_known_later(source: Source, sender: Sender) -> None:
    with pytest.raises(FileUnavailable):
        hand_over(File(f"http://127.0.0.1.:{source.port}/a.jpg"), "cloud", sender)
    assert source.asked == []


LEADS = ["127.0.0.1", "10.1.2.3", "::1", "169.254.169.254"]


@pytest.mark.parametrize("address", LEADS)
def test_no_name_leads_there_either(
    source: Source, sender: Sender, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name service lies beyond the border; this one says what a rebinding attacker's does."""
    own = wire.socket.getaddrinfo

    def lookup(host: Any, *others: Any, **named: Any) -> Any:
        where = {"files.example": address, "both.example": address}.get(host, host)
        found = own(where, *others, **named)
        public = own("93.184.216.34", *others, **named)
        return public + found if host == "both.example" else found

    monkeypatch.setattr(wire.socket, "getaddrinfo", lookup)
    for name in ("files.example", "both.example"):
        with pytest.raises(FileRefused):
            hand_over(File(f"http://{name}:{source.port}/a.jpg"), "cloud", sender)
    assert source.asked == []


def test_the_text_goes_first_and_each_file_is_a_message(journey: Journey, source: Source) -> None:
    urls = [source.has("a.jpg", JPEG), source.has("bill.pdf", PDF)]
    event = sent(journey, *urls, text="Please sign")
    assert event.state == "sent"
    assert [taken["type"] for taken in journey.taken()] == ["text", "image", "document"]
    assert deliveries(event) == ["accepted"] * 3
    assert journey.used() == (3, 3)
    assert source.asked == ["/a.jpg", "/bill.pdf"]
    correlations = [taken["biz_opaque_callback_data"] for taken in journey.taken()]
    assert correlations == [f"{event.id}:{part}" for part in range(3)]


def test_a_retry_sends_the_same_file_and_fetches_nothing(journey: Journey, source: Source) -> None:
    url = source.has("a.jpg", JPEG)
    event = journey.site.event(message_text=None, media_url=url)
    ready = walk(event.id, to=State.READY)
    (file,) = files_of(ready.content)
    assert file.media_id
    journey.faults({"error": 131000})
    tried = step(event.id)
    assert tried.state == "ready"
    make_due(tried)
    again = walk(event.id)
    assert again.state == "sent"
    assert source.asked == ["/a.jpg"]
    assert [taken["body"]["image"]["id"] for taken in journey.taken()] == [file.media_id]


def make_due(event: Event) -> None:
    change(event, due_at_ms=0, waiting_for=None)


def test_a_source_that_fails_is_asked_again_later(journey: Journey, source: Source) -> None:
    url = source.has("a.jpg", 503)
    event = sent(journey, url)
    assert (event.state, event.waiting_for) == ("allowed", Waiting.PROVIDER)
    assert event.due_at_ms > clock.now_ms()
    source.has("a.jpg", JPEG)
    make_due(event)
    assert walk(event.id).state == "sent"
    assert source.asked == ["/a.jpg"] * 2


def test_what_fails_until_its_validity_ends_says_so(journey: Journey, source: Source) -> None:
    clock.freeze()
    event = journey.site.event(message_text=None, media_url=source.has("a.jpg", 500))
    change(event, expires_at_ms=clock.now_ms() + 400)
    ended = walk(event.id)
    assert (ended.state, ended.error) == ("refused", ErrorCode.GATEWAY_SEND_FAILED)
    assert ended.reason == "the file's source answers 500"


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "image/jpeg")
    handler.end_headers()
    handler.wfile.write(JPEG)
    while True:
        handler.wfile.write(b"\0")
        handler.wfile.flush()
        clock.sleep(0.02)


def silent(source: Source) -> Callable[[BaseHTTPRequestHandler], None]:
    def script(_handler: BaseHTTPRequestHandler) -> None:
        source.released.wait(30)

    return script


@pytest.mark.parametrize("kind", ["drips", "silent", "breaks off"])
def test_a_source_that_never_ends_costs_a_bounded_time(
    source: Source, sender: Sender, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_files, "FETCH_S", 0.5)

    def breaks_off(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "5000")
        handler.end_headers()
        handler.wfile.write(JPEG)

    script = {"drips": drips, "silent": silent(source), "breaks off": breaks_off}[kind]
    began = clock.monotonic()
    with pytest.raises(FileUnavailable):
        hand_over(File(source.has("a.jpg", script)), "cloud", sender)
    assert clock.monotonic() - began < 5


def pours(*, said: bool) -> Callable[[BaseHTTPRequestHandler], None]:
    def script(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/pdf")
        if said:
            handler.send_header("Content-Length", str(200 * MEGABYTE))
        handler.end_headers()
        handler.wfile.write(PDF)
        for _ in range(200):
            handler.wfile.write(bytes(MEGABYTE))

    return script


@pytest.mark.parametrize("said", [True, False])
def test_200_mb_are_refused_and_never_held(source: Source, sender: Sender, *, said: bool) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FileRefused, match="larger"):
            hand_over(File(source.has("a.pdf", pours(said=said))), "cloud", sender)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20 * MEGABYTE


def test_more_than_ten_files_are_refused_unseen(journey: Journey, source: Source) -> None:
    url = source.has("a.jpg", JPEG)
    event = sent(journey, *[url] * 11)
    assert (event.state, event.error) == ("refused", ErrorCode.MEDIA_NOT_ACCEPTED)
    assert source.asked == []


def test_nothing_is_fetched_for_somebody_who_gets_nothing(journey: Journey, source: Source) -> None:
    url = source.has("a.jpg", JPEG)
    journey.customer_says("STOP")
    assert sent(journey, url).error == ErrorCode.RECIPIENT_SUPPRESSED
    assert source.asked == []


def test_a_missing_text_is_missed_only_without_a_file(journey: Journey) -> None:
    assert sent(journey).error == ErrorCode.MISSING_MESSAGE_TEXT


def test_a_token_that_is_not_accepted_pauses_the_instance(journey: Journey, source: Source) -> None:
    provisioning.change_instance(journey.site.instance_id, {"access_token": "wrong"})
    event = sent(journey, source.has("a.jpg", JPEG))
    assert (event.state, event.waiting_for) == ("allowed", Waiting.PAUSE)
    assert "token" in (journey.site.instance.pause_reason or "")
    provisioning.change_instance(journey.site.instance_id, {"access_token": "EAAtest"})
    journey.site.resume(Instance)
    assert walk(event.id).state == "sent"


@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_a_pause_that_whatsapp_asks_for_and_a_persons_word_never_wait_in_a_circle(
    journey: Journey, source: Source
) -> None:
    provisioning.change_instance(journey.site.instance_id, {"access_token": "wrong"})
    event = journey.site.event(media_url=source.has("a.jpg", JPEG))

    def send() -> None:
        walk(event.id)
        close_connection()

    sending = threading.Thread(target=send)

    @transaction
    def look_after_the_instance() -> None:
        locked(Account.select().where(Account.id == event.account_id)).get()
        locked(Instance.select().where(Instance.id == event.instance_id)).get()
        sending.start()
        until(_somebody_waits)
        assert Event.hold(event.id) is not None

    look_after_the_instance()
    sending.join()
    assert loaded(event.id).waiting_for == Waiting.PAUSE


def _somebody_waits() -> bool:
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
    return database.execute_sql(waiting).fetchone() is not None


def test_while_a_file_is_fetched_the_sweep_leaves_the_event_alone(
    journey: Journey, source: Source
) -> None:
    seen: list[Event] = []
    event = journey.site.event(message_text=None)

    def looks(handler: BaseHTTPRequestHandler) -> None:
        source.released.wait(10)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(JPEG)))
        handler.end_headers()
        handler.wfile.write(JPEG)

    enclose(event, source.has("a.jpg", looks))
    walk(event.id, to=State.ALLOWED)
    working = threading.Thread(target=lambda: _in_thread(event.id, seen))
    working.start()
    _wait_until(lambda: source.asked)
    held = loaded(event.id)
    source.released.set()
    working.join()
    assert held.due_at_ms > clock.now_ms() + 30_000
    assert held.state == "allowed"
    assert seen[0].state == "ready"


def _in_thread(event_id: str, seen: list[Event]) -> None:
    from models.database import close_connection

    seen.append(step(event_id))
    close_connection()


def _wait_until(ready: Callable[[], object]) -> None:
    ends = clock.monotonic() + 10
    while not ready():
        assert clock.monotonic() < ends
        clock.sleep(0.01)


def test_a_file_takes_a_place_among_its_instances_requests(
    journey: Journey, source: Source
) -> None:
    url = source.has("a.jpg", JPEG)
    event = journey.site.event(message_text=None, media_url=url)
    walk(event.id, to=State.ALLOWED)
    places = []
    while (place := bulkhead.requests.enter(event.instance_id)) is not None:
        places.append(place)
    try:
        waiting = step(event.id)
        assert (waiting.state, waiting.waiting_for) == ("allowed", Waiting.PLACE)
        assert source.asked == []
    finally:
        for place in places:
            bulkhead.requests.leave(event.instance_id, place)


def test_the_files_of_a_call_event_are_nobodys(journey: Journey) -> None:
    event = journey.site.event(event_type="missed_call", media_url="http://127.0.0.1:9/a.jpg")
    assert parts_of(event.content | {"text": None}) == []


def test_a_file_is_kept_as_it_is_known() -> None:
    file = File("https://a.example/b.jpg", "image", "b.jpg", "1")
    assert files_of({"media": [file.as_json()]}) == [file]
    assert "example" not in repr(file)
    assert parts_of({"text": None}) == []
    assert parts_of({"text": "a", "media": [{"url": "u"}]}) == ["a", File("u")]


def test_every_type_knows_its_own_first_bytes() -> None:
    names = [each.name for each in media_types.TYPES]
    assert len(set(names)) == len(names)
    for each in media_types.TYPES:
        assert not each.begins(b"")
        assert not each.begins(b"\0" * media_types.HEAD_BYTES)
        assert not each.shown or not each.begins(HTML)
        assert each.most_bytes <= media_types.MOST_BYTES
