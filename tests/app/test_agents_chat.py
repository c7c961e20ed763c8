"""Which equal messages of agents' chat are one: those of which nobody has had the answer."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson
import pytest

from app.door import create_app
from app.server import Server
from app.watch import Watch
from app.webhooks.keeping import Keeper
from core import clock, crash
from core.signing import SECRET_HEADER
from models import provisioning
from models.conversation import Conversation
from models.customer import address_hash
from models.database import close_connection
from models.destination import Kind, Route
from models.event import Event
from models.idempotency import UNANSWERED_MS, Idempotency, RepeatKeys
from models.patience import within
from models.security_entry import SecurityEntry
from models.unavailable import DatabaseUnavailable
from tests.factories import CUSTOMER, NOON_MS, Site, a_site
from tests.trunk import DID
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.backends import Store
    from tests.wire import Answer

pytestmark = pytest.mark.usefixtures("broker")

THREADS = 2
BRIEF = RepeatKeys(("sms:aa",), "sms:aa", None, life_ms=UNANSWERED_MS)


@dataclass
class Chat:
    """A 3CX whose agents chat through a door on a socket."""

    site: Site
    server: Server
    watch: Watch
    secret: str

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.effective_port

    def request(self, text: str, did: str) -> tuple[list[tuple[str, str]], bytes]:
        body = orjson.dumps({"from": did, "to": CUSTOMER, "text": text})
        return [("Authorization", f"Bearer {self.secret}")], body

    def says(self, text: str = "Yes.", did: str = DID) -> Answer:
        headers, body = self.request(text, did)
        return ask(self.address, "POST", self.path, headers, body)

    @property
    def path(self) -> str:
        return f"/integrations/3cx/{self.site.integration_id}/sms"

    def begins_to_say(self, text: str = "Yes.") -> socket.socket:
        """Send the request, and do not read the answer."""
        headers, body = self.request(text, DID)
        lines = [f"POST {self.path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        connection = socket.create_connection(self.address)
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection

    def did(self, phone: str = CUSTOMER) -> str | None:
        hashed = address_hash(self.site.account_id, phone)
        found = Conversation.with_address(self.site.account_id, self.site.instance_id, hashed)
        return found.did if found else None


def id_of(answer: Answer) -> str:
    assert answer.status == 200, answer
    event_id: str = answer.json()["data"]["id"]
    return event_id


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Iterator[Keeper]:
    with running(Keeper(replace(store.settings, spool_dir=tmp_path / "spool"))) as keeper:
        yield keeper


@contextmanager
def running(keeper: Keeper) -> Iterator[Keeper]:
    keeper.start()
    yield keeper
    keeper.stop()


@pytest.fixture
def chat(store: Store, keeper: Keeper) -> Iterator[Chat]:
    with chatting(store, keeper) as chat:
        yield chat


@contextmanager
def chatting(store: Store, keeper: Keeper) -> Iterator[Chat]:
    site = a_site()
    routes = [Route(DID, site.instance_id), Route("+966112000002", site.instance_id)]
    provisioning.set_destination(
        site.integration_id, Kind.THREECX_SMS, "http://127.0.0.1:9/", routes=routes
    )
    secret = provisioning.rotate(site.integration_id, 0)
    watch = Watch(10**9)
    app = create_app(store.settings, watch, keeper, None)
    server = Server(app, "127.0.0.1", 0, THREADS)
    serving = threading.Thread(target=server.serve, args=(5.0,))
    serving.start()
    yield Chat(site, server, watch, secret)
    goodbye = Goodbye()
    for _ in range(THREADS):
        server.add_task(goodbye)
    goodbye.everybody.wait(10)
    server.request_stop()
    serving.join()


class Goodbye:
    """The last task of each thread of a server, whose connection would be left open."""

    def __init__(self) -> None:
        self.everybody = threading.Barrier(THREADS + 1)

    def service(self) -> None:
        close_connection()
        self.everybody.wait(10)


class Held:
    """Holds who passes a point until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, *, at_most: int = 1) -> None:
        self._name, self._places = name, threading.Semaphore(at_most)
        self.passed, self._released = threading.Semaphore(0), threading.Event()
        monkeypatch.setattr(crash, "_trap", self)

    def __call__(self, point: str) -> None:
        if point == self._name and self._places.acquire(blocking=False):
            self.passed.release()
            assert self._released.wait(10)

    def release(self) -> None:
        self._released.set()


def until(ready: Callable[[], object]) -> None:
    ends = clock.monotonic() + 10
    while not ready():
        assert clock.monotonic() < ends
        clock.sleep(0.01)


def until_events(count: int) -> None:
    until(lambda: Event.select().count() >= count)


def test_who_hangs_up_before_the_answer_and_repeats_gets_the_message_that_was_kept(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, "after commit _keep")
    connection = chat.begins_to_say()
    assert held.passed.acquire(timeout=10)
    connection.close()
    held.release()
    (first,) = Event.select()
    assert id_of(chat.says()) == first.id
    assert id_of(chat.says()) != first.id
    assert Event.select().count() == 2


def test_nothing_is_kept_of_who_has_gone_already_and_will_repeat_it(
    store: Store, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, "after commit _keep", at_most=THREADS)
    with chatting(store, keeper) as chat:
        others = [chat.begins_to_say(f"Number {number}.") for number in range(THREADS)]
        for _ in others:
            assert held.passed.acquire(timeout=10)
        chat.begins_to_say().close()
        held.release()
        assert id_of(chat.says("And this."))
        for each in others:
            each.close()
    texts = {each.content["text"] for each in Event.select()}
    assert texts == {"Number 0.", "Number 1.", "And this."}


def test_a_repeat_after_an_error_of_ours_is_the_message_that_was_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [DatabaseUnavailable("the connection broke during the commit")]

    def trap(point: str) -> None:
        if point == "after commit _keep" and broken:
            raise broken.pop()

    monkeypatch.setattr(crash, "_trap", trap)
    with running(Keeper(store.settings)) as keeper, chatting(store, keeper) as chat:
        assert chat.says().refusal == (503, "service_unavailable")
        (first,) = Event.select()
        until(lambda: chat.says(text="").status == 422)
        assert id_of(chat.says()) == first.id
        assert id_of(chat.says()) != first.id


def test_a_key_marks_a_repeat_for_sixty_seconds() -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    first = site.accept(repeats=BRIEF)
    clock.turn(UNANSWERED_MS - 1)
    assert site.accept(repeats=BRIEF).event_id == first.event_id
    clock.turn(1)
    assert not site.accept(repeats=BRIEF).duplicate


def test_what_is_forgotten_is_the_key_of_one_event() -> None:
    site = a_site()
    first = site.accept(repeats=BRIEF)
    Idempotency.forget(site.integration_id, BRIEF, "evt_another")
    assert site.accept(repeats=BRIEF).duplicate
    Idempotency.forget(site.integration_id, BRIEF, first.event_id)
    assert not site.accept(repeats=BRIEF).duplicate


def test_nothing_is_remembered_of_what_was_answered(chat: Chat) -> None:
    for _ in range(3):
        chat.says()
    until(lambda: not Idempotency.select().count())


def test_while_the_database_is_away_two_equal_texts_are_two_messages(
    chat: Chat, store: Store
) -> None:
    assert id_of(chat.says())
    with store.away():
        ids = [id_of(chat.says()) for _ in range(2)]
    until_events(3)
    assert {each.id for each in Event.select()} >= set(ids)
    assert {each.state for each in Event.select()} == {"received"}


def test_while_it_is_away_who_was_not_answered_is_remembered_for_sixty_seconds(
    chat: Chat, store: Store, keeper: Keeper
) -> None:
    rows = [chat.site.row(message_text="Yes.") for _ in range(4)]
    with store.away(), within(1.0):
        first = keeper.accept(rows[0], BRIEF)
        assert keeper.accept(rows[1], BRIEF).event_id == first.event_id
        keeper.was_answered(chat.site.integration_id, BRIEF, first.event_id)
        anew = keeper.accept(rows[2], BRIEF)
        assert not anew.duplicate
    until_events(2)
    assert keeper.accept(rows[3], BRIEF).event_id == anew.event_id
    clock.freeze(clock.now_ms() + UNANSWERED_MS)
    clock.turn(UNANSWERED_MS)
    assert not keeper.accept(rows[3], BRIEF).duplicate


def test_a_key_at_the_wrong_place_is_not_written_into_the_security_log(chat: Chat) -> None:
    for path in (
        f"{chat.path}/{chat.secret}/",
        f"{chat.path}//{chat.secret}",
        f"{chat.path}/sms/{chat.secret}",
        f"/integrations/3cx/{chat.secret}/sms",
        f"/integrations/3cx/webhook/{chat.secret}",
        f"/integrations/3cx/{chat.secret}",
    ):
        assert ask(chat.address, "POST", path).status == 401
    chat.watch.write()
    entries = [each.integration_id for each in SecurityEntry.select()]
    assert len(entries) >= 5
    assert "whsec" not in str(entries)


@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_while_it_is_away_nobody_is_looked_up(chat: Chat, store: Store) -> None:
    path = f"/integrations/3cx/{chat.site.integration_id}/lookup"
    asked = ([(SECRET_HEADER, chat.secret)], orjson.dumps({"number": CUSTOMER}))
    assert ask(chat.address, "POST", path, *asked).json() == {"success": True, "contact": None}
    with store.away():
        refused = ask(chat.address, "POST", path, *asked)
    assert refused.refusal == (503, "service_unavailable")
    assert refused.header("Retry-After")


def test_the_customer_s_next_message_goes_to_the_chat_that_wrote_last(chat: Chat) -> None:
    chat.site.wrote()
    for did in (DID, "+966112000002", "+966112000002", DID):
        id_of(chat.says(did=did))
        until(lambda did=did: chat.did() == did)


def test_no_conversation_begins_by_an_agent_s_message(store: Store, keeper: Keeper) -> None:
    with chatting(store, keeper) as chat:
        id_of(chat.says())
    assert Conversation.select().count() == 0
