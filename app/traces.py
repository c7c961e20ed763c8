"""What an event or an inbound item left behind, for those who tell its story."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from models.attempt import Attempt
from models.decision import Decision
from models.delivery import Delivery
from models.forward import Forward


@dataclass(frozen=True, slots=True)
class Traces:
    """The rows of one event or item, each list in the order in which it came to be."""

    decisions: list[Decision] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)


def of(ids: Iterable[str]) -> dict[str, Traces]:
    """The traces of these events and inbound items; who left none has none here."""
    wanted = list(ids)
    found: dict[str, Traces] = defaultdict(Traces)
    for decision in _rows(Decision, Decision.event_id, wanted, Decision.id):
        found[decision.event_id].decisions.append(decision)
    for attempt in _rows(Attempt, Attempt.event_id, wanted, Attempt.id):
        found[attempt.event_id].attempts.append(attempt)
    for delivery in _rows(Delivery, Delivery.event_id, wanted, Delivery.part):
        found[delivery.event_id].deliveries.append(delivery)
    for forward in _rows(Forward, Forward.source_id, wanted, Forward.seq):
        found[forward.source_id].forwards.append(forward)
    return found


def _rows(model: Any, column: Any, wanted: list[str], order: Any) -> Any:
    return model.select().where(column.in_(wanted)).order_by(order)
