"""Somebody with a hand in the gateway's database, in a process of their own.

They set sites up and look at what is kept, through the models that the gateway uses. Run as a
program, this takes one JSON line per errand (`{"do": …, "with": {…}}`) and answers with one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_END_S = 10


class ClerkError(Exception):
    """An errand failed; the text is what its process said."""


class Clerk:
    """The near side: starts the process, and may be asked from any thread."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._lock = threading.Lock()
        self._log = (folder / "clerk.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clerk"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=dict(environment),
            text=True,
        )

    def do(self, errand: str, **details: Any) -> Any:
        """Have an errand done, by the name of its function below, and hear what came of it."""
        pipe = self._process
        assert pipe.stdin is not None
        assert pipe.stdout is not None
        with self._lock:
            pipe.stdin.write(json.dumps({"do": errand, "with": details}) + "\n")
            pipe.stdin.flush()
            answer = json.loads(pipe.stdout.readline() or '{"failed": "the clerk has gone"}')
        if "failed" in answer:
            raise ClerkError(answer["failed"])
        return answer["value"]

    def stop(self) -> None:
        """Let the process end."""
        self._process.communicate(timeout=_END_S)
        self._log.close()


def site(
    customers: list[str],
    account: dict[str, Any],
    instance: dict[str, Any],
    integration: dict[str, Any],
) -> dict[str, str]:
    """Make an account, an instance and an integration; the customers have just written."""
    from core import clock
    from core.ids import new_id
    from models.account import Account
    from models.conversation import Conversation
    from models.customer import Customer
    from models.database import transaction
    from models.instance import Instance
    from models.integration import Integration
    from models.secret import Secret

    ids = {"account_id": new_id("acc"), "instance_id": new_id("ins")}
    ids["integration_id"] = new_id("int")
    now = clock.now_ms()

    @transaction
    def make() -> str:
        Account.create(**{"id": ids["account_id"], "name": "A", "created_at_ms": now} | account)
        keys = dict.fromkeys(("access_token", "app_secret", "verify_token"), "test-key")
        own = {"id": ids["instance_id"], "account": ids["account_id"], "created_at_ms": now}
        Instance.create(**own | keys | instance)
        own = {"id": ids["integration_id"], "account": ids["account_id"], "created_at_ms": now}
        Integration.create(**own | {"instance": ids["instance_id"]} | integration)
        for each in customers:
            customer = Customer.at(ids["account_id"], each, None, None)
            Conversation.customer_wrote(ids["instance_id"], customer, now)
        return Secret.rotate(ids["integration_id"], 0)

    return ids | {"secret": make()}


def change(table: str, row_id: str, values: dict[str, Any]) -> None:
    """Set columns of an account, instance or integration."""
    from models.account import Account
    from models.database import transaction
    from models.instance import Instance
    from models.integration import Integration

    models: dict[str, Any] = {
        "account": Account,
        "instance": Instance,
        "integration": Integration,
    }
    model = models[table]
    transaction(model.update(**values).where(model.id == row_id).execute)()


def customer_wrote(account_id: str, instance_id: str, phone: str, ms_ago: int) -> None:
    """Let a customer have written to the instance at a time in the past, and not since."""
    from core import clock
    from models.conversation import Conversation
    from models.customer import Customer
    from models.database import transaction

    at_ms = clock.now_ms() - ms_ago
    customer = Customer.at(account_id, phone, None, None)
    Conversation.customer_wrote(instance_id, customer, at_ms)
    conversation = Conversation.update(last_inbound_at_ms=at_ms)
    transaction(conversation.where(Conversation.customer == customer).execute)()


def connect(integration_id: str, routes: list[list[str]]) -> None:
    """Give an integration a chat in 3CX; each route is a DID and the instance it stands for."""
    from models import provisioning
    from models.destination import Kind, Route

    ways = [Route(*each) for each in routes]
    nowhere = "http://127.0.0.1:9/"
    provisioning.set_destination(integration_id, Kind.THREECX_SMS, nowhere, routes=ways)


def name(account_id: str, phone: str, name: str) -> None:
    """Let a customer have a profile name."""
    from models.customer import Customer, address_hash
    from models.database import transaction

    customer = Customer.find(account_id, address_hash(account_id, phone))
    transaction(Customer.update(name=name).where(Customer.id == customer).execute)()


def suppress(account_id: str, phone: str, kind: str) -> None:
    """Let a customer have opted out, or be blocked."""
    from models.suppression import Kind, Suppression

    Suppression.add(account_id, phone, Kind(kind), source="test")


def rotate(integration_id: str, grace_ms: int) -> str:
    """Give an integration a new secret."""
    from models.secret import Secret

    return Secret.rotate(integration_id, grace_ms)


def events(integration_id: str) -> list[dict[str, Any]]:
    """What is kept of an integration's events, in their order."""
    from models.event import Event

    rows = Event.select().where(Event.integration_id == integration_id).order_by(Event.seq)
    shown = ("id", "event_type", "state", "error", "reason", "waiting_for")
    return [{name: getattr(row, name) for name in shown} | row.content for row in rows]


def decisions(event_id: str) -> list[dict[str, Any]]:
    """The policy log of an event."""
    from models.decision import Decision

    rows = Decision.select().where(Decision.event_id == event_id).order_by(Decision.id)
    shown = ("stage", "check_name", "outcome", "code")
    return [{name: getattr(row, name) for name in shown} for row in rows]


def security(integration_id: str) -> dict[str, int]:
    """How often authentication failed for which reason, as far as it is written."""
    from models.security_entry import SecurityEntry

    counts: dict[str, int] = {}
    for row in SecurityEntry.select().where(SecurityEntry.integration_id == integration_id):
        counts[row.reason] = counts.get(row.reason, 0) + row.count
    return counts


def media_paths(instance_id: str) -> list[str]:
    """The path of the link to each item that Meta told an instance of, in order."""
    from models.inbound_item import InboundItem
    from workers import media_link

    media_link.Door.url = "http://gateway"
    items = InboundItem.select().where(InboundItem.instance_id == instance_id)
    links = [media_link.to_file_of(item.id) or "" for item in items.order_by(InboundItem.seq)]
    return [link.removeprefix("http://gateway") for link in links]


def items_came(instance_id: str, ms_ago: int) -> None:
    """Let Meta have told an instance of everything at a time in the past."""
    from core import clock
    from models.database import transaction
    from models.inbound_item import InboundItem

    came = InboundItem.update(received_at_ms=clock.now_ms() - ms_ago)
    transaction(came.where(InboundItem.instance_id == instance_id).execute)()


_ERRANDS = {
    each.__name__: each
    for each in (
        site,
        change,
        connect,
        customer_wrote,
        name,
        suppress,
        rotate,
        events,
        decisions,
        security,
        media_paths,
        items_came,
    )
}


def main() -> None:
    """Do errands until the pipe ends."""
    import models
    from core.config import Settings

    models.start(Settings.from_environment(os.environ))
    for line in sys.stdin:
        errand = json.loads(line)
        try:
            answer = {"value": _ERRANDS[errand["do"]](**errand["with"])}
        except Exception as failure:  # noqa: BLE001 (whoever asked shall hear of it)
            answer = {"failed": f"{type(failure).__name__}: {failure}"}
        print(json.dumps(answer), flush=True)
    models.stop()


if __name__ == "__main__":
    main()
