"""What the gateway did between the two panes: the newest events and messages, each as a story."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app import traces
from app.traces import Traces
from core.errors import ErrorCode
from core.words import EventType, State
from models.attempt import Attempt
from models.conversation import conversation_key
from models.customer import address_hash
from models.decision import Decision
from models.delivery import FAILED, Delivery
from models.destination import News
from models.event import Event
from models.forward import Forward, ForwardState
from models.inbound_item import InboundItem, ItemState
from models.instance import Instance
from schemas import meta

AT_MOST = 25
_EXCERPT = 90
_TITLES: Mapping[str, str] = {
    EventType.OUTBOUND_MESSAGE: "The agent replied",
    EventType.INBOUND_REPLY: "The agent replied",
    EventType.MISSED_CALL: "A missed call",
    EventType.VOICEMAIL: "A voicemail",
    EventType.CALL_ENDED: "A call ended",
    EventType.QUEUE_CALLBACK: "A callback from the queue",
    EventType.AFTER_HOURS: "A call after hours",
    EventType.OPT_OUT_CONFIRMATION: "The opt-out is confirmed",
    EventType.TEST: "A test",
}
_REASONS = {
    "cooldown": "Nothing is sent: this customer was told about a call in the last 15 minutes.",
    "template_disabled": "Nothing is sent: the template of this call event is off.",
    "maybe_sent": "The message may have gone out. It is never sent again by itself.",
    "lease_lapsed": "Whoever was sending it is gone; it may have gone out.",
}
_WAITS = {
    "seat": "Waits for its turn in the queue.",
    "turn": "Waits for an earlier message of this chat.",
    "pause": "Sending is paused by a person or an error.",
    "limit": "Waits for a limit.",
    "slot": "Waits for its slot: WhatsApp's pace.",
    "provider": "Waits before it tries again.",
    "retry": "Waits before it tries again.",
    "place": "Waits for a free place.",
    "outage": "The way is broken; waits for the next probe.",
    "switch": "The destination is switched off.",
}
_NEWS: Mapping[str, str] = {
    News.MESSAGE_RECEIVED: "The message",
    News.REPLY_NOT_SENT: "A line that says why",
    News.AUTOMATIC_MESSAGE_SENT: "A line that shows it",
}
_GOOD, _BAD, _WAITING, _PLAIN = "good", "bad", "waiting", ""
_STATE_TONES: Mapping[str, str] = {
    State.SENT: _GOOD,
    State.REFUSED: _BAD,
    State.RECORDED: _PLAIN,
    State.UNCERTAIN: _WAITING,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, with what is shown below it, and `more` for who asks.

    Times are epoch milliseconds; `until_ms` is when it goes on.
    """

    words: str
    tone: str = _PLAIN
    at_ms: int | None = None
    note: str = ""
    more: str = ""
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A message's or a call's way through the gateway; `way` is `in`, `out` or `deed`."""

    id: str
    way: str
    title: str
    at_ms: int
    said: str = field(default="", repr=False)
    state: str = ""
    tone: str = _PLAIN
    steps: tuple[Step, ...] = ()


def of(phone_number_id: str, address: str) -> list[Story]:
    """The newest stories between a business number and a customer, the newest first.

    Args:
        phone_number_id: of the number.
        address: the customer's, E.164 or a user id.
    """
    instance = Instance.get_or_none(Instance.phone_number_id == phone_number_id)
    if instance is None:
        return []
    key = conversation_key(instance.id, address_hash(instance.account_id, address))
    events = _newest(Event, Event.instance_id == instance.id, Event.conversation_key, key)
    items = _newest(
        InboundItem,
        (InboundItem.instance_id == instance.id) & (InboundItem.kind == meta.InboundMessage.kind),
        InboundItem.conversation_key,
        key,
    )
    left = traces.of(each.id for each in (*events, *items))
    stories = [_of_event(each, left[each.id]) for each in events]
    stories += [_of_item(each, left[each.id]) for each in items]
    return sorted(stories, key=lambda story: story.at_ms, reverse=True)[:AT_MOST]


def _newest(model: Any, whose: Any, column: Any, key: str) -> list[Any]:
    # What has no key could not be given to anybody: a call without a number.
    query = model.select().where(whose, (column == key) | column.is_null())
    return list(query.order_by(model.seq.desc()).limit(AT_MOST))


def _of_event(event: Event, left: Traces) -> Story:
    return Story(
        id=event.id,
        way="out",
        title=_TITLES.get(event.event_type, event.event_type.replace("_", " ").capitalize()),
        at_ms=event.received_at_ms,
        said=_excerpt(event.content.get("text")),
        state=event.state,
        tone=_STATE_TONES.get(event.state, _WAITING),
        steps=tuple(_steps_of_event(event, left)),
    )


def _steps_of_event(event: Event, left: Traces) -> Iterator[Step]:
    own = event.integration_id is None
    yield Step(
        "Made by the gateway" if own else "Kept, then acknowledged", at_ms=event.received_at_ms
    )
    done = [*map(_of_decision, left.decisions), *map(_of_attempt, left.attempts)]
    yield from sorted(done, key=lambda step: step.at_ms or 0)
    if event.error:
        code = ErrorCode(event.error)
        words = f"Refused: {code.cause}."
        # The clock of the decision may be a moment ahead of that of the end.
        ended_ms = max(event.finished_at_ms or 0, *(step.at_ms or 0 for step in done), 0)
        yield Step(words, _BAD, ended_ms, note=f"{code.value} · {code.fix}.")
    elif event.reason:
        words = _REASONS.get(event.reason, f"Reason: {event.reason.replace('_', ' ')}.")
        yield Step(words, _PLAIN, event.finished_at_ms, note=event.reason)
    if not event.finished and event.waiting_for:
        yield _waiting(event.waiting_for, event.due_at_ms)
    yield from map(_of_delivery, left.deliveries)
    yield from map(_of_forward, left.forwards)


def _of_item(item: InboundItem, left: Traces) -> Story:
    told = meta.from_bytes(item.content)
    said = told.text if isinstance(told, meta.InboundMessage) else ""
    kind = told.type if isinstance(told, meta.InboundMessage) else item.kind
    state, tone = _how_far(item, left.forwards)
    return Story(
        id=item.id,
        way="in",
        title="The customer wrote" if kind == "text" else f"The customer sent: {kind}",
        at_ms=item.received_at_ms,
        said=_excerpt(said),
        state=state,
        tone=tone,
        steps=(
            Step("Meta's webhook: signature checked, kept, answered", at_ms=item.received_at_ms),
            *map(_of_forward, left.forwards),
        ),
    )


def _how_far(item: InboundItem, forwards: list[Forward]) -> tuple[str, str]:
    if item.state != ItemState.DONE or not forwards:
        return {
            ItemState.DEAD.value: ("dead", _BAD),
            ItemState.DONE.value: ("taken in", _PLAIN),
        }.get(item.state, (item.state, _WAITING))
    states = {each.state for each in forwards}
    for state, tone in (
        (ForwardState.FAILED, _BAD),
        (ForwardState.DELIVERING, _WAITING),
        (ForwardState.WAITING, _WAITING),
    ):
        if state.value in states:
            return state.value, tone
    return ForwardState.DELIVERED.value, _GOOD


def _of_decision(row: Decision) -> Step:
    where = "Policy" if row.stage == "decide" else f"Policy, again before {row.stage}"
    if row.outcome == "allow":
        return Step(f"{where}: every check holds", _GOOD, row.decided_at_ms, more=_seen(row.saw))
    check = row.check_name.replace("_", " ")
    words = f"{where}: “{check}” does not hold"
    tone = _BAD if row.outcome == "refuse" else _WAITING
    return Step(words, tone, row.decided_at_ms, note=_seen(row.saw))


def _of_attempt(row: Attempt) -> Step:
    which = f"Try {row.number}" + (f" of part {row.part + 1}" if row.part else "")
    if row.outcome is None:
        return Step(f"{which}: asking WhatsApp …", _WAITING, row.started_at_ms)
    took = f"{(row.finished_at_ms or row.started_at_ms) - row.started_at_ms} ms"
    if row.outcome == "sent":
        return Step(f"{which}: WhatsApp took it", _GOOD, row.started_at_ms, note=took)
    tone = _WAITING if row.outcome == "uncertain" else _BAD
    return Step(f"{which}: {row.words}", tone, row.started_at_ms, note=took)


def _of_delivery(row: Delivery) -> Step:
    which = f" of part {row.part + 1}" if row.part else ""
    if row.status == "unknown":
        return Step(f"No word{which} of WhatsApp yet", _WAITING)
    note = f"Meta's code {row.provider_code}" if row.provider_code is not None else ""
    tone = _BAD if row.status == FAILED else _GOOD
    return Step(f"WhatsApp says{which}: {row.status}", tone, note=note)


def _of_forward(row: Forward) -> Step:
    what = _NEWS.get(row.kind, row.kind)
    tries = f"{row.tries} {'try' if row.tries == 1 else 'tries'}"
    http = None if row.status is None else f"HTTP {row.status}"
    last = ", ".join(filter(None, (row.words, http)))
    if row.state == ForwardState.DELIVERED:
        words = f"{what} is in the agents' chat"
        return Step(words, _GOOD, row.finished_at_ms, note=f"{tries}, {http}")
    if row.state == ForwardState.FAILED:
        return Step(f"{what} never reached 3CX: {row.words}", _BAD, row.finished_at_ms, note=tries)
    if row.state == ForwardState.DELIVERING:
        return Step(f"{what} is on its way into 3CX …", _WAITING, note=tries)
    why = _WAITS.get(row.waiting_for or "", "")
    return Step(
        f"{what} is not in 3CX yet. {why}".strip(),
        _WAITING,
        note=f"{tries}{': ' if last else ''}{last}",
        until_ms=row.due_at_ms if row.waiting_for in ("retry", "outage") else None,
    )


def _waiting(what_for: str, due_at_ms: int) -> Step:
    return Step(_WAITS.get(what_for, what_for), _WAITING, until_ms=due_at_ms)


def _seen(saw: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {'none' if value in (None, []) else value}" for name, value in saw.items()
    )


def _excerpt(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1] + "…"
