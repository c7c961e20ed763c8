"""`gateway forward`: news on its way into 3CX, what became of it, and beginning it anew."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli import values
from app.cli.output import Answer, iso, listing, record, short_time
from app.cli.parser import Commands, typed
from app.cli.session import opened
from core.errors import UsageError

if TYPE_CHECKING:
    from models.forward import Forward


def _states() -> list[str]:
    from models.forward import ForwardState

    return [state.value for state in ForwardState]


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    forward = commands.noun("forward", "news on its way into 3CX")
    found = forward.single("list", _list, "show news for destinations, the newest first")
    found.add_argument("--state", type=typed(values.one_of(_states)))
    found.add_argument("--destination", metavar="ID")
    found.add_argument("--limit", type=typed(values.whole(1, 10_000)), default="50")
    show = forward.single("show", _show, "tell how far a piece of news has come")
    show.add_argument("id", metavar="ID")
    requeue = forward.single("requeue", _requeue, "begin news anew that failed")
    requeue.add_argument("ids", metavar="ID", nargs="*")
    requeue.add_argument("--failed", action="store_true", help="all that failed")
    requeue.add_argument("--destination", metavar="ID", help="with --failed: only what is for it")


def _list(options: Namespace) -> Answer:
    from models.forward import Forward, ForwardState

    query = Forward.select()
    if options.state:
        query = query.where(Forward.state == options.state)
    if options.destination:
        query = query.where(Forward.destination_id == options.destination)
    with opened(options):
        # Each road has its index: a destination's and the failed by sequence, all by id and time.
        by_sequence = options.destination or options.state == ForwardState.FAILED
        order = Forward.seq if by_sequence else Forward.id
        newest = query.order_by(order.desc()).limit(options.limit)
        rows = [_document(each) | {"received": short_time(each.received_at_ms)} for each in newest]
    for row in rows:
        row["outcome"] = _outcome(row)
    columns = ("forward_id", "received", "kind", "outcome")
    answer = listing("forwards", rows, columns, "There is no such news.")
    for row in rows:
        del row["received"], row["outcome"]
    return answer


def _show(options: Namespace) -> Answer:
    from models.forward import Forward

    with opened(options):
        forward = Forward.load(options.id)
        if forward is None:
            raise UsageError(f"There is no news {options.id[:40]!r}.")
        return record(_document(forward))


def _requeue(options: Namespace) -> Answer:
    from models import provisioning

    if bool(options.ids) == options.failed:
        raise UsageError("gateway forward requeue needs either IDs or --failed.")
    if options.destination and not options.failed:
        raise UsageError("--destination goes with --failed.")
    with opened(options):
        if options.failed:
            if options.destination:
                provisioning.find_destination(options.destination)
            return record({"requeued": provisioning.requeue_failed_news(options.destination)})
        ids = list(dict.fromkeys(options.ids))
        provisioning.requeue_news(ids)
    return record({"requeued": len(ids)})


def _document(forward: "Forward") -> dict[str, Any]:
    return {
        "forward_id": forward.id,
        "destination_id": forward.destination_id,
        "account_id": forward.account_id,
        "instance_id": forward.instance_id,
        "kind": forward.kind,
        "source_id": forward.source_id,
        "state": forward.state,
        "waiting_for": forward.waiting_for,
        "tries": forward.tries,
        "status": forward.status,
        "words": forward.words,
        "received_at": iso(forward.received_at_ms),
        "next_try_at": None if forward.finished else iso(forward.due_at_ms),
        "expires_at": iso(forward.expires_at_ms),
        "finished_at": iso(forward.finished_at_ms),
    }


def _outcome(row: dict[str, Any]) -> str:
    why = row["words"] or (f"waits for {row['waiting_for']}" if row["waiting_for"] else None)
    return f"{row['state']}: {why}" if why else str(row["state"])
