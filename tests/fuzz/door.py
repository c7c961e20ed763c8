"""The whole door, in this process: whatever bytes come, the answer is a documented one."""

from __future__ import annotations

import hashlib
import hmac
import logging
import socket
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

import models
from app.door import create_app
from app.proof import SECRET_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from app.server import Server
from app.watch import Watch
from app.webhooks.keeping import Keeper
from core import clock
from core.errors import ErrorCode
from models import provisioning
from models.database import transaction
from models.event import Event
from models.inbound_item import InboundItem, ItemState
from models.integration import AuthMode
from tests.backends import connected, settings
from tests.factories import APP_SECRET, TOKEN
from tests.fuzz import documents, garble
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from dramatiq.broker import Broker

SITES = 300  # an integration may have 60 requests a minute, and the limit is no target
TIDY_EVERY = 500
_WEBHOOK, _META = "/integrations/3cx/webhook/", "/webhooks/whatsapp/"
_KINDS = ("webhook",) * 6 + ("meta",) * 3 + ("status", "handshake", "elsewhere")
_NOT_UNDERSTOOD = {400, 405, 411, 414, 415, 431, 501, 505}  # what the HTTP layers refuse


@dataclass(frozen=True)
class Request:
    """A request that has still to be given a site, and its proof."""

    kind: str
    method: str
    site: int
    proven: bool
    signed: bool
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def request(rng: Random) -> Request:
    """A request, most of them such that the proof holds and the rest is read."""
    kind = rng.choice(_KINDS)
    usual = {"status": "GET", "handshake": "GET"}.get(kind, "POST")
    return Request(
        kind=kind,
        method=usual if rng.random() < 0.97 else rng.choice(("GET", "PUT", "HEAD", "PÖST", "")),
        site=rng.randrange(SITES),
        proven=rng.random() < 0.85,
        signed=rng.random() < 0.3,
        path=_latin(garble.text(rng)) if rng.random() < 0.1 or kind == "elsewhere" else "",
        query=_query(rng),
        headers=tuple(_header(rng) for _ in range(rng.choice((0, 0, 1, 1, 2)))),
        body=garble.body(rng, documents.META if kind == "meta" else documents.THREECX),
    )


def _query(rng: Random) -> str:
    names = ("hub.mode", "hub.verify_token", "hub.challenge", "a", "%00", "")
    values = (
        "subscribe",
        "verify",
        "%ff%fe",
        "%",
        "%zz",
        quote(garble.text(rng), errors="replace"),
    )
    pairs = (f"{rng.choice(names)}={rng.choice(values)}" for _ in range(rng.randrange(4)))
    return "&".join(pairs)[:2_000]


def _header(rng: Random) -> tuple[str, str]:
    name = rng.choice((
        SECRET_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER, "Idempotency-Key", "Prefer",
        "Content-Type", "Content-Length", "X-Forwarded-For", "X-Hub-Signature-256", "Accept",
        "Host", "Range", "Cookie", "Expect", "If-Match", "X-Forwarded-Host", "Forwarded",
    ))  # fmt: skip
    values = ("", "0", "-1", "1e9", "wait=0", "wait=", "a;b=c", "sha256=" + "0" * 64, "é" * 40,
              "9" * 400, _latin(garble.text(rng)), _latin(garble.text(rng)))  # fmt: skip
    return name, rng.choice(values)


def _latin(text: str) -> str:
    """As a server hands bytes on: a character each, no line ends."""
    return (
        text.encode("utf-8", "surrogatepass").decode("latin-1").replace("\n", "").replace("\r", "")
    )


@dataclass(frozen=True)
class _Site:
    integration_id: str
    secret: str
    instance_id: str


class _Door:
    """The application, and the sites whose proof it knows."""

    def __init__(self, app: Any, broker: Broker, sites: list[_Site]) -> None:
        self._app, self._broker, self._sites = app, broker, sites
        self._asked = 0

    def answers(self, made: Request) -> None:
        """Whatever comes is answered as documented, and what is accepted can be read again."""
        self._asked += 1
        if self._asked % TIDY_EVERY == 0:
            _let_go()
            self._broker.flush_all()
        status, body = self._call(made)
        if status < 300 and made.method != "HEAD":
            _is_kept(made, body)
        elif made.method != "HEAD":
            _is_refusal(status, body)

    def _call(self, made: Request) -> tuple[int, bytes]:
        statuses: list[str] = []

        def start_response(status: str, _headers: Any, _failure: Any = None) -> None:
            statuses.append(status)

        answer = self._app(self._environ(made), start_response)
        return int(statuses[-1].split()[0]), b"".join(answer)

    def _environ(self, made: Request) -> dict[str, Any]:
        site = self._sites[made.site]
        headers = self._proof(site, made) if made.proven else {}
        headers |= {"Content-Length": str(len(made.body)), "Content-Type": "application/json"}
        environ = {
            "REQUEST_METHOD": made.method,
            "PATH_INFO": _path(site, made),
            "QUERY_STRING": made.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(made.body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in [*headers.items(), *made.headers]:
            key = name.upper().replace("-", "_")
            environ[key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"] = value
        return environ

    def _proof(self, site: _Site, made: Request) -> dict[str, str]:
        if made.kind == "meta":
            digest = hmac.new(APP_SECRET.encode(), made.body, hashlib.sha256).hexdigest()
            return {"X-Hub-Signature-256": f"sha256={digest}"}
        proof = {SECRET_HEADER: site.secret}
        if made.signed:
            now = str(clock.now_ms() // 1000)
            covered = now.encode() + b"." + (made.body if made.method == "POST" else b"")
            digest = hmac.new(site.secret.encode(), covered, hashlib.sha256).hexdigest()
            proof |= {TIMESTAMP_HEADER: now, SIGNATURE_HEADER: digest}
        return proof


def _path(site: _Site, made: Request) -> str:
    if made.kind == "elsewhere":
        return "/" + made.path
    if made.kind in {"meta", "handshake"}:
        return _META + (made.path or site.instance_id)
    path = _WEBHOOK + site.integration_id
    return path + made.path if made.kind == "webhook" else f"{path}/events/{made.path or 'evt_1'}"


def _is_kept(made: Request, body: bytes) -> None:
    if made.kind == "webhook":
        said = orjson.loads(body)
        assert said["success"] is True
        event = Event.load(said["event_id"])
        assert event is not None
        assert event.content["body"] is not None


def _is_refusal(status: int, body: bytes) -> None:
    said = orjson.loads(body)
    assert said["success"] is False
    assert said["message"]
    code = ErrorCode(said["error"])
    assert status < 500, code
    assert code.status == status or (code is ErrorCode.BAD_REQUEST and status in _NOT_UNDERSTOOD)


@transaction
def _let_go() -> None:
    """Let nothing be unfinished: a full backlog is refused at the door, and that is no target."""
    Event.update(finished_at_ms=0).where(Event.finished_at_ms.is_null()).execute()
    InboundItem.update(state=ItemState.DONE.value).execute()


@transaction
def _sites() -> list[_Site]:
    account = provisioning.add_account("Acme")
    made = []
    for number in range(SITES):
        instance = provisioning.add_instance(
            account.id,
            phone_number_id="106540352242922" if number % 2 else str(number),
            access_token=TOKEN,
            app_secret=APP_SECRET,
            verify_token="verify",
        )
        mode = AuthMode.SECRET_AND_SIGNATURE if number % 3 == 0 else AuthMode.SECRET
        integration, secret = provisioning.add_integration(
            account.id, instance.id, default_region="SA", auth_mode=mode.value
        )
        made.append(_Site(integration.id, secret, instance.id))
    return made


@contextmanager
def opened() -> Iterator[Callable[[Request], None]]:
    """The door over a database of its own."""
    with ExitStack() as stack:
        app, broker = _app(stack)
        yield _Door(app, broker, _sites()).answers


def _app(stack: ExitStack) -> tuple[Any, Broker]:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-"))
    embedded = settings(DATA_DIR=folder)
    models.start(embedded, migrating=True)
    stack.callback(models.stop)
    broker = stack.enter_context(connected(embedded))
    return create_app(embedded, Watch(10**9), Keeper(embedded), None), broker


class _Crashes(logging.Handler):
    """Raises nothing; remembers what the server logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())


@contextmanager
def listening() -> Iterator[Callable[[list[bytes]], None]]:
    """The server behind a real socket."""
    with ExitStack() as stack:
        app, _ = _app(stack)
        server = Server(app, "127.0.0.1", 0, 4)
        serving = threading.Thread(target=server.serve, args=(5.0,))
        serving.start()
        stack.callback(serving.join)
        stack.callback(server.request_stop)
        crashes = _Crashes()
        logging.getLogger("waitress").addHandler(crashes)
        stack.callback(logging.getLogger("waitress").removeHandler, crashes)
        address = ("127.0.0.1", server.effective_port)

        def check(pieces: list[bytes]) -> None:
            _is_answered(address, pieces)
            assert crashes.words == []
            assert ask(address, "GET", "/healthz").status == 200

        yield check


def _is_answered(address: tuple[str, int], pieces: list[bytes]) -> None:
    """Each answer is one of HTTP, and none says that the gateway failed."""
    with socket.create_connection(address, timeout=10) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            heard = b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError:
            return  # refused, and closed before all was sent
    while heard.startswith(b"HTTP/"):
        status = int(heard.split(b" ", 2)[1])
        assert status < 500 or status in {501, 505}
        _, _, heard = heard.partition(b"HTTP/1.")
        heard = heard[heard.find(b"HTTP/1.") :] if b"HTTP/1." in heard else b""
