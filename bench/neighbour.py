"""What one account's flood costs another account's reply.

Runs the real program with WhatsApp behind it. An account posts a reply every 250 ms, first alone,
then while another floods: through so many integrations that none exceeds its 60 requests a minute,
with plan and rate raised. Measured is the time from the post to WhatsApp's having the message.
WhatsApp reports no statuses of the flood.

    python -m bench.neighbour [--events 10000] [--backend embedded|servers] [--json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import models
from app.sandbox import Number, Sandbox
from core import clock
from core.config import Settings
from core.words import State
from models import provisioning
from models.conversation import Conversation
from models.customer import Customer
from models.database import transaction
from models.event import Event
from tests.gateway import Gateway
from tests.pbx import SECRET, encoded
from tests.servers import Postgres, Redis
from tests.wire import ask

EACH_MAY_POST = 50  # of 60 a minute
FLOODERS = 4
EVERY_S = 0.25
IDLE_REPLIES = 80
ACCEPTED = 202
IN_FLIGHT = 4  # replies of the neighbour that are still on their way
NOBODY = "http://127.0.0.1:9/"  # hears of statuses
UNLIMITED = {"plan": "scale", "daily_limit": 1_000_000, "monthly_limit": 1_000_000}
_serial = itertools.count(1)


@dataclass
class Firm:
    """An account with a number, customers who have just written, and integrations to post to."""

    gateway: Gateway
    whatsapp: Sandbox
    people: list[str]
    doors: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def settle(cls, gateway: Gateway, whatsapp: Sandbox, people: int, doors: int) -> Firm:
        """Set one up."""
        number_id = str(10**14 + next(_serial))
        firm = cls(gateway, whatsapp, [f"+96655{next(_serial):07}" for _ in range(people)])
        account = provisioning.add_account("Acme", **UNLIMITED)
        keys = dict.fromkeys(("access_token", "app_secret", "verify_token"), "bench-key")
        instance = provisioning.add_instance(
            account.id,
            phone_number_id=number_id,
            base_url=whatsapp.base_url,
            messages_per_second=1_000,
            **keys,
        )
        whatsapp.register(Number(number_id, "+966110000000", "bench-key", "bench-key", NOBODY))
        for each in firm.people:
            whatsapp.phones.opened_window(each.lstrip("+"), number_id, clock.now_ms())
        for _ in range(doors):
            made, secret = provisioning.add_integration(account.id, instance.id)
            firm.doors.append((made.id, secret))
        _have_written(account.id, instance.id, firm.people)
        return firm

    def post(self, turn: int, text: str) -> None:
        """Post the reply whose turn it is, to the next customer by the next door."""
        door, secret = self.doors[turn % len(self.doors)]
        reply = {
            "event_type": "outbound_message",
            "to": self.people[turn % len(self.people)],
            "message_text": text,
            "message_purpose": "support",
        }
        headers = [(SECRET, secret), ("Content-Type", "application/json")]
        path = f"/integrations/3cx/webhook/{door}"
        answer = ask(self.gateway.address, "POST", path, headers, encoded(reply))
        if answer.status != ACCEPTED:
            raise RuntimeError(f"the webhook answered {answer.status}: {answer.body.decode()}")


@transaction
def _have_written(account_id: str, instance_id: str, people: list[str]) -> None:
    for each in people:
        customer = Customer.at(account_id, each, None, None)
        Conversation.customer_wrote(instance_id, customer, clock.now_ms())


class Watch:
    """Replies at a steady pace, each on a thread of its own, and how long each took."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._turn = itertools.count()

    def replies(self, enough: threading.Event, at_most: int) -> list[float]:
        """Post until it is enough; seconds from each post to its arrival."""
        waits: list[float] = []
        running = []
        for _ in range(at_most):
            turn = next(self._turn)
            running.append(threading.Thread(target=self._reply, args=(turn, waits)))
            running[-1].start()
            if enough.wait(EVERY_S):
                break
        for each in running:
            each.join()
        return waits

    def _reply(self, turn: int, waits: list[float]) -> None:
        text = f"reply {turn}"
        begun = clock.monotonic()
        self._firm.post(turn, text)
        while not any(each["text"] == text for each in self._arrived()[-200:]):
            clock.sleep(0.005)
        waits.append(clock.monotonic() - begun)

    def _arrived(self) -> list[dict[str, Any]]:
        return self._firm.whatsapp.phones.received()


def flood(firm: Firm, events: int) -> list[threading.Thread]:
    """Begin to post so many events as fast as they are taken."""
    turns = iter(range(events))
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            firm.post(turn, f"flood {turn}")

    threads = [threading.Thread(target=run) for _ in range(FLOODERS)]
    for each in threads:
        each.start()
    return threads


def measure(gateway: Gateway, events: int, quiet: Sandbox) -> dict[str, Any]:
    """Replies alone, then beside the flood until its last event has ended."""
    noisy = Firm.settle(
        gateway, gateway.whatsapp, max(1, events // 10), -(-events // EACH_MAY_POST)
    )
    neighbour = Watch(Firm.settle(gateway, quiet, 60, 8))
    gateway.whatsapp.faults.set([{"silent": True, "times": None}])
    idle = neighbour.replies(threading.Event(), IDLE_REPLIES)
    over = threading.Event()
    begun = clock.monotonic()
    posting = flood(noisy, events)
    beside: list[float] = []
    watching = threading.Thread(target=lambda: beside.extend(neighbour.replies(over, 100_000)))
    watching.start()
    for each in posting:
        each.join()
    posted_s = clock.monotonic() - begun
    unfinished = Event.select().where(Event.finished_at_ms.is_null())
    while unfinished.count() > IN_FLIGHT:
        clock.sleep(1)
    drained_s = clock.monotonic() - begun
    over.set()
    watching.join()
    sent = Event.select().where(Event.state == State.SENT.value).count()
    return {
        "events": events,
        "sent": sent - len(idle) - len(beside),
        "posted_s": round(posted_s, 1),
        "drained_s": round(drained_s, 1),
        "idle": spread(idle),
        "flood": spread(beside),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def spread(waits: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds."""
    ordered = sorted(waits)

    def at(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {"replies": len(ordered), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1)}


def run(backend: str, events: int) -> dict[str, Any]:
    """Measure on a fresh gateway."""
    settings = {"LOG_LEVEL": "ERROR", "ENVIRONMENT": "development"}
    with tempfile.TemporaryDirectory() as kept, ExitStack() as running:
        folder = Path(kept)
        if backend == "servers":
            postgres, redis = Postgres.start(folder), Redis.start(folder)
            running.callback(postgres.stop)
            running.callback(redis.stop)
            stores = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url()}
            gateway = Gateway.servers(folder, postgres.url, redis.url(), **settings)
        else:
            stores = {"DATA_DIR": str(folder / "data")}
            gateway = Gateway.embedded(folder, **settings)
        running.callback(gateway.stop)
        quiet = Sandbox()
        quiet.start()
        running.callback(quiet.stop)
        models.start(Settings.from_environment(settings | stores))
        running.callback(models.stop)
        return {"backend": backend, **measure(gateway, events, quiet)}


def shown(result: dict[str, Any]) -> str:
    """The result for a person."""
    lines = [
        "{backend}: {events} events, {sent} sent in {drained_s} s, load {load}".format(**result),
        f"{'':8}{'replies':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}",
    ]
    for name in ("idle", "flood"):
        row = result[name]
        cells = "".join(f"{row[key]:>9}" for key in ("replies", "p50_ms", "p99_ms", "max_ms"))
        lines.append(f"{name:8}{cells}")
    added = result["flood"]["p99_ms"] - result["idle"]["p50_ms"]
    return "\n".join([*lines, f"The flood delays a reply by {added:.0f} ms at p99."])


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.neighbour")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--backend", choices=("embedded", "servers"), default="embedded")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = run(options.backend, options.events)
    print(json.dumps(result, indent=2) if options.json else shown(result))


if __name__ == "__main__":
    main()
