"""How a destination is doing: its breaker and its news; and telling it something as a test."""

from typing import TYPE_CHECKING, Any

from app.cli.output import Answer, fields, iso
from core import clock
from core.errors import UsageError
from core.ids import new_id
from models.breaker import Breaker
from models.destination import Destination, Kind
from models.forward import Forward, ForwardState
from workers.destinations import DESTINATIONS, DestinationError, Target, Telling
from workers.forwarding import DEADLINE_S
from workers.wire import Outside

if TYPE_CHECKING:
    from core.config import Settings

_LINE = "Test of the gateway: this line reached 3CX. Nothing was sent to the customer."
_UNREACHED = (
    "See that it runs, that its address is right, and that this host may connect to it. Addresses "
    "that are not public must lie in PRIVATE_NETWORKS."
)
_FIXES = {
    1: "Something else than the destination answers there. Check its address.",
    3: "Set the address that it redirects to: a redirect is never followed.",
    4: "It does not know the address, or does not take what it is told. Copy its address again, "
    "and see that the DID is one of that trunk, with an inbound route.",
    5: "It answers and fails. Look at its own logs.",
}


def state_of(destination: Destination) -> dict[str, Any]:
    """Its breaker, and how much of its news waits or has failed."""
    breaker = Breaker.of(destination.id)
    whose = Forward.select().where(Forward.destination_id == destination.id)
    return {
        "breaker": {
            "state": breaker.position(clock.now_ms()).value,
            "failures": breaker.failures,
            "open_until": iso(breaker.open_until_ms),
        },
        "waiting": whose.where(Forward.finished_at_ms.is_null()).count(),
        "failed": whose.where(Forward.state == ForwardState.FAILED.value).count(),
    }


def test(destination: Destination, customer: str | None, settings: "Settings") -> Answer:
    """Tell it something, once; nothing of it is stored, and no customer hears of it.

    Args:
        destination: whom to tell.
        customer: E.164; under this number agents see the line.
        settings: which networks may be reached.

    Raises:
        UsageError: 3CX would not know whose chat it is.
    """
    if destination.kind == Kind.THREECX_SMS and customer is None:
        raise UsageError(
            "threecx_sms needs --customer NUMBER: 3CX shows the test as a chat with that number."
        )
    Outside.private = settings.private_networks
    Outside.hosts = frozenset(settings.sandbox_hosts)
    telling = Telling(new_id("fwd"), clock.now_ms(), _content(destination, customer))
    document: dict[str, object] = {"destination_id": destination.id, "taken": True}
    try:
        deadline = clock.monotonic() + DEADLINE_S
        status = DESTINATIONS[destination.kind].deliver(_target(destination), telling, deadline)
    except DestinationError as failure:
        document |= {"taken": False, "status": failure.status, "words": failure.summary}
        fix = _fix(failure)
        return Answer(document | {"fix": fix}, f"{fields(document)}\n\nTo mend it: {fix}", status=1)
    return Answer(document | {"status": status}, fields(document | {"status": status}))


def _target(destination: Destination) -> Target:
    did = next((each.did for each in destination.ways), None)
    return Target(destination.id, destination.url, destination.secret, did)


def _content(destination: Destination, customer: str | None) -> dict[str, Any]:
    own = destination.integration.instance_id
    return {
        "event": "test",
        "instance_id": next((each.instance_id for each in destination.ways), own),
        "from": customer,
        "user_id": None,
        "customer_name": None,
        "text": _LINE,
        "type": "text",
        "media": None,
        "conversation_id": None,
        "sent_at_ms": clock.now_ms(),
    }


def _fix(failure: DestinationError) -> str:
    if failure.status is None:
        return _UNREACHED
    if failure.retry_after_ms is not None:
        return "Wait, and try again."
    return _FIXES.get(failure.status // 100, _FIXES[1])
