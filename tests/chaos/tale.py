"""Histories made up line by line, as a run would leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

NOON_MS = 1_795_000_000_000
DAY, MONTH = "2026-11-22", "2026-11"
HOUR_MS = 3_600_000
ACCOUNT, INSTANCE, INTEGRATION = "acc_1", "ins_1", "int_1"
CUSTOMER = "+966501110001"


class Tale:
    """One account with one number; whoever is written to has just written."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.ms = NOON_MS
        self._n = 0
        self._states: dict[str, str] = {}
        self._statuses: dict[tuple[str, int], str] = {}
        self._people: set[str] = set()
        self._used = 0
        self._attempts = 0
        self.row(
            "account",
            account_id=ACCOUNT,
            plan="starter",
            daily_limit=50,
            monthly_limit=50,
            paused=False,
        )
        self.row("pause", noun="instance", id=INSTANCE, paused=False)
        self.row("begins")
        self.meet(CUSTOMER)

    def tell(self, kind: str, **fields: Any) -> dict[str, Any]:
        """A line of somebody outside, 10 ms after the last."""
        self.ms += 10
        line = {"kind": kind, "at_ms": self.ms} | fields
        self.lines.append(line)
        return line

    def row(self, kind: str, **fields: Any) -> dict[str, Any]:
        """A line of the database."""
        self._n += 1
        return self.tell(kind, n=self._n, tx=None, **fields)

    def meet(self, customer: str, wrote_ms: int | None = None) -> None:
        """Somebody writes to us for the first time."""
        if customer not in self._people:
            self._people.add(customer)
            self.row("alias", **person(customer), customer_id=f"cus_{customer}")
            self.wrote(customer, self.ms if wrote_ms is None else wrote_ms)

    def wrote(self, customer: str, at_ms: int | None) -> None:
        """When the window of a customer was opened, as the gateway knows it."""
        names = {"conversation": f"con_{customer}", "customer_id": f"cus_{customer}"}
        self.row("window", **names, instance_id=INSTANCE, last_inbound_at_ms=at_ms)

    def post(self, event_id: str | None, **changes: Any) -> dict[str, Any]:
        """A caller asks; by default it is kept and acknowledged."""
        usual = {
            "answered_at_ms": self.ms + 15,
            "status": 202,
            "event_id": event_id,
            "duplicate": False,
            "key": None,
            "integration_id": INTEGRATION,
            "instance_id": INSTANCE,
            "customer": CUSTOMER,
            "text": f"text of {event_id}",
            "event_type": "outbound_message",
        }
        return self.tell("posted", **usual | changes)

    def accepted(self, event_id: str, customer: str = CUSTOMER, **changes: Any) -> None:
        """The row of an event is made."""
        self.meet(customer)
        self._states[event_id] = "received"
        usual = {
            "event_id": event_id,
            "seq": self._n,
            "account_id": ACCOUNT,
            "instance_id": INSTANCE,
            "integration_id": INTEGRATION,
            "event_type": "outbound_message",
            "state": "received",
            "error": None,
            "reason": None,
            "part": 0,
            "conversation_key": f"key_{customer}",
            "address_hash": person(customer)["address_hash"],
            "received_at_ms": self.ms,
            "expires_at_ms": self.ms + HOUR_MS,
        }
        self.row("accepted", **usual | changes)

    def asked(self, event_id: str, **changes: Any) -> None:
        """A caller asks, and the event is kept."""
        customer = changes.get("customer", CUSTOMER)
        self.meet(customer)
        self.post(event_id, **changes)
        self.accepted(event_id, customer)
        self.ms += 20  # the answer is on its way

    def move(self, event_id: str, *states: str, **changes: Any) -> None:
        """An event goes from state to state."""
        for state in states:
            usual = {
                "event_id": event_id,
                "old": self._states[event_id],
                "new": state,
                "error": None,
                "reason": None,
                "dead": False,
                "part": 0,
                "expires_at_ms": self.ms + HOUR_MS,
            }
            self._states[event_id] = state
            self.row("state", **usual | changes)

    def used(self, by: int) -> None:
        """A message more, or less, is counted."""
        for period in (DAY, MONTH):
            old, used = self._used, self._used + by
            self.row("usage", account_id=ACCOUNT, period=period, old=old, used=used)
        self._used += by

    def settle(self, event_id: str, part: int = 0, **changes: Any) -> None:
        """An event gets the right to send."""
        ready = () if self._states[event_id] == "ready" else ("ready",)
        self.move(event_id, *ready, "sending", part=part)
        self.used(1)
        self._attempts += 1
        usual = {"number": 1, "started_at_ms": self.ms, "outcome": None}
        self.row("attempt", **self.attempt(event_id, part), **usual | changes)
        self.delivery(event_id, "unknown", part=part)

    def attempt(self, event_id: str, part: int = 0) -> dict[str, Any]:
        """What names the latest attempt."""
        return {"attempt_id": self._attempts, "event_id": event_id, "part": part}

    def answered(self, event_id: str, outcome: str, part: int = 0, code: int | None = None) -> None:
        """The gateway knows what came of the attempt."""
        ended = {"outcome": outcome, "provider_code": code, "finished_at_ms": self.ms}
        self.row("attempt_ended", **self.attempt(event_id, part), **ended)

    def delivery(self, event_id: str, *statuses: str, part: int = 0) -> None:
        """A part goes from status to status."""
        for status in statuses:
            names = {"event_id": event_id, "part": part, "message_hash": None}
            old = self._statuses.get((event_id, part))
            self._statuses[event_id, part] = status
            self.row("delivery", **names, old=old, status=status)

    def received(self, event_id: str, part: int = 0, **changes: Any) -> dict[str, Any]:
        """WhatsApp takes a part."""
        usual = {
            "correlation": f"{event_id}:{part}",
            "message_id": f"wamid.{self.ms}",
            "customer": CUSTOMER.lstrip("+"),
            "phone_number_id": "1",
            "text": f"text of {event_id}",
            "fails": 0,
        }
        return self.tell("received", **usual | changes)

    def decided(self, event_id: str) -> None:
        """The policy lets it go."""
        self.move(event_id, "valid", "allowed")

    def went(self, event_id: str, part: int = 0, *, last: bool = True, **changes: Any) -> None:
        """From the settling on, all goes well."""
        self.settle(event_id, part)
        self.received(event_id, part, **changes)
        self.answered(event_id, "sent", part)
        self.delivery(event_id, "accepted", part=part)
        if last:
            self.move(event_id, "sent", part=part)
        else:
            self.move(event_id, "allowed", part=part + 1)

    def sent(self, event_id: str, **changes: Any) -> None:
        """A message like any other."""
        self.asked(event_id, **changes)
        self.decided(event_id)
        self.went(event_id)
        self.delivery(event_id, "sent", "delivered", "read")

    def connect(self) -> None:
        """A 3CX stands behind the number."""
        self.tell("connected", instance_id=INSTANCE, integration_id=INTEGRATION)

    def wrote_to(self, text: str, customer: str = CUSTOMER, **changes: Any) -> None:
        """Meta tells what a customer wrote, and is answered."""
        usual = {"answered_at_ms": self.ms + 15, "status": 200, "opt_out": False}
        usual |= {"instance_id": INSTANCE, "customer": customer, "text": text}
        self.tell("wrote", message_id=f"wamid.{text}", **usual | changes)
        self.ms += 20  # the answer is on its way

    def news(self, forward_id: str, customer: str = CUSTOMER, **changes: Any) -> None:
        """The row of something for 3CX is made."""
        self._states[forward_id] = "waiting"
        usual = {
            "forward_id": forward_id,
            "destination_id": "dst_1",
            "instance_id": INSTANCE,
            "news": "message.received",
            "source_id": f"source of {forward_id}",
            "conversation_key": f"key_{customer}",
            "turn": self._n,
            "state": "waiting",
        }
        self.row("news", **usual | changes)

    def news_moves(self, forward_id: str, *states: str) -> None:
        """It goes from state to state."""
        for state in states:
            old, self._states[forward_id] = self._states[forward_id], state
            told = {"old": old, "new": state, "status": None, "tries": 0}
            self.row("news_state", forward_id=forward_id, **told)

    def told(
        self, forward_id: str, text: str, customer: str = CUSTOMER, status: int = 200, **taken: bool
    ) -> None:
        """3CX hears a line, and has it if it says so."""
        heard = {"forward_id": forward_id, "text": text, "customer": customer, "status": status}
        self.tell("told", instance_id=INSTANCE, **heard, **{"taken": status == 200} | taken)

    def tries(self, forward_id: str, text: str, status: int, **taken: bool) -> None:
        """3CX is told, and does not say that it took it."""
        self.news_moves(forward_id, "delivering")
        self.told(forward_id, text, status=status, **taken)
        self.news_moves(forward_id, "waiting")

    def comes_in(self, forward_id: str, text: str) -> None:
        """What a customer wrote comes into 3CX."""
        self.news_moves(forward_id, "delivering")
        self.told(forward_id, text)
        self.news_moves(forward_id, "delivered")

    def quiet(self) -> None:
        """Everything had time to end."""
        self.ms += HOUR_MS // 6
        self.tell("quiet")

    def write(self, path: Path) -> Path:
        """The history as a file."""
        path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in self.lines))
        return path


def person(customer: str) -> dict[str, str]:
    """How the database names a customer."""
    return {"account_id": ACCOUNT, "address_hash": f"hash_{customer}"}
