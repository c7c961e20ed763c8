"""`Prefer: wait=N` holds the answer until the outcome is known: not for long, nor for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import clock

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx

QUARTER = 4  # of the 16 threads that answer requests
PAUSED = {"pause_reason": "by a test"}


def timed_post(pbx: Pbx, prefer: str) -> tuple[int, float]:
    """The status of the answer, and how many seconds it took."""
    began = clock.monotonic()
    status = pbx.post(None, ("Prefer", prefer)).status
    return status, clock.monotonic() - began


def test_whoever_waits_learns_that_the_message_was_sent(pbx: Pbx) -> None:
    answer = pbx.outcome()
    assert answer.status == 200
    said = answer.json()
    assert (said["success"], said["state"], said["error"]) == (True, "sent", None)
    assert said.keys() == pbx.status(said["event_id"]).json().keys()
    assert len(pbx.received()) == 1


def test_whoever_waits_learns_that_the_event_was_recorded(pbx: Pbx) -> None:
    answer = pbx.outcome({"event_type": "call_started"})
    assert (answer.status, answer.json()["state"]) == (200, "recorded")


def test_whoever_waits_learns_that_nobody_knows(pbx: Pbx) -> None:
    pbx.gateway.whatsapp.faults.set([{"reset": "after", "silent": True, "customer": pbx.customer}])
    answer = pbx.outcome()
    assert (answer.status, answer.json()["state"]) == (200, "uncertain")
    assert answer.json()["success"] is True


def test_whoever_waits_learns_why_it_was_refused(pbx: Pbx) -> None:
    refused = pbx.outcome(pbx.reply(message_text=None))
    assert refused.refusal == (422, "missing_message_text")
    assert refused.json()["details"]["event_id"] == pbx.events()[0]["id"]


def test_when_the_time_is_up_the_event_is_queued(gateway: Gateway) -> None:
    pbx = gateway.pbx(**PAUSED)
    began = clock.monotonic()
    answer = pbx.post(None, ("Prefer", "wait=1"))
    assert 0.9 < clock.monotonic() - began < 3
    event_id = pbx.events()[0]["id"]
    assert answer.status == 202
    assert answer.json() == {"success": True, "event_id": event_id, "status": "queued"}


@pytest.mark.parametrize(
    "prefer",
    ["", "wait", "wait=", "wait=0", "wait=-1", "wait=soon", "wait=1.5", "waiting=5",
     "respond-async", "x-wait=5", "wait=99999999999999999999"],
)  # fmt: skip
def test_who_does_not_ask_to_wait_does_not(gateway: Gateway, prefer: str) -> None:
    status, took_s = timed_post(gateway.pbx(**PAUSED), prefer)
    assert status == 202
    assert took_s < 0.9


@pytest.mark.parametrize(
    "prefer", ["wait=5", "WAIT=5", 'wait="5"', "wait = 5", "respond-async, wait=5", "wait=5; foo"]
)
def test_the_preference_may_be_written_in_any_way_that_rfc_7240_knows(
    pbx: Pbx, prefer: str
) -> None:
    assert pbx.post(None, ("Prefer", prefer)).status == 200


def test_two_headers_are_read_as_one(pbx: Pbx) -> None:
    answer = pbx.post(None, ("Prefer", "return=minimal"), ("Prefer", "wait=5"))
    assert answer.status == 200


def test_at_most_a_quarter_of_the_threads_wait(gateway: Gateway, crowd: ThreadPoolExecutor) -> None:
    pbx = gateway.pbx(**PAUSED)
    answers = list(crowd.map(lambda _: timed_post(pbx, "wait=1"), range(10)))
    assert {status for status, _ in answers} == {202}
    assert sum(took_s > 0.9 for _, took_s in answers) == QUARTER


def test_others_are_answered_while_some_wait(gateway: Gateway, crowd: ThreadPoolExecutor) -> None:
    paused = gateway.pbx(**PAUSED)
    waiting = [crowd.submit(timed_post, paused, "wait=1") for _ in range(6)]
    _, took_s = timed_post(gateway.pbx(), "wait=0")
    assert took_s < 0.8
    assert {each.result()[0] for each in waiting} == {202}
