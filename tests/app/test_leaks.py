"""Nothing personal or secret leaves the process, wherever it breaks.

The story is told by a program of its own (`crash_everywhere`, at the end): it holds every kind of
secret in every place that somebody else could print or send, and breaks the stages, the door,
threads and at last itself. The tests then read every byte that came out, and what Sentry heard.
"""

from __future__ import annotations

import gzip
import http.client
import json
import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from core.errors import ErrorCode, GatewayError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.config import Settings
    from tests.servers import PostgresAt

ROOT = Path(__file__).resolve().parents[2]
HEX = "4be1e9b4c01d4e7f9a3377d2c5a8f0614be1e9b4c01d4e7f9a3377d2c5a8f061"
PLANTED = {
    "webhook secret": "whsec_Tangerine-Quartz_3j4kd93kfk3",
    "access token": "EAAGm0PX4ZCpsBAKZCZBplumplumplum0192",
    "app secret": "9f86d081884c7d659a2feaa0c55ad015",
    "verify token": "verify_token=marmalade-lighthouse",
    "database password": "postgresql://gateway:p3rs1mmon-harbour@db.example:5432/gateway",
    "encryption key": "Authorization: Zm9yZ2V0LW1lLW5vdC1vcmNoaWQtbWVhZG93LXBvbmQ=",
    "signature": f"sha256={HEX}",
    "international number": "+966512345678",
    "international number, 00": "00966512345678",
    "national number": "0512345678",
    "spaced number": "+966 51 234 5678",
    "dashed number": "(051) 234-5678",
    "wamid": "wamid.HBgMOTY2NTEyMzQ1Njc4FQIAERgSOTk5",
}
# What no pattern can know. Our own lines hold none; others' lines might, and lose their words.
WRITTEN = {
    "message text": "your violet slippers are waiting",
    "name": "Zubaydah Quillfeather",
}
EVERYTHING = " ; ".join([*PLANTED.values(), *WRITTEN.values()])
# What must not be found: in lower case, as bytes of the text or without what stands in a number.
TRACES = [
    "tangerine", "plumplum", "9f86d081884c", "marmalade", "p3rs1mmon", "b3jjagl", "zm9yz2v0",
    "4be1e9b4c01d", "512345678", "hbgmoty2", "violet", "slippers", "zubaydah", "quillfeather",
]  # fmt: skip
KEY = "hunter-orchid-key"
FERNET = "yTQ4f0o0w8H0cCqj7v1T2x3y4z5A6B7C8D9E0F1G2H0="
HASH_KEY = "aGFzaC1rZXktb2YtdGhlLWxlYWstdGVzdHMtMzJieXQ="
MARGIN = "the story is told"


@dataclass
class Heard:
    """What Sentry was sent: every byte, and the reports in it."""

    raw: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a request, unpacked."""
        packed = headers.get("Content-Encoding", "identity")
        assert packed in {"gzip", "identity"}, packed
        body = gzip.decompress(body) if packed == "gzip" else body
        self.paths.append(path)
        self.raw.append(repr(dict(headers)).encode() + path.encode() + body)
        head, *items = body.split(b"\n")
        assert json.loads(head)
        for kind, content in zip(items[::2], items[1::2], strict=False):
            assert json.loads(kind)["type"] == "event", kind
            self.reports.append(json.loads(content))

    def about(self, **tags: str) -> dict[str, Any]:
        """The one report with these tags."""
        found = [each for each in self.reports if tags.items() <= each["tags"].items()]
        assert len(found) == 1, (tags, [each["tags"] for each in self.reports])
        return found[0]


@contextmanager
def sentry() -> Iterator[tuple[str, Heard]]:
    """A Sentry on loopback: its DSN and what it hears."""
    heard = Heard()

    class Ingest(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.take(self.path, self.headers, body)  # type: ignore[arg-type]
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Tests speak for themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ingest)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://pubkey@127.0.0.1:{server.server_port}/7", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Story:
    """How the program ended, what it printed, and what Sentry heard of it."""

    status: int
    printed: bytes
    heard: Heard
    password: str = ""


def tell(folder: Path, *, log_format: str, database_url: str = "") -> Story:
    with sentry() as (dsn, heard):
        settings = {
            "DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": "",
            "ENVIRONMENT": "development",
            "ENCRYPTION_KEYS": FERNET,
            "HASH_KEY": HASH_KEY,
            "SENTRY_DSN": dsn,
            "RELEASE": "gateway@9.8.7",
            "LOG_FORMAT": log_format,
            "LOG_LEVEL": "DEBUG",
            "SWEEP_INTERVAL_MS": "60000",
            # Each would open a second mouth, if the environment had its way.
            "SENTRY_DEBUG": "1",
            "SENTRY_SPOTLIGHT": dsn.replace("pubkey@", "").replace("/7", "/spotlight"),
            "PYTHONWARNINGS": "always",
            "PLANTED": EVERYTHING,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.app.test_leaks", EVERYTHING],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
    password = re.search(r":([^:@/]+)@", database_url)
    return Story(done.returncode, done.stdout, heard, password[1] if password else "")


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return tell(tmp_path_factory.mktemp("sqlite"), log_format="console")


@pytest.fixture(scope="module")
def on_postgres(
    postgres_server: PostgresAt, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    url = postgres_server.create_database("leaks")
    yield tell(tmp_path_factory.mktemp("postgres"), log_format="json", database_url=url)
    postgres_server.drop_database("leaks")


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def story(request: pytest.FixtureRequest) -> Story:
    told: Story = request.getfixturevalue(request.param)
    assert MARGIN in told.printed.decode(), told.printed.decode()[-3000:]
    return told


def traces(data: bytes, *more: str) -> list[str]:
    text = data.decode(errors="replace").lower()
    joined = re.sub(r"[\s()\-]", "", text)
    wanted = [*TRACES, KEY, FERNET[:20].lower(), HASH_KEY[:20].lower(), *(m.lower() for m in more)]
    return [each for each in wanted if each and (each in text or each in joined)]


def test_the_search_finds_each_kind_of_what_was_planted() -> None:
    for name, value in (PLANTED | WRITTEN).items():
        assert traces(f"x{value}x".encode()), name


def test_no_byte_that_is_printed_holds_anything_personal_or_secret(story: Story) -> None:
    found = {line for line in story.printed.splitlines() if traces(line, story.password)}
    assert found == set()
    assert traces(story.printed, story.password) == []


def test_no_byte_that_sentry_hears_holds_anything_personal_or_secret(story: Story) -> None:
    assert len(story.heard.reports) > 10
    assert [traces(each, story.password) for each in story.heard.raw] == [[]] * len(story.heard.raw)
    assert set(story.heard.paths) == {"/api/7/envelope/"}


def test_a_report_has_only_the_parts_that_are_known_to_be_harmless(story: Story) -> None:
    for report in story.heard.reports:
        assert set(report) <= {
            "event_id", "timestamp", "level", "platform", "release", "environment", "sdk",
            "fingerprint", "tags", "contexts", "exception",
        }  # fmt: skip
        for value in report["exception"]["values"]:
            assert set(value) == {"type", "module", "value", "mechanism", "stacktrace"}
            for frame in value["stacktrace"]["frames"]:
                assert set(frame) <= {"filename", "function", "module", "lineno", "in_app"}


@pytest.mark.parametrize(
    ("stage", "kind", "function"),
    [
        ("received", "JSONDecodeError", "content"),
        ("valid", "JSONDecodeError", "content"),
        ("allowed", "ZeroDivisionError", "rates"),
        ("ready", "PlantedError", "send"),
    ],
)
def test_a_stage_that_breaks_is_reported_with_what_a_person_needs_to_find_it(
    story: Story, stage: str, kind: str, function: str
) -> None:
    report = next(
        each
        for each in story.heard.reports
        if each["tags"].get("stage") == stage and each["exception"]["values"][-1]["type"] == kind
    )
    assert set(report["tags"]) == {
        "event_id", "account", "integration", "stage", "attempt", "component"
    }  # fmt: skip
    assert report["tags"]["event_id"].startswith("evt_")
    assert report["tags"]["account"].startswith("acc_")
    assert report["tags"]["integration"].startswith("int_")
    assert report["tags"]["attempt"].isdigit()
    assert report["tags"]["component"] == "up"
    assert (report["release"], report["environment"]) == ("gateway@9.8.7", "development")
    raised = report["exception"]["values"][-1]
    assert raised["type"] == kind
    frames = [(each["function"], each["lineno"] > 0) for each in raised["stacktrace"]["frames"]]
    assert (function, True) in frames
    assert ("_carry", True) in frames
    assert report["fingerprint"][0] == kind
    assert report["fingerprint"][-1] == stage
    assert f"stage={stage}" in story.printed.decode()


def test_the_door_that_breaks_is_reported_and_answers_as_always(story: Story) -> None:
    for report in (each for each in story.heard.reports if each["tags"]["component"] == "web"):
        assert report["exception"]["values"][-1]["stacktrace"]["frames"]
    kinds = {
        each["exception"]["values"][-1]["type"]
        for each in story.heard.reports
        if each["tags"]["component"] == "web"
    }
    assert kinds == {"PlantedError", "UnreadableSecret"}
    assert story.printed.count(b"| answered 500 internal_error") == 4


@pytest.mark.parametrize(
    ("actor", "kind"),
    [
        ("waitress", "PlantedError"),  # below the door: only the server notices
        ("finalizer", "PlantedError"),
        ("thread of [phone]", "PlantedError"),
        ("main", "PlantedError"),
        ("urllib3", "MaxRetryError"),
        ("database", "IntegrityError"),
        ("group", "ExceptionGroup"),
        ("chain", "OwnError"),
    ],
)
def test_whatever_else_breaks_is_reported_too(story: Story, actor: str, kind: str) -> None:
    report = story.heard.about(actor=actor)
    raised = [each["type"] for each in report["exception"]["values"]]
    assert kind in raised
    assert report["fingerprint"][-1] == actor


def test_an_event_that_no_key_opens_is_reported_by_its_stage(story: Story) -> None:
    unreadable = [
        report["tags"]
        for report in story.heard.reports
        if report["exception"]["values"][-1]["type"] == "UnreadableSecret"
    ]
    assert "received" in {tags.get("stage") for tags in unreadable}


def test_words_of_ours_are_kept_without_what_was_put_into_them(story: Story) -> None:
    values = story.heard.about(actor="chain")["exception"]["values"]
    said = {each["type"]: each["value"] for each in values}
    assert set(said) == {"OwnError", "PlantedError", "KeyError"}
    assert said["OwnError"].startswith("cannot reach [phone] with [secret]")
    assert said["PlantedError"] == said["KeyError"] == ""


def test_a_broken_item_of_meta_is_reported(story: Story) -> None:
    report = story.heard.about(stage="inbound")
    assert report["tags"]["event_id"].startswith("inb_")


def test_refusals_are_told_to_nobody(story: Story) -> None:
    assert b"answered 401 invalid_3cx_webhook" in story.printed
    assert b"answered 422 missing_phone" in story.printed
    assert "Refused" not in {
        value["type"] for each in story.heard.reports for value in each["exception"]["values"]
    }
    assert b"missing_phone" not in b"".join(story.heard.raw)
    assert b"failed: Refused" not in story.printed


def test_a_warning_is_told_by_its_place(story: Story) -> None:
    assert re.search(rb"UserWarning at .+test_leaks\.py line \d+", story.printed)


def test_a_program_that_breaks_ends_as_such(story: Story) -> None:
    assert story.status == 1
    assert b"actor=main failed: PlantedError" in story.printed


def test_json_lines_are_json_throughout(on_postgres: Story) -> None:
    lines = [each for each in on_postgres.printed.splitlines() if not each.startswith(b"| ")]
    assert len(lines) > 20
    for line in lines:
        assert {"at_ms", "level", "logger", "message"} <= set(json.loads(line)), line


def test_without_a_dsn_no_socket_is_opened() -> None:
    program = (
        "import sys\n"
        "met = []\n"
        "sys.addaudithook(lambda name, _: name.startswith('socket.') and met.append(name))\n"
        "from core import telemetry\n"
        "from core.config import Settings\n"
        "telemetry.start(Settings.from_environment({}), 'web')\n"
        "met.clear()\n"
        "telemetry.report(ValueError('x'), stage='ready')\n"
        "telemetry.stop()\n"
        "print(met)\n"
    )
    with sentry() as (dsn, heard):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            # The library's own variable of that name must not wake it up.
            env=os.environ | {"SENTRY_DSN": dsn, "SENTRY_SPOTLIGHT": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == "[]\n"
    assert "stage=ready failed: ValueError" in done.stderr
    assert heard.raw == []


# The program.


class PlantedError(Exception):
    """Somebody else's exception, full of what must not leave."""


class OwnError(GatewayError):
    """One of ours, whose words somebody was careless with."""


def say(words: str) -> None:
    print(f"| {words}", flush=True)


def planted() -> Exception:
    """An exception with something planted wherever an exception has room."""
    failure = PlantedError(EVERYTHING, {"phone": EVERYTHING})
    failure.add_note(EVERYTHING)
    failure.body = EVERYTHING  # type: ignore[attr-defined]
    return failure


def crash() -> None:
    local = {"everything": EVERYTHING}
    try:
        os.environ[local["everything"]]
    except KeyError as cause:
        raise planted() from cause


def crash_as_ours() -> None:
    try:
        crash()
    except PlantedError as cause:
        raise OwnError(f"cannot reach {' with '.join(_patterned())}") from cause


def _patterned() -> list[str]:
    return [PLANTED["international number"], *PLANTED.values()]


def crash_as_group() -> None:
    failures: list[Exception] = []
    for work in (crash, crash_as_ours):
        try:
            work()
        except Exception as failure:  # noqa: BLE001
            failures.append(failure)
    raise ExceptionGroup(EVERYTHING, failures)


def crash_in_urllib3() -> None:
    import urllib3

    with urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0)) as pool:
        pool.request(
            "POST",
            f"http://127.0.0.1:1/sms/{KEY}?text=violet+slippers&access_token={EVERYTHING[:40]}",
            headers={"Authorization": PLANTED["access token"]},
            body=EVERYTHING,
        )


def crash_in_the_database() -> None:
    from models.account import Account
    from models.database import transaction

    @transaction
    def twice() -> None:
        for _ in range(2):
            Account.create(id=EVERYTHING, name=EVERYTHING, created_at_ms=1)

    twice()


class CrashingProvider:
    """A way to WhatsApp that breaks, as a library beyond our border may."""

    enforces_window = True

    def send(self, *given: object) -> None:
        crash()
        say(str(given))


class CrashingResource:
    """A door that breaks at once, or after Falcon has let go of it."""

    def on_post(self, req: Any, _resp: Any, **_: str) -> None:
        body = req.bounded_stream.read()
        crash()
        say(body)

    def on_get(self, _req: Any, resp: Any, **_: str) -> None:
        def stream() -> Iterator[bytes]:
            crash()
            yield EVERYTHING.encode()

        resp.stream = stream()


class CrashingAtItsEnd:
    def __del__(self) -> None:
        raise planted()

    def __repr__(self) -> str:
        return EVERYTHING


def log_everywhere() -> None:
    for name in ("workers.outbound", "app", "gateway"):
        for level in range(10, 60, 10):
            logging.getLogger(name).log(
                level, "to %s", " ".join(PLANTED.values()), extra={"note": EVERYTHING}
            )
        logging.getLogger(name).error("it broke: %s", planted(), stack_info=True)
        logging.getLogger(name).error("it broke: %(why)s", {"why": planted()})
        logging.getLogger(name).error(planted())
        logging.getLogger(name).info("%d of %d", planted(), "odd")
    for name in ("peewee", "urllib3.connectionpool", "psycopg", "waitress", "dramatiq", "x", ""):
        for level in range(10, 60, 10):
            logging.getLogger(name).log(level, EVERYTHING, extra={"note": EVERYTHING})
            logging.getLogger(name).log(level, "to %s", EVERYTHING)
            logging.getLogger(name).log(level, "%(to)s", {"to": EVERYTHING})
            logging.getLogger(name).log(level, (EVERYTHING, [EVERYTHING]))
        logging.getLogger(name).warning("odd %d", EVERYTHING)
        logging.getLogger(name).warning(planted(), exc_info=planted())
    warnings.warn(EVERYTHING, stacklevel=1)


def report_everything() -> None:
    from core import telemetry

    works = {
        "urllib3": crash_in_urllib3,
        "database": crash_in_the_database,
        "group": crash_as_group,
        "chain": crash_as_ours,
    }
    for actor, work in works.items():
        try:
            work()
        except Exception as failure:  # noqa: BLE001
            telemetry.report(failure, actor=actor, phone=EVERYTHING, text=EVERYTHING)
    telemetry.report(Refused(ErrorCode.MISSING_PHONE), actor="refusal")


class Witness(logging.Handler):
    """Waits for a line of the log."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._changed:
            self._lines.append(record.getMessage())
            self._changed.notify_all()

    @contextmanager
    def waits_for(self, words: str) -> Iterator[None]:
        logging.getLogger().addHandler(self)
        yield
        with self._changed:
            heard = self._changed.wait_for(lambda: any(words in each for each in self._lines), 20)
        assert heard, words
        logging.getLogger().removeHandler(self)


def a_site(provider: str, rate: int = 80) -> tuple[str, str, str]:
    """An account with an instance behind this provider; its integration and a secret."""
    from core import clock
    from core.ids import new_id
    from models.account import Account
    from models.conversation import Conversation
    from models.customer import Customer
    from models.instance import Instance
    from models.integration import Integration
    from models.secret import Secret

    now = clock.now_ms()
    account = Account.create(id=new_id("acc"), name=WRITTEN["name"], created_at_ms=now)
    instance = Instance.create(
        id=new_id("ins"),
        account=account,
        provider=provider,
        phone_number_id="106540352242922",
        access_token=PLANTED["access token"],
        app_secret=PLANTED["app secret"],
        verify_token=PLANTED["verify token"],
        messages_per_second=rate,
        created_at_ms=now,
    )
    integration = Integration.create(
        id=new_id("int"), account=account, instance=instance, created_at_ms=now
    )
    customer = Customer.at(account.id, PLANTED["international number"], None, WRITTEN["name"])
    Conversation.customer_wrote(instance.id, customer, now)
    return instance.id, integration.id, Secret.rotate(integration.id, 0)


def an_event(integration_id: str, state: str, payload: str) -> str:
    """An event at this step, with this in its payload."""
    from core import clock
    from core.ids import new_id
    from models.event import Event
    from models.integration import Integration

    now = clock.now_ms()
    integration = Integration.get_by_id(integration_id)
    event_id = new_id("evt")
    Event.insert(
        id=event_id,
        account_id=integration.account_id,
        integration_id=integration_id,
        instance_id=integration.instance_id,
        event_type="outbound_message",
        state=state,
        conversation_key=event_id,
        payload=payload,
        seated=True,
        due_at_ms=now + 60_000,
        received_at_ms=now,
        expires_at_ms=now + 900_000,
    ).execute()
    return event_id


def break_stages() -> None:
    from core.words import State
    from models.event import Event
    from models.inbound_item import InboundItem, Told
    from workers import inbound
    from workers.stage import resume

    instance_id, integration_id, _ = a_site("crashing")
    _, too_slow, _ = a_site("crashing", rate=0)
    written = json.dumps({"to": EVERYTHING, "text": EVERYTHING})
    broken = (
        ("received", integration_id, EVERYTHING),
        ("valid", integration_id, EVERYTHING),
        ("allowed", too_slow, written),
    )
    for state, place, payload in broken:
        with Witness().waits_for(f"stage={state} "):
            resume(an_event(place, state, payload), State(state))
    with Witness().waits_for("stage=inbound "):
        inbound.begin(InboundItem.keep([Told(instance_id, "1", "message", EVERYTHING)]))
    unreadable = an_event(integration_id, "received", "{}")
    Event.update(payload=_junk()).where(Event.id == unreadable).execute()
    with Witness().waits_for(f"event_id={unreadable} "):
        resume(unreadable, State.RECEIVED)


def ask(port: int, method: str, path: str, body: object = None, **headers: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        method, path, json.dumps(body), {"X-WhatsApp-Gateway-Signature": HEX} | headers
    )
    answer = connection.getresponse()
    with suppress(http.client.IncompleteRead):
        said = answer.read()
    connection.close()
    content = json.loads(said) if said.startswith(b"{") else {}
    say(f"answered {answer.status} {content.get('error')}")


def break_the_door(app: Any, port: int) -> None:
    from models.secret import Secret

    secret_header = "X-WhatsApp-Gateway-3CX-Secret"
    payload = {
        "event_type": "outbound_message",
        "to": PLANTED["international number"],
        "message_text": WRITTEN["message text"],
        "message_purpose": "support",
        "name": EVERYTHING,
    }
    app.add_route("/integrations/3cx/int/sms/{key}", CrashingResource())
    app.add_sink(lambda *_, **__: crash(), f"/media/{KEY}/again")
    ask(port, "POST", f"/integrations/3cx/int/sms/{KEY}", payload, Authorization=KEY)
    ask(port, "PUT", f"/media/{KEY}/again?hub.verify_token={KEY}", payload)
    with suppress(http.client.HTTPException, OSError):
        ask(port, "GET", f"/integrations/3cx/int/sms/{KEY}", payload)
    _, integration_id, secret = a_site("crashing")
    path = f"/integrations/3cx/webhook/{integration_id}"
    ask(port, "POST", path, payload, **{secret_header: PLANTED["webhook secret"]})
    proof = {secret_header: secret, "Prefer": "wait=10"}
    ask(port, "POST", path, {**payload, "to": ""}, **proof)
    with Witness().waits_for("stage=ready "):
        ask(port, "POST", path, payload, **{secret_header: secret})
    _, unreadable, _ = a_site("crashing")
    Secret.update(sealed=_junk()).where(Secret.integration == unreadable).execute()
    ask(port, "POST", f"/integrations/3cx/webhook/{unreadable}", payload, **{secret_header: secret})


def _junk() -> Any:
    import peewee

    return peewee.Value(b"gAAAAA" + EVERYTHING.encode(), unpack=False)


def serve(settings: Settings) -> None:
    import models
    from app.door import create_app
    from app.server import Server
    from app.watch import Watch
    from app.webhooks.keeping import Keeper
    from workers import broker as brokers
    from workers import providers
    from workers.crew import Crew

    models.start(settings, migrating=True)
    broker = brokers.connect(settings)
    app = create_app(settings, Watch(1000), Keeper(settings), None)
    server = Server(app, "127.0.0.1", 0, 4)
    serving = threading.Thread(target=server.serve, args=(5.0,), daemon=True)
    serving.start()
    crew = Crew.start(settings, broker, frozenset(brokers.QUEUES))
    with mock.patch.dict(providers.PROVIDERS, {"crashing": CrashingProvider()}):
        break_stages()
        break_the_door(app, server.effective_port)
        report_everything()
    crew.stop()
    server.request_stop()
    serving.join()
    models.stop()


def crash_everywhere() -> None:
    from core import telemetry
    from core.config import Settings

    settings = Settings.from_environment(os.environ)
    telemetry.start(settings, "up")
    # Somebody turns on whatever can be turned on.
    for name in ("peewee", "urllib3", "waitress", "dramatiq", "sentry_sdk"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    say(repr(settings))
    log_everywhere()
    serve(settings)
    thread = threading.Thread(target=crash, name=f"thread of {PLANTED['spaced number']}")
    thread.start()
    thread.join()
    CrashingAtItsEnd()
    say(MARGIN)
    crash()


if __name__ == "__main__":
    crash_everywhere()
