"""SIGTERM, as a platform sends it: to every process at once, whatever is in hand."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from core import clock
from tests.pbx import SECRET, encoded
from tests.wire import answer_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway import Gateway, Served
    from tests.pbx import Pbx

_ENOUGH = 30
_EACH = 40  # below what the door takes of one integration in a minute
_CARRIED_ON_S = 30.0


@pytest.fixture(scope="module")
def gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway of its own, since it is stopped: on servers with two worker processes."""
    return start_gateway(WORKER_PROCESSES="2")


def terminate(gateway: Gateway) -> None:
    """SIGTERM to every process of the gateway, children too, all at once."""
    for process in gateway._processes:
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGTERM)


def lives(process: Served) -> bool:
    # Asked of the process itself: one more signal might meet it past its own handlers.
    return process._process is not None and process._process.poll() is None


def come_back(gateway: Gateway) -> None:
    """Wait for the processes, each of which must end well and in time, and start them again."""
    gateway.wait_until(lambda: not any(lives(each) for each in gateway._processes))
    for process in gateway._processes:
        process.stop()
    gateway.start()


def listens(gateway: Gateway) -> bool:
    try:
        socket.create_connection(gateway.address, timeout=1).close()
    except OSError:
        return False
    return True


def states(sites: list[Pbx]) -> set[str]:
    return {each["state"] for pbx in sites for each in pbx.events()}


def post_until_nobody_listens(pbx: Pbx, taken: dict[str, str]) -> None:
    """Post replies of different texts; those that were answered 202 are noted by their event."""
    for number in range(_EACH):
        text = f"Parcel {number} for {pbx.customer}"
        try:
            answer = pbx.post(pbx.reply(message_text=text))
        except OSError:
            return
        if answer.status == 202:
            taken[answer.json()["event_id"]] = text


def test_what_was_taken_before_sigterm_is_sent_once(gateway: Gateway) -> None:
    gateway.whatsapp.faults.set([{"delay_ms": 40, "times": None}])
    taken: dict[str, str] = {}
    sites = [gateway.pbx() for _ in range(4)]
    with ThreadPoolExecutor(len(sites)) as crowd:
        posting = [crowd.submit(post_until_nobody_listens, each, taken) for each in sites]
        gateway.wait_until(lambda: len(taken) >= _ENOUGH)
        terminate(gateway)
        for each in posting:
            each.result()
    come_back(gateway)
    gateway.whatsapp.faults.set([])
    gateway.wait_until(lambda: states(sites) == {"sent"}, _CARRIED_ON_S)
    assert set(taken) <= {each["id"] for pbx in sites for each in pbx.events()}
    received = Counter(each["text"] for pbx in sites for each in pbx.received())
    assert set(received.values()) == {1}
    assert set(taken.values()) <= set(received)


def test_a_caller_who_waits_for_the_outcome_still_hears_it(gateway: Gateway) -> None:
    pbx = gateway.pbx()
    gateway.whatsapp.faults.set([{"delay_ms": 1_000, "customer": pbx.customer}])
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(pbx.outcome)
        gateway.wait_until(lambda: [each["state"] for each in pbx.events()] == ["sending"])
        terminate(gateway)
        answer = waiting.result()
    assert (answer.status, answer.json()["state"]) == (200, "sent")
    come_back(gateway)
    assert len(pbx.received()) == 1


def test_a_request_that_is_still_arriving_is_answered_and_carried_out(gateway: Gateway) -> None:
    pbx = gateway.pbx()
    assert pbx.outcome().json()["state"] == "sent"  # the workers are up
    body = encoded(pbx.reply())
    proof = f"{SECRET}: {pbx.secret}"
    head = [f"POST {pbx.path} HTTP/1.1", "Host: x", proof, f"Content-Length: {len(body)}"]
    with socket.create_connection(gateway.address, timeout=20) as connection:
        connection.sendall("\r\n".join([*head, "Expect: 100-continue", "", ""]).encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body[:20])
        terminate(gateway)
        gateway.wait_until(lambda: not listens(gateway))
        clock.sleep(0.2)
        connection.sendall(body[20:])
        answer = answer_on(connection)
    assert answer.status == 202
    come_back(gateway)
    assert pbx.ended(json.loads(answer.body)["event_id"])["state"] == "sent"
    assert len(pbx.received()) == 2
