"""What those who set the gateway up change: accounts, numbers, connections, pauses.

Whatever touches a promise about sending takes the account's lock, and then the row's, as the move
to `sending` does: a send that is settled after such a change sees it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from core import clock
from core.errors import UsageError
from core.ids import new_id
from core.words import PUBLISHED_TYPES, RECORDED_ONLY, EventType, State
from models import backlog, lanes
from models.account import Account
from models.database import locked, transaction
from models.destination import TOLD, Destination, Kind, News, Route
from models.event import Event, Waiting
from models.forward import Forward, WaitingFor
from models.instance import Instance
from models.integration import Integration
from models.secret import Secret, new_secret

Row = TypeVar("Row", Account, Instance, Integration)

_NEVER_SENDING = RECORDED_ONLY | {EventType.TEST}
_SENDING = (PUBLISHED_TYPES | {EventType.OPT_OUT_CONFIRMATION}) - _NEVER_SENDING


def find(model: type[Row], row_id: str) -> Row:
    """The row with this id.

    Raises:
        UsageError: there is none.
    """
    row: Row | None = model.get_or_none(model.id == row_id)
    if row is None:
        raise UsageError(f"There is no {model.__name__.lower()} {_shown(row_id)}.")
    return row


@transaction
def add_account(name: str, **columns: Any) -> Account:
    """A new customer of the gateway; columns that are not given have the model's defaults."""
    account: Account = Account.create(
        id=new_id("acc"), name=name, created_at_ms=clock.now_ms(), **columns
    )
    return account


@transaction
def add_instance(account_id: str, **columns: Any) -> Instance:
    """A new WhatsApp number of an account.

    Raises:
        UsageError: there is no such account.
    """
    account = find(Account, account_id)
    instance: Instance = Instance.create(
        id=new_id("ins"), account=account, created_at_ms=clock.now_ms(), **columns
    )
    return instance


@transaction
def add_integration(account_id: str, instance_id: str, **columns: Any) -> tuple[Integration, str]:
    """A new 3CX connection, and its secret in clear, the only time that it is shown.

    Raises:
        UsageError: there is no such account, or it has no such instance.
    """
    account = find(Account, account_id)
    instance = _instance_of(account.id, instance_id)
    integration: Integration = Integration.create(
        id=new_id("int"),
        account=account,
        instance=instance,
        created_at_ms=clock.now_ms(),
        **columns,
    )
    return integration, Secret.rotate(integration.id, 0)


@transaction
def change_account(account_id: str, columns: dict[str, Any]) -> Account:
    """Set columns of an account; a new time zone holds from its next day on.

    Raises:
        UsageError: there is no such account.
    """
    account = _hold(Account, account_id)
    for name, value in columns.items():
        if name == "timezone":
            account.change_timezone(value, clock.now_ms())
        else:
            setattr(account, name, value)
    account.save(only=account.dirty_fields)
    return account


@transaction
def change_instance(instance_id: str, columns: dict[str, Any]) -> Instance:
    """Set columns of an instance.

    Raises:
        UsageError: there is no such instance.
    """
    _hold(Instance, instance_id)
    Instance.update(**columns).where(Instance.id == instance_id).execute()
    return find(Instance, instance_id)


@transaction
def change_integration(integration_id: str, columns: dict[str, Any]) -> Integration:
    """Set columns of an integration; another instance must be of the same account.

    Raises:
        UsageError: there is no such integration, or its account has no such instance.
    """
    integration = _hold(Integration, integration_id)
    if "instance" in columns:
        _instance_of(integration.account_id, columns["instance"])
    Integration.update(**columns).where(Integration.id == integration_id).execute()
    return find(Integration, integration_id)


@transaction
def change_call_template(integration_id: str, event_type: str, **changes: Any) -> Integration:
    """Change one call event's template of an integration: `enabled`, `text`, or both.

    Raises:
        UsageError: there is no such integration.
    """
    templates = _hold(Integration, integration_id).call_templates
    changed = templates | {event_type: templates.get(event_type, {}) | changes}
    return change_integration(integration_id, {"call_templates": changed})


@transaction
def set_destination(
    integration_id: str,
    kind: Kind,
    url: str,
    *,
    routes: Sequence[Route] = (),
    events: Sequence[News] | None = None,
    secret: str | None = None,
    first_secret: str | None = None,
) -> Destination:
    """Where an integration's news go; one that it has of this kind is replaced, and keeps its id.

    Args:
        integration_id: whose.
        kind: agents' chat, or a webhook.
        url: the address, its form already checked.
        routes: for agents' chat: which DID stands for which of the account's numbers.
        events: what it is told; None for all that its kind can be.
        secret: what a webhook is signed with; None keeps the one it has.
        first_secret: what it is signed with if it has none; None makes one.

    Raises:
        UsageError: there is no such integration, its account has no such instance, or a DID stands
            for two numbers.
    """
    integration = _hold(Integration, integration_id)
    for route in routes:
        _instance_of(integration.account_id, route.instance_id)
    if len({route.did for route in routes}) < len(routes):
        raise UsageError("A DID can stand for one WhatsApp number only; one is given twice.")
    known = Destination.get_or_none(
        Destination.integration == integration, Destination.kind == kind.value
    )
    secret = secret or (known.secret if known else None)
    if kind is Kind.WEBHOOK:
        secret = secret or first_secret or new_secret()
    columns = {
        "url": url,
        "routes": [asdict(route) for route in routes],
        "events": [each.value for each in (events or TOLD[kind])],
        "secret": secret,
    }
    if known is None:
        fixed = {"account": integration.account_id, "integration": integration, "kind": kind.value}
        own = {"id": new_id("dst"), "created_at_ms": clock.now_ms()}
        return Destination.create(**own, **fixed, **columns)
    Destination.update(**columns).where(Destination.id == known.id).execute()
    lanes.release(known.id, WaitingFor.RETRY)
    return Destination.get_by_id(known.id)


def find_destination(destination_id: str) -> Destination:
    """The destination with this id.

    Raises:
        UsageError: there is none.
    """
    found: Destination | None = Destination.get_or_none(Destination.id == destination_id)
    if found is None:
        raise UsageError(f"There is no destination {_shown(destination_id)}.")
    return found


@transaction
def switch_destination(destination_id: str, *, enabled: bool) -> None:
    """Have a destination told again, or nothing more; what is on its way waits meanwhile.

    Raises:
        UsageError: there is no such destination.
    """
    find_destination(destination_id)
    Destination.update(enabled=enabled).where(Destination.id == destination_id).execute()
    if enabled:
        lanes.release(destination_id, WaitingFor.SWITCH)


@transaction
def remove_destination(destination_id: str) -> int:
    """Tell a destination nothing more; what is on its way to it fails.

    Returns:
        How much news was not delivered to it, and never will be.

    Raises:
        UsageError: there is no such destination.
    """
    find_destination(destination_id)
    Destination.delete().where(Destination.id == destination_id).execute()
    return lanes.undelivered(destination_id)


@transaction
def rotate(integration_id: str, grace_ms: int) -> str:
    """A new secret of an integration, in clear; older ones end after the grace period.

    Raises:
        UsageError: there is no such integration.
    """
    find(Integration, integration_id)
    return Secret.rotate(integration_id, grace_ms)


@transaction
def pause(model: type[Row], row_id: str, reason: str) -> Row:
    """Let messages wait from now on; what was paused stays so since then, for the new reason.

    Raises:
        UsageError: there is no such row.
    """
    row = _hold(model, row_id)
    row.pause_reason = reason
    row.paused_at_ms = row.paused_at_ms or clock.now_ms()
    row.save(only=["pause_reason", "paused_at_ms"])
    return row


@transaction
def resume(model: type[Row], row_id: str) -> bool:
    """End a pause and make due what waited for that; False when there was none.

    Raises:
        UsageError: there is no such row.
    """
    row = _hold(model, row_id)
    was_paused = row.pause_reason is not None
    row.pause_reason = row.paused_at_ms = None
    row.save(only=["pause_reason", "paused_at_ms"])
    backlog.release(Waiting.PAUSE, **{f"{model.__name__.lower()}_id": row_id})
    return was_paused


@transaction
def requeue(event_ids: Sequence[str], *, even_if_uncertain: bool, due_at_once: bool) -> None:
    """Begin events anew that were refused, died or rest uncertain: all of them, or none.

    Args:
        event_ids: which.
        even_if_uncertain: whether those may be sent that may have gone out already.
        due_at_once: for a queue that only its own process can wake; the sweep finds them then.

    Raises:
        UsageError: an event is not there, or is not one to be begun anew; the words say which.
    """
    for event_id in event_ids:
        event = Event.load(event_id)
        if event is None:
            raise UsageError(f"There is no event {_shown(event_id)}.")
        _see_that_it_may_go_again(event, even_if_uncertain=even_if_uncertain)
        if not event.revive():
            raise UsageError(f"Event {event_id} has just changed; look at it again.")
    if due_at_once:
        Event.update(due_at_ms=clock.now_ms()).where(Event.id.in_(event_ids)).execute()


@transaction
def requeue_news(forward_ids: Sequence[str]) -> None:
    """Begin news for destinations anew that failed: all of it, or none; the sweep finds it.

    Raises:
        UsageError: it is not there, did not fail, or its destination is gone; the words say which.
    """
    for forward_id in forward_ids:
        forward = Forward.load(forward_id)
        if forward is None:
            raise UsageError(f"There is no news {_shown(forward_id)}.")
        find_destination(forward.destination_id)
        if not forward.revive():
            raise UsageError(f"News {forward_id} is {forward.state}; only failed ones begin anew.")


def requeue_failed_news(destination_id: str | None) -> int:
    """Begin anew all news that failed and whose destination is still there; returns how many.

    Args:
        destination_id: only what is for this one.
    """
    last_seq, count = 0, 0
    while batch := Forward.revive_failed(last_seq, destination_id):
        last_seq, revived = batch
        count += revived
    return count


def _see_that_it_may_go_again(event: Event, *, even_if_uncertain: bool) -> None:
    if event.event_type not in _SENDING:
        raise UsageError(f"Event {event.id} is of a type that sends nothing.")
    if event.state == State.UNCERTAIN and not even_if_uncertain:
        raise UsageError(
            f"Event {event.id} is uncertain: its message may have gone out, and the customer may "
            "get it twice. To begin it anew all the same: --even-if-uncertain"
        )
    if event.state not in {State.REFUSED, State.UNCERTAIN}:
        raise UsageError(
            f"Event {event.id} is {event.state}; only refused, dead and uncertain ones begin anew."
        )


def _hold(model: type[Row], row_id: str) -> Row:
    row = find(model, row_id)
    account_id = row.id if isinstance(row, Account) else row.account_id
    locked(Account.select(Account.id).where(Account.id == account_id)).first()
    held: Row = locked(model.select().where(model.id == row_id)).get()
    return held


def _instance_of(account_id: str, instance_id: str) -> Instance:
    instance = find(Instance, instance_id)
    if instance.account_id != account_id:
        raise UsageError(f"Instance {instance_id} belongs to another account than {account_id}.")
    return instance


def _shown(row_id: str) -> str:
    return row_id[:40] if row_id.isprintable() else repr(row_id[:40])
