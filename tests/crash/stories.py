"""What happens to a gateway that is to die: together they pass every point of the journeys.

A story has two halves. Before its `yield` the gateway does not run; after it, it does, and may die
at any moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core import clock
from tests.crash import errands
from tests.crash.case import CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.case import Case

_LONG = " ".join(f"{number:04}" for number in range(1000))
_TOKEN_REFUSED, _WINDOW_CLOSED, _BLOCKED, _PASSING = 190, 131047, 130403, 131016


def replies(case: Case) -> Iterator[None]:
    """Two replies to one person, the first in two parts and repeated; the second waits for it."""
    case.gateway.whatsapp.faults.set([{"delay_ms": 500}])
    yield
    first = case.say(_LONG, "sent")
    assert case.say(_LONG, "sent") == first
    case.say("And that was all.", "sent")


def crowd(case: Case) -> Iterator[None]:
    """More replies at a time than the instance has places for requests, the first a slow one."""
    case.gateway.whatsapp.faults.set([{"delay_ms": 500}])
    yield
    for number, customer in enumerate(CUSTOMERS[:4]):
        case.say(f"Number {number} of many.", "sent", to=customer)


def left_in_the_spool(case: Case) -> Iterator[None]:
    """Replies that were kept while the database was away, and one that comes after it."""
    case.spool("Kept beside the database.", "sent")
    case.spool("So was this.", "sent")
    yield
    case.say("And this came after.", "sent")


def nothing_to_send(case: Case) -> Iterator[None]:
    """Events that end without a message: refused at once, only recorded, and a test."""
    yield
    case.say("To nobody.", "refused", to=None)
    case.say("It began.", "recorded", event_type="call_started")
    case.say("A rehearsal.", "recorded", event_type="test")


def opt_out(case: Case) -> Iterator[None]:
    """The customer says STOP, hears one confirmation, and nothing after it."""
    yield
    case.confirmations = 1
    case.customer_writes({"type": "text", "text": {"body": "STOP"}}, opt_out=True)
    case.until(case.received)
    case.say("Are you still there?", "refused")


def new_number(case: Case) -> Iterator[None]:
    """The customer has a new number."""
    yield
    changed = {"type": "user_changed_number", "wa_id": "966500000099", "body": "moved"}
    case.customer_writes({"type": "system", "system": changed})


def failed_later(case: Case) -> Iterator[None]:
    """WhatsApp takes a message, and tells afterwards that it did not arrive."""
    case.gateway.whatsapp.faults.set([{"failed": _WINDOW_CLOSED}])
    yield
    event_id = case.say("To a phone that is off.", "sent")
    case.until(lambda: case.status(event_id)["delivery"] == "failed")


def _fails(case: Case, **fault: Any) -> None:
    case.gateway.whatsapp.faults.set([fault])


def provider_passing(case: Case) -> Iterator[None]:
    """WhatsApp has a passing failure: the message goes at the second try."""
    _fails(case, error=_PASSING)
    yield
    case.say("Second time lucky.", "sent")


def provider_pauses(case: Case) -> Iterator[None]:
    """WhatsApp asks for a person: the instance pauses, and its message goes after the pause."""
    _fails(case, error=_TOKEN_REFUSED)
    yield
    event_id = case.say("After the pause.", "sent")
    ends = ("sent", "uncertain")
    case.until(
        lambda: (
            case.gateway.do(errands.waits_for, event_id) == "pause"
            or case.status(event_id)["state"] in ends
        )
    )
    case.gateway.do(errands.resume, case.site.instance_id)


def provider_blocks(case: Case) -> Iterator[None]:
    """The business has blocked the customer: this message is refused, and so are later ones."""
    _fails(case, error=_BLOCKED)
    yield
    case.say("To a blocked customer.", "refused")


def provider_closes(case: Case) -> Iterator[None]:
    """WhatsApp knows better when the window closed."""
    _fails(case, error=_WINDOW_CLOSED)
    yield
    case.say("Too late.", "refused")


def answer_lost(case: Case) -> Iterator[None]:
    """WhatsApp takes the message, and the connection breaks before its answer."""
    _fails(case, reset="after")
    yield
    case.say("It went.", "sent")


def request_lost(case: Case) -> Iterator[None]:
    """The connection breaks after the request, and WhatsApp has not taken it."""
    _fails(case, reset="before")
    yield
    case.say("It did not go.", "uncertain")


def found_by_the_sweep(case: Case) -> Iterator[None]:
    """What was committed and is in no queue, in every state; and what is old."""
    for customer, state in zip(CUSTOMERS, ("received", "valid", "allowed", "ready"), strict=False):
        case.place(f"Found while {state}.", "sent", to=customer, state=state)
    case.gateway.do(errands.keep_old_key, case.site.integration_id)
    yield


def broken_item(case: Case) -> Iterator[None]:
    """An item of Meta's that nobody can read, at its last try."""
    case.gateway.do(errands.keep_item, case.site.instance_id, "not JSON", 4)
    case.items |= {"dead"}
    yield


def lease_lapsed(case: Case) -> Iterator[None]:
    """An event was being sent when its worker went away, long ago."""
    long_ago = clock.now_ms() - 60_000
    case.place("Who knows?", "uncertain", to=CUSTOMERS[0], state="sending", lease_until_ms=long_ago)
    yield


def broken_step(case: Case) -> Iterator[None]:
    """A step fails: for one event the last time, for another until it is mended."""
    case.place("Given up.", "refused", to=CUSTOMERS[1], payload="no JSON", tries=4)
    case.gateway.do(errands.pace, case.site.instance_id, 0)
    yield
    event_id = case.say("Mended.", "sent")
    case.until(lambda: case.gateway.do(errands.waits_for, event_id) == "provider")
    case.gateway.do(errands.pace, case.site.instance_id, 80)


def into_3cx(case: Case) -> Iterator[None]:
    """Two messages for agents, the first told twice; the second waits for the first, a slow one."""
    case.connect_3cx().answers = [0.5]
    yield
    case.writes("Is anybody there?", repeated=True)
    case.writes("Hello?")


def refused_by_3cx(case: Case) -> Iterator[None]:
    """3CX fails, and takes the message at the second try; the next one waits for that."""
    case.connect_3cx().answers = [503]
    yield
    case.writes("Is anybody there?")
    case.writes("Hello?")


def found_for_3cx(case: Case) -> Iterator[None]:
    """News for 3CX that was committed and is in no queue."""
    case.connect_3cx()
    case.line("Found waiting.")
    case.line("Found behind it.")
    yield


def agent_is_told(case: Case) -> Iterator[None]:
    """A reply is refused after it was acknowledged: its agent gets one line that says so."""
    case.connect_3cx()
    case.notices = 1
    yield
    case.say("Too late.", "refused", to="+966500000077")


def left_on_the_way_to_3cx(case: Case) -> Iterator[None]:
    """3CX was being told when the worker went away, long ago."""
    case.connect_3cx()
    long_ago = clock.now_ms() - 60_000
    case.line("Told, or not?", state="delivering", lease_until_ms=long_ago)
    case.line("And this?")
    yield


def too_old_for_3cx(case: Case) -> Iterator[None]:
    """What could not be told for a day is given up, and costs what follows nothing."""
    case.connect_3cx()
    case.ends_of_lines |= {"failed"}
    case.line("A day old.", expires_at_ms=1)
    case.line("Not so old.")
    yield


def paused(case: Case) -> Iterator[None]:
    """An administrator has paused the instance, and ends the pause."""
    case.gateway.do(errands.pause, case.site.instance_id)
    yield
    event_id = case.say("After a look.", "sent")
    case.until(lambda: case.gateway.do(errands.waits_for, event_id) == "pause")
    case.gateway.do(errands.resume, case.site.instance_id)
