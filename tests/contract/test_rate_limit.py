"""Never more than 60 requests in any 60 s per integration."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from tests.pbx import SECRET, encoded
from tests.wire import ask

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx

LIGHT = {"event_type": "call_started"}


def use_up(pbx: Pbx, crowd: ThreadPoolExecutor, requests: int = 60) -> Counter[int]:
    return Counter(crowd.map(lambda _: pbx.post(LIGHT).status, range(requests)))


def test_of_eighty_requests_of_sixteen_threads_sixty_are_accepted(
    pbx: Pbx, crowd: ThreadPoolExecutor
) -> None:
    assert use_up(pbx, crowd, 80) == {202: 60, 429: 20}
    assert len(pbx.events()) == 60


def test_the_61st_is_told_when_to_come_again(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    use_up(pbx, crowd)
    refused = pbx.post(LIGHT)
    assert refused.refusal == (429, "webhook_rate_limited")
    wait_s = int(refused.header("Retry-After") or "")
    assert 40 <= wait_s <= 60
    assert refused.header("RateLimit-Policy") == '"webhook";q=60;w=60'
    assert refused.header("RateLimit") == f'"webhook";r=0;t={wait_s}'
    details = {"limit": 60, "window_seconds": 60, "retry_after": wait_s}
    assert refused.json()["details"] == details


@pytest.mark.parametrize("back_end", ["servers"], indirect=True)
def test_all_web_processes_count_together(
    gateway: Gateway, pbx: Pbx, crowd: ThreadPoolExecutor
) -> None:
    doors = cycle([gateway.address, gateway.another_door()])
    body = encoded(LIGHT)
    answers = crowd.map(
        lambda _: ask(next(doors), "POST", pbx.path, pbx.proof, body).status, range(80)
    )
    assert Counter(answers) == {202: 60, 429: 20}


def test_each_integration_has_its_own_sixty(
    gateway: Gateway, pbx: Pbx, crowd: ThreadPoolExecutor
) -> None:
    use_up(pbx, crowd)
    assert gateway.pbx().post(LIGHT).status == 202


def test_asking_for_a_status_is_not_counted(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    event_id = pbx.post(LIGHT).json()["event_id"]
    assert set(crowd.map(lambda _: pbx.status(event_id).status, range(70))) == {200}
    assert use_up(pbx, crowd, 60) == {202: 59, 429: 1}
    assert pbx.status(event_id).status == 200


def test_a_failed_authentication_is_not_counted(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    wrong = [(SECRET, "wrong")]
    assert set(crowd.map(lambda _: pbx.post(headers=wrong).status, range(70))) == {401}
    assert use_up(pbx, crowd, 61) == {202: 60, 429: 1}


def test_what_is_refused_after_it_was_counted_stays_counted(
    pbx: Pbx, crowd: ThreadPoolExecutor
) -> None:
    assert set(crowd.map(lambda _: pbx.post(body=b"[]").status, range(30))) == {400}
    assert use_up(pbx, crowd, 31) == {202: 30, 429: 1}


def test_repeats_are_counted(pbx: Pbx, crowd: ThreadPoolExecutor) -> None:
    key = ("Idempotency-Key", "one")
    answers = Counter(crowd.map(lambda _: pbx.post(LIGHT, key).status, range(61)))
    assert answers == {202: 60, 429: 1}
    assert len(pbx.events()) == 1
