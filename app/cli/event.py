"""`gateway event`: what arrived, how far it has come, and beginning it anew."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli import values
from app.cli.output import Answer, iso, listing, record, short_time
from app.cli.parser import Commands, typed
from app.cli.session import opened
from core.errors import ErrorCode, UsageError
from core.words import State

if TYPE_CHECKING:
    from models.event import Event

_MOST = 10_000


def _states() -> list[str]:
    return [state.value for state in State]


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    event = commands.noun("event", "what arrived, and what became of it")
    found = event.single("list", _list, "show events, the newest first")
    found.add_argument("--integration", metavar="ID")
    found.add_argument("--state", type=typed(values.one_of(_states)))
    found.add_argument("--error", type=typed(values.one_of(lambda: [*ErrorCode])))
    found.add_argument("--dead", action="store_true", help="only those that a person must look at")
    found.add_argument("--limit", type=typed(values.whole(1, _MOST)), default="50")
    show = event.single("show", _show, "tell an event's story")
    show.add_argument("id", metavar="ID")
    show.add_argument("--reveal", action="store_true", help="show the number and the text")
    requeue = event.single("requeue", _requeue, "begin refused, dead or uncertain events anew")
    requeue.add_argument("ids", metavar="ID", nargs="+")
    requeue.add_argument(
        "--even-if-uncertain", action="store_true", help="the customer may get it twice"
    )


def _list(options: Namespace) -> Answer:
    with opened(options):
        rows = [_row(each) for each in _found(options)]
    columns = ("event_id", "received", "event_type", "outcome")
    answer = listing("events", rows, columns, "There is no such event.")
    for row in rows:
        del row["received"], row["outcome"]
    return answer


def _show(options: Namespace) -> Answer:
    from app.cli import story
    from models.event import Event

    with opened(options):
        event = Event.load(options.id)
        if event is None:
            raise UsageError(f"There is no event {options.id[:40]!r}.")
        return story.of(event, reveal=options.reveal)


def _requeue(options: Namespace) -> Answer:
    from models import provisioning

    ids = list(dict.fromkeys(options.ids))
    with opened(options) as settings:
        provisioning.requeue(
            ids,
            even_if_uncertain=options.even_if_uncertain,
            due_at_once=not settings.redis_url,
        )
        if settings.redis_url:
            from workers import broker, outbound

            broker.connect(settings)
            for event_id in ids:
                outbound.begin(event_id)
    return record({"requeued": ids})


def _found(options: Namespace) -> Any:
    from models.event import Event

    query = Event.select(
        Event.id, Event.account_id, Event.integration_id, Event.instance_id, Event.event_type,
        Event.state, Event.error, Event.reason, Event.waiting_for, Event.dead,
        Event.received_at_ms, Event.finished_at_ms,
    )  # fmt: skip
    if options.integration:
        query = query.where(Event.integration_id == options.integration)
    if options.state:
        query = query.where(Event.state == options.state)
    if options.error:
        query = query.where(Event.error == options.error)
    if options.dead:
        query = query.where(Event.dead)
    # Each road has its index: an integration's and the dead by sequence, all by id, hence time.
    newest = Event.seq if options.integration or options.dead else Event.id
    return query.order_by(newest.desc()).limit(options.limit)


def _row(event: "Event") -> dict[str, Any]:
    return {
        "event_id": event.id,
        "account_id": event.account_id,
        "integration_id": event.integration_id,
        "instance_id": event.instance_id,
        "event_type": event.event_type,
        "state": event.state,
        "error": event.error,
        "reason": event.reason,
        "waiting_for": event.waiting_for,
        "dead": event.dead,
        "received_at": iso(event.received_at_ms),
        "finished_at": iso(event.finished_at_ms),
        "received": short_time(event.received_at_ms),
        "outcome": _outcome(event),
    }


def _outcome(event: "Event") -> str:
    if event.dead:
        return f"dead: {event.error}"
    if event.error:
        return str(event.error)
    why = event.reason or (f"waits for {event.waiting_for}" if event.waiting_for else None)
    return f"{event.state}: {why}" if why else str(event.state)
