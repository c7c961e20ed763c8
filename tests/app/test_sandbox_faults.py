"""WhatsApp fails as it is told, on the wire."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from core import clock
from tests.app.sandbox_world import CUSTOMER, World, a_world

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as one:
        one.write()
        yield one


def told(world: World, *rules: dict[str, Any]) -> None:
    assert world.api("PUT", "api/faults", list(rules)).status == 200


@pytest.mark.parametrize(
    ("code", "status"), [(131056, 400), (190, 401), (200, 403), (131000, 500), (999999, 400)]
)
def test_each_error_code_comes_once_in_metas_shape(world: World, code: int, status: int) -> None:
    told(world, {"error": code})
    answer = world.send()
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    assert world.received() == []
    assert world.send().status == 200


def test_rules_are_used_up_in_order(world: World) -> None:
    told(world, {"error": 131056, "times": 2}, {"status": 500})
    assert [world.send().status for _ in range(4)] == [400, 400, 500, 200]


def test_a_standing_rule_stays_until_it_is_taken_away(world: World) -> None:
    told(world, {"error": 131016, "times": None})
    assert {world.send().status for _ in range(5)} == {500}
    assert world.api("DELETE", "api/faults").status == 200
    assert world.send().status == 200


def test_a_rule_may_be_for_one_customer(world: World) -> None:
    told(world, {"error": 131056, "customer": "+966 50 000 0002"})
    assert world.send().status == 200
    assert world.send(to="+966500000002").status == 400


def test_the_rules_that_are_left_can_be_read(world: World) -> None:
    told(world, {"error": 131056, "times": 2}, {"reset": "after"})
    world.send()
    left = world.api("GET", "api/faults").json()["faults"]
    assert left == [{"error": 131056}, {"reset": "after"}]


def test_too_many_requests_say_when_to_come_again(world: World) -> None:
    told(world, {"status": 429, "retry_after": 3}, {"error": 130429, "retry_after": "soon"})
    assert (world.send().headers["Retry-After"], world.send().headers["Retry-After"]) == (
        "3",
        "soon",
    )


def test_garbage_is_no_json(world: World) -> None:
    told(world, {"garbage": True})
    answer = world.send()
    assert answer.status == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert world.received() == []


def test_a_message_may_be_taken_although_the_answer_says_nothing_of_it(world: World) -> None:
    told(world, {"status": 500, "accept": True})
    assert world.send().status == 500
    assert len(world.received()) == 1
    assert world.gateway.statuses(2) == ["sent", "delivered"]


@pytest.mark.parametrize(("when", "taken"), [("before", 0), ("after", 1)])
def test_a_connection_is_really_reset(world: World, when: str, taken: int) -> None:
    told(world, {"reset": when})
    with pytest.raises(urllib3.exceptions.ProtocolError) as broken:
        world.send()
    # A polite close would be RemoteDisconnected, which is a ConnectionResetError too.
    assert type(broken.value.args[1]) is ConnectionResetError
    assert len(world.received()) == taken
    assert world.send().status == 200


@pytest.mark.parametrize(("when", "taken"), [("before", 0), ("after", 1)])
def test_an_answer_that_never_comes_runs_into_the_callers_timeout(
    world: World, when: str, taken: int
) -> None:
    told(world, {"timeout": when, "seconds": 60})
    world.http.connection_pool_kw["timeout"] = 0.3
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        world.send()
    world.http.connection_pool_kw["timeout"] = 5
    assert len(world.received()) == taken


def test_a_hanging_connection_ends_without_the_message_taken(world: World) -> None:
    told(world, {"timeout": "before", "seconds": 0.2})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        world.send()
    assert world.received() == []


def test_an_answer_may_come_late(world: World) -> None:
    told(world, {"delay_ms": 300})
    began = clock.monotonic()
    assert world.send().status == 200
    assert clock.monotonic() - began >= 0.3


def test_an_answer_may_drip(world: World) -> None:
    told(world, {"slow_bytes": True, "seconds": 0.5})
    began = clock.monotonic()
    assert "messages" in world.send().json()
    assert clock.monotonic() - began >= 0.5


def test_a_message_may_fail_later_with_a_code(world: World) -> None:
    told(world, {"failed": 131026})
    assert world.send().status == 200
    assert world.gateway.statuses(1) == ["failed"]
    assert world.gateway.values("statuses")[0]["errors"][0]["code"] == 131026
    world.until(lambda: world.chat()[-1]["error"] == 131026)


def test_whatsapp_may_say_nothing_more_about_a_message(world: World) -> None:
    told(world, {"silent": True})
    silent = world.send().json()["messages"][0]["id"]
    world.send()
    world.gateway.statuses(2)
    assert silent not in {status["id"] for status in world.gateway.values("statuses")}


@pytest.mark.parametrize(
    "rules",
    [
        {"error": 1},
        ["reset"],
        [{"explode": True}],
        [{"error": "131056"}],
        [{"error": True}],
        [{"reset": "during"}],
        [{"reset": ["before"]}],
        [{"times": 0}],
        [{"seconds": 1e9}],
        [{"customer": "nobody"}],
        [{"retry_after": "3\r\nSet-Cookie: x"}],
    ],
)
def test_a_rule_that_makes_no_sense_changes_nothing(world: World, rules: Any) -> None:
    told(world, {"error": 131056})
    answer = world.api("PUT", "api/faults", rules)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
    assert world.api("GET", "api/faults").json()["faults"] == [{"error": 131056}]


def test_a_bad_request_does_not_use_a_rule_up(world: World) -> None:
    told(world, {"error": 131056})
    world.send(type="hologram")
    assert world.send(to=CUSTOMER).json()["error"]["code"] == 131056


def send_in_vain(world: World) -> None:
    with pytest.raises(urllib3.exceptions.ProtocolError):
        world.send()


def test_stopping_does_not_wait_for_a_hanging_answer() -> None:
    others = set(threading.enumerate())
    with a_world() as world:
        told(world, {"timeout": "before", "seconds": 60})
        hanging = threading.Thread(target=send_in_vain, args=(world,))
        hanging.start()
        while world.api("GET", "api/faults").json()["faults"]:
            clock.sleep(0.01)
        began = clock.monotonic()
    hanging.join()
    assert clock.monotonic() - began < 2
    world.until(
        lambda: (
            not any("process_request" in each.name for each in set(threading.enumerate()) - others)
        ),
        20,
    )
