"""What tests do in a gateway's database, in processes of their own, through its models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import models
from app.spool import Entry, Spool
from core import clock
from core.config import Settings
from core.ids import new_id
from core.words import State
from models import lanes, provisioning
from models.database import transaction
from models.destination import Destination, Kind, News, Route
from models.event import Event
from models.forward import Forward
from models.idempotency import Idempotency
from models.inbound_item import InboundItem, Told
from models.instance import Instance
from tests.backends import settings
from tests.factories import change, loaded
from tests.journey import walk
from workers import broker as brokers
from workers import sending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.factories import Site


def errand(variables: Mapping[str, str], work: Callable[..., Any], details: tuple[Any, ...]) -> Any:
    """Do something with the database open that these variables name."""
    models.start(Settings.from_environment(variables), migrating=True)
    try:
        return work(*details)
    finally:
        models.stop()


def keep(site: Site, to: str, text: str, state: str, columns: dict[str, Any]) -> str:
    """An accepted event that has come this far, is due, and is in no queue; its id."""
    brokers.connect(replace(settings(), redis_url=""))
    event = loaded(site.accept(to=to, message_text=text).event_id)
    wanted = State(state)
    event = walk(event.id, to=State.READY if wanted is State.SENDING else wanted)
    if wanted is State.SENDING:
        assert sending.settle(event) is not None
    change(event, due_at_ms=clock.now_ms(), **columns)
    return event.id


def spool(site: Site, to: str, text: str, folder: str) -> str:
    """A webhook that was accepted while the database was away; its event's id."""
    payload = {"event_type": "outbound_message", "to": to, "message_text": text}
    row = site.row(**payload, message_purpose="support")
    assert Spool(Path(folder), 10**6).put(Entry(row, None)) is None
    event_id: str = row["id"]
    return event_id


def keep_item(instance_id: str, said: str, tries: int) -> None:
    """An item of Meta's that is due, and that came this often to grief."""
    InboundItem.keep([Told(instance_id, f"x:{said}", "message", said)])
    transaction(InboundItem.update(due_at_ms=clock.now_ms(), tries=tries).execute)()


@transaction
def keep_old_key(integration_id: str) -> None:
    """A repeat key whose seven days are over."""
    Idempotency.insert(
        integration_id=integration_id, repeat_key="k", body_hash="b", event_id="e", expires_at_ms=1
    ).execute()


def connect(site: Site, url: str, did: str) -> str:
    """Have what customers write told to a 3CX; the destination's id."""
    routes = [Route(did, site.instance_id)]
    made = provisioning.set_destination(site.integration_id, Kind.THREECX_SMS, url, routes=routes)
    return made.id


@transaction
def keep_forward(
    destination_id: str, instance_id: str, said: str, by: str, columns: dict[str, Any]
) -> str:
    """News on its way that is due, is in no queue, and came this far; its id."""
    content = {"from": by, "user_id": None, "text": said, "sent_at_ms": None}
    kept = lanes.keep(
        Destination.get_by_id(destination_id),
        News.MESSAGE_RECEIVED,
        content,
        source_id=new_id("inb"),
        instance_id=instance_id,
        conversation_key=by,
        turn=0,
    )
    forward_id = str(kept)
    Forward.update(due_at_ms=clock.now_ms(), **columns).where(Forward.id == forward_id).execute()
    return forward_id


def pace(instance_id: str, messages_per_second: int) -> None:
    """How fast an instance sends; 0 makes no sense, and breaks the step that reckons with it."""
    provisioning.change_instance(instance_id, {"messages_per_second": messages_per_second})


def pause(instance_id: str) -> None:
    """Pause an instance as an administrator does."""
    provisioning.pause(Instance, instance_id, "a look at the texts")


def resume(instance_id: str) -> None:
    """End the pause of an instance."""
    provisioning.resume(Instance, instance_id)


def waits_for(event_id: str) -> str | None:
    """What an event waits for, if it does."""
    event = Event.load(event_id)
    return event.waiting_for if event else None


def being_sent() -> list[str]:
    """The events that a worker has in hand, or had when it died."""
    return [row.id for row in Event.select(Event.id).where(Event.state == State.SENDING.value)]


def kept(destination_id: str = "") -> dict[str, Any]:
    """All that there is of events, items, news for a 3CX, and old keys."""
    events = Event.select().order_by(Event.seq)
    shown = ("id", "integration_id", "event_type", "state", "error", "reason", "finished_at_ms")
    return {
        "events": [{name: getattr(row, name) for name in shown} for row in events],
        "items": sorted(row.state for row in InboundItem.select(InboundItem.state)),
        "forwards": [
            {name: getattr(row, name) for name in ("id", "state", "finished_at_ms")}
            for row in Forward.select().where(Forward.destination_id == destination_id)
        ],
        "old_keys": Idempotency.select().where(Idempotency.expires_at_ms == 1).count(),
    }
