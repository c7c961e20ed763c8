"""A site on its way: steps taken one by one or by real workers, and WhatsApp over a real socket."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from dramatiq.middleware import SkipMessage

from app.sandbox import Number, Sandbox, envelope
from app.sandbox.chat import Status, customer_key
from core import clock
from core.words import State
from models.attempt import Attempt
from models.decision import Decision
from models.delivery import Delivery
from models.inbound_item import InboundItem
from models.usage import Usage
from schemas import meta
from tests import factories
from tests.factories import APP_SECRET, CUSTOMER, TOKEN, Site, loaded
from workers import inbound, outbound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.event import Event

STEPS = {
    State.RECEIVED: outbound.validate,
    State.VALID: outbound.decide,
    State.ALLOWED: outbound.throttle,
    State.READY: outbound.send,
}
_NOBODY = "http://127.0.0.1:9/"  # statuses are told by the tests themselves


def step(event_id: str) -> Event:
    """Take the step that the event's row asks for, as a worker would, once."""
    actor = STEPS.get(State(loaded(event_id).state))
    if actor is not None:
        with suppress(SkipMessage, dramatiq.Retry):
            actor(event_id)
    return loaded(event_id)


def walk(event_id: str, *, to: State | None = None) -> Event:
    """Take steps until the event rests, waits, or has come as far as wanted."""
    event = loaded(event_id)
    while event.state != to:
        before = (event.state, event.part)
        event = step(event_id)
        if (event.state, event.part) == before:
            break
    return event


@dataclass(frozen=True)
class Journey:
    """A site whose number the sandbox plays Meta for."""

    site: Site
    sandbox: Sandbox
    number: Number = field(repr=False)

    def wrote(self, phone: str = CUSTOMER, at_ms: int | None = None) -> None:
        """The customer wrote, and both WhatsApp and we know."""
        self.site.wrote(phone, at_ms)
        key = customer_key(phone)
        assert key is not None
        wrote_ms = clock.now_ms() if at_ms is None else at_ms
        self.sandbox.phones.opened_window(key, self.number.phone_number_id, wrote_ms)

    def send(self, **payload: Any) -> Event:
        """Accept a message and walk it as far as it goes."""
        return walk(self.site.accept(**payload).event_id)

    def received(self) -> list[str]:
        """The texts that WhatsApp took, in order."""
        return [entry["text"] for entry in self.taken()]

    def taken(self) -> list[dict[str, Any]]:
        """What WhatsApp took of this number, in order."""
        number_id = self.number.phone_number_id
        received = self.sandbox.phones.received()
        return [entry for entry in received if entry["phone_number_id"] == number_id]

    def faults(self, *rules: dict[str, Any]) -> None:
        """Tell WhatsApp how to fail, one message after the other."""
        self.sandbox.faults.set(list(rules))

    def customer_says(self, text: str, phone: str = CUSTOMER, /, **node: Any) -> list[str]:
        """Meta tells of a customer's message (None takes a key out); the ids of what is new."""
        key = customer_key(phone)
        assert key is not None
        usual = {
            "from": key,
            "id": f"wamid.{clock.now_ms()}.{text}",
            "timestamp": str(clock.now_ms() // 1000),
            "type": "text",
            "text": {"body": text},
        }
        said = {name: value for name, value in (usual | node).items() if value is not None}
        return self.told(envelope.inbound(self.number, key, "Sara", said))

    def status_of(self, event: Event, status: str, *, part: int = 0, fails: int = 0) -> list[str]:
        """Meta tells how far a part has come; it is known by our own correlation."""
        correlation = f"{event.id}:{part}"
        wamid = next(
            (
                entry["message_id"]
                for entry in self.taken()
                if entry["biz_opaque_callback_data"] == correlation
            ),
            None,
        )
        assert wamid is not None, "WhatsApp never took this part"
        message = self.sandbox.phones.find(wamid)
        assert message is not None
        message.fails = fails
        return self.told(envelope.status(self.number, message, Status(status)))

    def told(self, raw: bytes) -> list[str]:
        """Meta's webhook comes, past its signature, and workers take it in."""
        kept = keep(self.site, raw)
        inbound.take_in(kept)
        return kept

    def used(self) -> tuple[int, int]:
        """Messages counted today and this month."""
        now = clock.now_ms()
        used = Usage.of(self.site.account_id, self.site.account.zone_at(now), now)
        return used.daily, used.monthly


def keep(site: Site, raw: bytes) -> list[str]:
    """Store what a webhook of Meta's tells; the ids of what is new."""
    return InboundItem.keep(
        inbound.told(site.instance_id, site.account_id, item) for item in meta.items(raw)
    )


@pytest.fixture(scope="session")
def whatsapp() -> Iterator[Sandbox]:
    """The run's WhatsApp, for all sites of the tests in this process."""
    sandbox = Sandbox()
    sandbox.start()
    yield sandbox
    sandbox.stop()


@contextmanager
def a_journey(sandbox: Sandbox, **columns: Any) -> Iterator[Journey]:
    """A new site on this WhatsApp; the columns are the account's."""
    site = factories.a_site(sandbox.base_url, **columns)
    number = Number(site.phone_number_id, "+966110000000", TOKEN, APP_SECRET, _NOBODY)
    sandbox.register(number)
    try:
        yield Journey(site, sandbox, number)
    finally:
        sandbox.faults.set([])
        del sandbox.numbers[number.phone_number_id]


def deliveries(event: Event) -> list[str]:
    """The statuses of an event's parts, in order."""
    rows = Delivery.select().where(Delivery.event_id == event.id).order_by(Delivery.part)
    return [row.status for row in rows]


def attempts(event: Event) -> list[str | None]:
    """What came of each call for an event, in order."""
    rows = Attempt.select().where(Attempt.event_id == event.id).order_by(Attempt.id)
    return [row.outcome for row in rows]


def decisions(event: Event) -> list[tuple[str, str, str, str | None]]:
    """The policy log of an event: stage, check, outcome, code."""
    rows = Decision.select().where(Decision.event_id == event.id).order_by(Decision.id)
    return [(row.stage, row.check_name, row.outcome, row.code) for row in rows]
