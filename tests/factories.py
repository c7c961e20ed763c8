"""Sites to test on: an account with a number and a 3CX connection, and what happens to them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from app.directory import Directory
from app.webhooks.acceptance import Acceptance, Row, keep, row_of
from core import clock
from core.ids import new_id
from models import provisioning
from models.account import Account
from models.conversation import Conversation
from models.customer import Customer, address_hash
from models.database import transaction
from models.event import Event
from models.idempotency import RepeatKeys
from models.instance import Instance
from models.integration import Integration

if TYPE_CHECKING:
    from core.words import State

CUSTOMER = "+966500000001"
TOKEN, APP_SECRET = "EAAtest", "test-app-secret"
TEXT = "Your technician arrives at ten."
DAY_MS = 24 * 60 * 60 * 1000
NOON_MS = 1_795_348_800_000  # 22 November 2026, 12:00 UTC

_numbers = itertools.count(106_540_352_242_922)


@dataclass(frozen=True)
class Site:
    """An account, its WhatsApp number and its 3CX connection."""

    account_id: str
    instance_id: str
    integration_id: str
    phone_number_id: str

    @property
    def account(self) -> Account:
        """The account as it stands."""
        return provisioning.find(Account, self.account_id)

    @property
    def instance(self) -> Instance:
        """The instance as it stands."""
        return provisioning.find(Instance, self.instance_id)

    def set_account(self, **columns: Any) -> None:
        """Change the account as an administrator does."""
        provisioning.change_account(self.account_id, columns)

    def set_integration(self, **columns: Any) -> None:
        """Change the integration as an administrator does."""
        provisioning.change_integration(self.integration_id, columns)

    def pause(self, model: Any = Account) -> None:
        """Pause the account, instance or integration."""
        provisioning.pause(model, self._id_of(model), "a look at the texts")

    def resume(self, model: Any = Account) -> None:
        """End that pause."""
        provisioning.resume(model, self._id_of(model))

    def _id_of(self, model: Any) -> str:
        ids: dict[Any, str] = {
            Account: self.account_id,
            Instance: self.instance_id,
            Integration: self.integration_id,
        }
        return ids[model]

    def wrote(self, phone: str = CUSTOMER, at_ms: int | None = None) -> None:
        """A customer wrote at this time (now), which opens the window."""
        customer = Customer.at(self.account_id, phone, None, None)
        Conversation.customer_wrote(
            self.instance_id, customer, clock.now_ms() if at_ms is None else at_ms
        )

    def window(self, phone: str = CUSTOMER) -> int | None:
        """When the customer last wrote, as we know it."""
        hashed = address_hash(self.account_id, phone)
        found = Conversation.with_address(self.account_id, self.instance_id, hashed)
        return found.last_inbound_at_ms if found else None

    def accept(
        self,
        *,
        key: str | None = None,
        repeats: RepeatKeys | None = None,
        **payload: Any,
    ) -> Acceptance:
        """Post the webhook, past the proof of who is calling; None takes a field out."""
        usual = {"event_type": "outbound_message", "to": CUSTOMER, "message_text": TEXT}
        body = {
            name: value
            for name, value in (usual | {"message_purpose": "support"} | payload).items()
            if value is not None
        }
        if key is not None:
            repeats = RepeatKeys((key,), sha256(orjson.dumps(body)).hexdigest(), key)
        return keep(self.row(**body), repeats)

    def row(self, **payload: Any) -> Row:
        """What a webhook becomes, not yet kept."""
        known = Directory().integration(self.integration_id)
        assert known is not None
        return row_of(known, payload)

    def event(self, **payload: Any) -> Event:
        """An accepted event that nobody has begun to work on."""
        return loaded(self.accept(**payload).event_id)

    def event_in(
        self, state: State, *, columns: dict[str, Any] | None = None, **payload: Any
    ) -> Event:
        """An event that came this far, with further columns of its row set by hand."""
        event = self.event(**payload)
        change(event, state=state.value, **(columns or {}))
        return loaded(event.id)


@transaction
def change(event: Event, **columns: Any) -> None:
    """Set columns of an event's row by hand."""
    Event.update(**columns).where(Event.id == event.id).execute()


@transaction
def copies(event: Event, count: int, **columns: Any) -> list[str]:
    """So many more events like this one; their ids, in order."""
    row: dict[str, Any] = next(iter(Event.select().where(Event.id == event.id).dicts()))
    del row["seq"]
    row["payload"] = orjson.dumps(event.content).decode()
    rows = [{**row, "id": new_id("evt"), **columns} for _ in range(count)]
    Event.insert_many(rows).execute()
    return [each["id"] for each in rows]


def loaded(event_id: str) -> Event:
    """The event as it stands in the database."""
    event = Event.load(event_id)
    assert event is not None
    return event


def a_site(base_url: str = "http://127.0.0.1:9", **columns: Any) -> Site:
    """A new site; its columns are the account's."""
    account = provisioning.add_account("Acme", **columns)
    phone_number_id = str(next(_numbers))
    instance = provisioning.add_instance(
        account.id,
        phone_number_id=phone_number_id,
        access_token=TOKEN,
        app_secret=APP_SECRET,
        verify_token="verify",
        base_url=base_url,
    )
    integration, _ = provisioning.add_integration(
        account.id, instance.id, default_region="SA", call_events=False
    )
    return Site(account.id, instance.id, integration.id, phone_number_id)


def phone(number: int) -> str:
    """One of many customers."""
    return f"+9665{number:08d}"
