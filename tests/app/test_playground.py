"""The playground's parts: the 3CX, what a person may do, and the stories in between."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import falcon
import pytest
import urllib3
from falcon.testing import Result, TestClient

from app.cli import demo
from app.sandbox import Sandbox, playground_stories
from app.sandbox.playground import WEATHER, Playground, set_weather, weather
from app.sandbox.threecx import Health, Line, Pbx, Trunk, Who
from app.sandbox.threecx.chats import CHATS, LINES_EACH, Chats
from core import clock
from core.config import Settings
from core.words import State
from models import provisioning
from models.account import Account
from models.destination import Destination, Kind
from tests.factories import CUSTOMER
from workers.destinations import DESTINATIONS, Target, Telling
from workers.wire import Outside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.journey import Journey

DID, SECRET, KEY = "+966110000100", "whsec_test", CUSTOMER.lstrip("+")


@dataclass
class Door:
    """A gateway's doors, as far as a 3CX sees them: what came, and what is answered."""

    answer: tuple[int, bytes] = (200, b'{"data": {"id": "evt_1"}}')
    heard: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        door = self

        class Call(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                door.heard.append((self.path, dict(self.headers), json.loads(raw)))
                self.send_response(door.answer[0])
                self.end_headers()
                self.wfile.write(door.answer[1])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Call)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def door() -> Iterator[Door]:
    one = Door()
    yield one
    one.close()


@pytest.fixture
def pbx(door: Door) -> Iterator[Pbx]:
    one = Pbx()
    one.start()
    one.connect(Trunk(DID, f"{door.url}/sms", f"{door.url}/webhook", SECRET))
    yield one
    one.stop()


def tell(pbx: Pbx, body: object, *, url: str = "", patience_s: float = 5) -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with urllib3.PoolManager(retries=False, timeout=patience_s) as http:
        return http.request("POST", url or pbx.webhook_url, body=raw).status


def told(text: str = "hi", did: str = DID, line_id: str = "fwd_1") -> dict[str, Any]:
    sender, to = {"phone_number": CUSTOMER}, [{"phone_number": did}]
    return {"data": {"payload": {"id": line_id, "text": text, "from": sender, "to": to}}}


def test_what_the_gateway_tells_stands_in_the_agents_chat_once(
    pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outside, "origins", frozenset({pbx.origin}))
    target = Target("dst_1", pbx.webhook_url, None, DID)
    telling = Telling("fwd_1", clock.now_ms(), {"from": CUSTOMER, "user_id": None, "text": "hi"})
    for _ in range(2):
        deadline = clock.monotonic() + 5
        assert DESTINATIONS["threecx_sms"].deliver(target, telling, deadline) == 200
    assert [line.text for line in pbx.chats.of(CUSTOMER)] == ["hi"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(told(did="+966110000999"), 422), ({"data": {}}, 400), ([], 400), (b"\xff", 400)],
)
def test_what_no_trunk_takes_is_refused(pbx: Pbx, body: object, status: int) -> None:
    assert tell(pbx, body) == status
    assert pbx.chats.of(CUSTOMER) == []


def test_only_who_knows_the_address_reaches_the_trunk(pbx: Pbx) -> None:
    assert tell(pbx, told(), url=pbx.webhook_url[:-1]) == 404


def test_a_pbx_fails_as_it_is_told(pbx: Pbx) -> None:
    pbx.health = Health.FAILING
    assert tell(pbx, told()) == 503
    pbx.health = Health.AWAY
    with pytest.raises(urllib3.exceptions.ProtocolError):
        tell(pbx, told())
    assert pbx.chats.of(CUSTOMER) == []
    pbx.health = Health.SLOW
    with pytest.raises(urllib3.exceptions.TimeoutError):
        tell(pbx, told(), patience_s=0.3)
    assert len(pbx.chats.of(CUSTOMER)) == 1, "it was taken: only the answer comes too late"


def test_an_agents_reply_goes_out_as_a_3cx_sends_it(pbx: Pbx, door: Door) -> None:
    assert pbx.reply(CUSTOMER, "Good morning").taken
    ((path, headers, body),) = door.heard
    assert (path, headers["Authorization"]) == ("/sms", f"Bearer {SECRET}")
    assert body == {"from": DID, "to": CUSTOMER, "text": "Good morning"}


@pytest.mark.parametrize("answer", [(409, b"{}"), (500, b"{}"), (200, b"")])
def test_all_but_a_success_with_words_is_a_red_cross(
    pbx: Pbx, door: Door, answer: tuple[int, bytes]
) -> None:
    door.answer = answer
    assert not pbx.reply(CUSTOMER, "Good morning").taken


def test_a_reply_to_nobody_is_a_red_cross(pbx: Pbx) -> None:
    pbx.connect(Trunk(DID, "http://127.0.0.1:9/sms", "http://127.0.0.1:9/webhook", SECRET))
    assert pbx.reply(CUSTOMER, "Good morning").answered == 0


def test_a_missed_call_is_reported_as_the_webhook_contract_says(pbx: Pbx, door: Door) -> None:
    assert pbx.miss_call(CUSTOMER).taken
    ((path, headers, body),) = door.heard
    assert (path, headers["X-WhatsApp-Gateway-3CX-Secret"]) == ("/webhook", SECRET)
    assert (body["event_type"], body["customer_phone"]) == ("missed_call", CUSTOMER)


def test_chats_are_bounded() -> None:
    chats = Chats()
    for number in range(CHATS + 1):
        chats.add(f"+{number}", Line("one", Who.CUSTOMER, "x" * 9_999, 0))
    for number in range(LINES_EACH + 1):
        chats.add("+1", Line(f"line-{number}", Who.AGENT, "x", 0))
    assert chats.of("+0") == []
    assert len(chats.of("+1")) == LINES_EACH
    assert len(chats.of("+2")[0].text) == 4_096


def test_each_weather_can_be_told_by_its_rules() -> None:
    faults = Sandbox().faults
    for name in WEATHER:
        set_weather(faults, name)
        assert weather(faults) == name
    faults.set([{"garbage": True}])
    assert weather(faults) is None


@dataclass
class Table:
    """The page with its three panes over a journey's database, and a person with a browser."""

    sandbox: Sandbox
    browser: TestClient
    journey: Journey

    @property
    def playground(self) -> Playground:
        assert self.sandbox.playground is not None
        return self.sandbox.playground

    def get(self) -> str:
        return self.browser.simulate_get("/sandbox/", params={"customer": KEY}).text

    def do(self, deed: str, origin: str = "http://127.0.0.1", **fields: str) -> Result:
        return self.browser.simulate_post(
            f"/sandbox/do/{deed}",
            params={"customer": KEY},
            body=urlencode(fields),
            headers={"Origin": origin},
        )


@pytest.fixture
def table(journey: Journey, tmp_path: Path) -> Iterator[Table]:
    sandbox = Sandbox(journal=tmp_path / "journal.jsonl", playground=Playground())
    # In this thread: the threads of a server would leave the run's database open.
    app = falcon.App[falcon.Request, falcon.Response]()
    sandbox.register(journey.number)
    sandbox.add_routes(app)
    sandbox.start()
    yield Table(sandbox, TestClient(app, headers={"Host": "127.0.0.1"}), journey)
    sandbox.stop()


def test_a_day_passes_on_both_sides_and_a_restart_does_not_take_it_back(
    table: Table, tmp_path: Path
) -> None:
    number = table.journey.number.phone_number_id
    table.sandbox.write(number, KEY, {"type": "text", "text": {"body": "hello"}})
    assert table.sandbox.phones.window_is_open(KEY, number)
    assert table.do("later").status_code == 303
    assert not table.sandbox.phones.window_is_open(KEY, number)
    assert table.journey.send(to=CUSTOMER).error == "conversation_window_closed"
    assert "You let 24 hours pass" in table.get()
    again = Sandbox(journal=tmp_path / "journal.jsonl")
    assert not again.phones.window_is_open(KEY, number)


def test_the_pane_between_tells_of_checks_refusals_and_their_fixes(table: Table) -> None:
    journey = table.journey
    assert journey.send(to=CUSTOMER, message_text="It is on its way.").state == State.SENT
    journey.customer_says("Where is it?")
    journey.send(to=CUSTOMER, message_purpose="marketing")
    page = table.get()
    for words in (
        "It is on its way.",
        "every check holds",
        "Try 1: WhatsApp took it",
        "Where is it?",
        "message_purpose_not_allowed",
        "Use support, operational, transactional, internal_team, or authentication.",
    ):
        assert words in page


def test_a_story_of_retries_says_when_the_next_comes(table: Table) -> None:
    table.journey.faults({"error": 131016})
    table.journey.send(to=CUSTOMER)
    (story, *_) = playground_stories.of(table.journey.number.phone_number_id, CUSTOMER)
    assert story.state == State.READY
    waits = story.steps[-2]
    assert "tries again" in waits.words
    assert waits.until_ms is not None
    assert "Try 1: WhatsApp has a passing failure" in story.steps[-3].words


def test_the_pane_tells_of_this_chat_only(table: Table) -> None:
    table.journey.customer_says("Somebody else's words", "+966500000002")
    assert "Somebody else" not in table.get()
    assert playground_stories.of("no such number", CUSTOMER) == []


def test_what_cannot_be_done_is_said_on_the_page_with_what_was_written(table: Table) -> None:
    answer = table.do("reply", text="keep <me>")
    assert answer.status_code == 409
    html = answer.text
    assert 'role="alert"' in html.partition("agent-problem")[2]
    assert "keep &lt;me&gt;</textarea>" in html.partition("agent-problem")[2]
    assert table.do("reply", text=" ").status_code == 400
    assert table.do("weather", weather="hail").status_code == 400
    assert table.do("health", health="tired").status_code == 400
    assert table.do("juggle").status_code == 404


def test_no_other_site_may_do_anything_here(table: Table) -> None:
    assert table.do("weather", "http://evil.example", weather="failing").status_code == 403
    assert table.sandbox.faults.standing() == []


def test_what_an_agent_or_a_customer_writes_is_never_markup(table: Table) -> None:
    evil = "<img src=x onerror=alert(1)>$name"
    table.playground.pbx.chats.add(CUSTOMER, Line('"><b>', Who.CUSTOMER, evil, 0))
    table.journey.customer_says(evil)
    page = table.get()
    assert "<img" not in page
    assert "<b>" not in page


def test_the_demo_has_a_chat_and_leaves_one_alone_that_a_person_set(
    table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings.from_environment({"HOST": "127.0.0.1"})
    greeting = demo.Greeting(settings, table.sandbox, 9)
    greeting.say()
    assert "http://127.0.0.1:9/sandbox/?customer=966500000001" in capsys.readouterr().out
    pbx = table.playground.pbx
    (chat,) = demo_chats()
    assert chat.url == pbx.webhook_url
    assert [each.did for each in chat.ways] == [pbx.trunk.did if pbx.trunk else None]
    provisioning.set_destination(chat.integration_id, Kind.THREECX_SMS, "https://pbx.example/sms")
    greeting.say()
    (chat,) = demo_chats()
    assert chat.url == "https://pbx.example/sms"


def demo_chats() -> list[Destination]:
    return list(Destination.select().join(Account).where(Account.name == "Demo"))
