"""The queries behind a decision: the only bridge from models to policy."""

from typing import Any

import peewee

from core import clock
from core.words import CALL_EVENTS, EventType, State
from models.account import Account
from models.conversation import Conversation
from models.database import locked
from models.event import Event
from models.instance import Instance
from models.integration import Integration
from models.suppression import Suppression
from models.usage import Usage
from workers.policy.facts import Facts

_BROADCAST_MS = 10 * 60 * 1000


def about(event: Event) -> Facts:
    """Everything that `decide` looks at, read without locks: what may change is settled later."""
    content = event.content
    account, instance = _account(event), _instance(event)
    return _facts(
        event,
        account,
        instance,
        purpose=content["purpose"],
        text=content["text"] or "",
        same_text_recipients=_same_text_recipients(event),
        refuse_marketing=account.refuse_marketing,
        blocked_phrases=tuple(account.blocked_phrases),
    )


def settled(event: Event, purpose: str | None) -> Facts:
    """What may have changed since the decision, under the locks of account, instance and person.

    Every writer of an opt-out, a pause or a limit takes the same locks, in this order, so what is
    read here stays true until the transaction of the move to `sending` has ended.
    """
    account, instance = _account(event, lock=True), _instance(event, lock=True)
    return _facts(event, account, instance, purpose=purpose, lock=True)


def _account(event: Event, *, lock: bool = False) -> Account:
    query = Account.select().where(Account.id == event.account_id)
    account: Account = (locked(query) if lock else query).get()
    return account


def _instance(event: Event, *, lock: bool = False) -> Instance:
    columns = (Instance.id, Instance.pause_reason)
    query = Instance.select(*columns).where(Instance.id == event.instance_id)
    instance: Instance = (locked(query) if lock else query).get()
    return instance


def _facts(
    event: Event, account: Account, instance: Instance, *, lock: bool = False, **content: Any
) -> Facts:
    now = clock.now_ms()
    integration = Integration.get_or_none(Integration.id == event.integration_id)
    is_call = event.event_type in CALL_EVENTS
    address = event.address_hash or ""
    conversation = Conversation.with_address(account.id, instance.id, address, lock=lock)
    used = Usage.of(account.id, account.zone_at(now), now)
    return Facts(
        now_ms=now,
        event_type=event.event_type,
        confirms_opt_out=_is_confirmation(event),
        module_enabled=account.module_enabled,
        outbound_enabled=is_call or _is_on(integration, "outbound"),
        call_events_enabled=not is_call or _is_on(integration, "call_events"),
        suppression=Suppression.of(account.id, address),
        last_inbound_at_ms=conversation.last_inbound_at_ms if conversation else None,
        pauses=_pauses(account, instance, integration),
        daily_limit=account.limits.daily,
        monthly_limit=account.limits.monthly,
        daily_used=used.daily,
        monthly_used=used.monthly,
        in_flight=_in_flight(account.id),
        **content,
    )


def _is_on(integration: Integration | None, switch: str) -> bool:
    # What the gateway says of itself has no integration, and no switch.
    return integration is None or (integration.enabled and getattr(integration, switch))


def _is_confirmation(event: Event) -> bool:
    # Nobody outside can make one: what comes in by an integration never passes an opt-out.
    return event.event_type == EventType.OPT_OUT_CONFIRMATION and event.integration_id is None


def _pauses(
    account: Account, instance: Instance, integration: Integration | None
) -> dict[str, str]:
    holders = {"account": account, "instance": instance, "integration": integration}
    return {
        name: holder.pause_reason
        for name, holder in holders.items()
        if holder is not None and holder.pause_reason is not None
    }


def _in_flight(account_id: str) -> int:
    count: int = (
        Event.select()
        .where(Event.account_id == account_id, Event.state == State.SENDING.value)
        .count()
    )
    return count


def _same_text_recipients(event: Event) -> int:
    if event.text_hash is None:
        return 0
    count: int = (
        Event.select(peewee.fn.COUNT(Event.address_hash.distinct()))
        .where(
            Event.account_id == event.account_id,
            Event.text_hash == event.text_hash,
            Event.received_at_ms > event.received_at_ms - _BROADCAST_MS,
            Event.seq <= event.seq,
        )
        .scalar()
    )
    return count
