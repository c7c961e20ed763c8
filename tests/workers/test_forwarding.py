"""What WhatsApp told goes into 3CX: at least once by one id, in order, as long as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core import clock
from models import lanes, provisioning
from models.breaker import Breaker, Position
from models.database import database, transaction
from models.destination import Destination, News
from models.forward import Forward, WaitingFor
from models.inbound_item import InboundItem
from tests.backends import asked_by
from tests.factories import CUSTOMER, phone
from tests.trunk import DID
from workers import bulkhead, forwarding, inbound, wire

if TYPE_CHECKING:
    from tests.journey import Journey
    from tests.trunk import Trunk

HOUR_MS = 60 * 60 * 1000


def forwards() -> list[Forward]:
    """All news on its way, in the order of its making."""
    return list(Forward.select().order_by(Forward.seq))


def go() -> None:
    """Have everything delivered whose time has come."""
    for each in forwards():
        forwarding.deliver(each.id)


def test_a_customers_message_comes_into_the_agents_chat(journey: Journey, trunk: Trunk) -> None:
    journey.customer_says("Hello, is anybody there?")
    go()
    (heard,) = trunk.heard
    assert heard.path == "/sms/trunk-secret"
    payload = heard.body["data"]["payload"]
    assert payload["text"] == "Hello, is anybody there?"
    assert (payload["from"], payload["to"]) == (
        {"phone_number": CUSTOMER},
        [{"phone_number": DID}],
    )
    assert heard.body["data"]["event_type"] == "message.received"
    (forward,) = forwards()
    assert (forward.state, forward.destination_id) == ("delivered", trunk.destination_id)
    assert heard.id == forward.id


def test_a_failed_delivery_comes_back_under_the_same_id_and_nothing_passes_it(
    journey: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    trunk.answers = [503, 500]
    journey.customer_says("first")
    go()
    clock.turn(2_000)
    forwarding.sweep()
    go()
    journey.customer_says("second")
    journey.customer_says("somebody else", phone(7))
    go()
    assert trunk.texts == ["somebody else"]
    clock.turn(3_000)
    forwarding.sweep()
    go()
    assert trunk.texts == ["somebody else", "first", "second"]
    firsts = [each for each in trunk.heard if each.text == "first"]
    assert len(firsts) == 3
    assert len({each.id for each in firsts}) == 1
    assert [each.state for each in forwards()] == ["delivered"] * 3


def test_items_that_are_taken_in_the_wrong_order_are_told_in_theirs(
    journey: Journey, trunk: Trunk
) -> None:
    def says(text: str) -> list[str]:
        before = set(_items())
        journey.customer_says(text)
        return [each for each in _items() if each not in before]

    taken, inbound_take_in = [], inbound.take_in
    try:
        inbound.take_in = taken.append  # type: ignore[assignment]
        first, second = says("first"), says("second")
    finally:
        inbound.take_in = inbound_take_in
    inbound.take_in(second)
    go()
    assert trunk.texts == [], "the first has not even been looked at"
    inbound.take_in(first)
    go()
    go()
    assert trunk.texts == ["first", "second"]


def _items() -> list[str]:
    return [row.id for row in InboundItem.select(InboundItem.id).order_by(InboundItem.seq)]


def test_what_is_refused_for_its_own_sake_holds_up_nobody_for_long(
    journey: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    trunk.answers = [422] * 5
    journey.customer_says("poison")
    journey.customer_says("after it")
    for _ in range(8):
        go()
        clock.turn(20_000)
        forwarding.sweep()
    assert [each.state for each in forwards()] == ["failed", "delivered"]
    assert forwards()[0].words == "it refuses this one (422)"
    assert trunk.texts == ["after it"]


def test_a_destination_that_is_away_for_hours_gets_everything_in_the_end(
    journey: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    trunk.answers = [502] * 1_000
    for number in range(12):
        journey.customer_says("one", phone(number), id=f"wamid.1.{number}")
        journey.customer_says("two", phone(number), id=f"wamid.2.{number}")
    for _ in range(30):
        go()
        clock.turn(HOUR_MS // 10)
        forwarding.sweep()
    tried = len(trunk.heard)
    assert trunk.taken == []
    assert tried < 60, "a breaker lets a probe through now and then, not everybody"
    trunk.answers = []
    clock.turn(60_000)
    for _ in range(5):
        forwarding.sweep()
        go()
        clock.turn(1_000)
    assert [each.state for each in forwards()] == ["delivered"] * 24
    for number in range(12):
        own = [
            each.text
            for each in trunk.taken
            if each.body["data"]["payload"]["from"]["phone_number"] == phone(number)
        ]
        assert own == ["one", "two"]


def test_after_a_day_it_fails_and_a_person_may_begin_it_anew(
    journey: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    trunk.answers = [500]
    journey.customer_says("hello")
    go()
    clock.turn(24 * HOUR_MS)
    forwarding.sweep()
    go()
    (forward,) = forwards()
    assert forward.state == "failed"
    assert forward.revive()
    forwarding.sweep()
    go()
    assert trunk.texts == ["hello"]


def test_a_worker_that_went_away_is_replaced_when_its_lease_has_run_out(
    journey: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    journey.customer_says("hello")
    (forward,) = forwards()
    forward.begin(clock.now_ms() + forwarding.LEASE_MS)
    go()
    assert trunk.heard == []
    clock.turn(forwarding.LEASE_MS)
    forwarding.sweep()
    go()
    assert trunk.texts == ["hello"]


def test_one_destination_has_eight_seats_and_the_rest_waits_in_the_table(
    journey: Journey, trunk: Trunk
) -> None:
    for number in range(20):
        journey.customer_says("hello", phone(number), id=f"wamid.{number}")
    assert sum(each.seated for each in forwards()) == lanes.SEATS
    go()
    go()
    assert len(trunk.texts) == 20


def test_who_finds_no_place_waits_for_one_instead_of_asking_again_and_again(
    journey: Journey, trunk: Trunk
) -> None:
    journey.customer_says("hello")
    places = []
    while (place := bulkhead.deliveries.enter(trunk.destination_id)) is not None:
        places.append(place)
    go()
    (forward,) = forwards()
    assert (forward.waiting_for, forward.seated, trunk.heard) == ("seat", False, [])
    for place in places:
        bulkhead.deliveries.leave(trunk.destination_id, place)
    journey.customer_says("somebody else", phone(7))
    go()
    go()
    assert sorted(trunk.texts) == ["hello", "somebody else"]


@pytest.mark.parametrize("answer", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(journey: Journey, trunk: Trunk, answer: int) -> None:
    trunk.headers["Location"] = f"http://127.0.0.1:{trunk.port}/elsewhere"
    trunk.answers = [answer]
    journey.customer_says("hello")
    go()
    assert [each.path for each in trunk.heard] == ["/sms/trunk-secret"]
    assert forwards()[0].words == f"it redirects, which is not followed ({answer})"


def test_loopback_is_never_reached_unless_it_is_our_own_sandbox(
    journey: Journey, trunk: Trunk
) -> None:
    wire.Outside.origins = frozenset()
    journey.customer_says("hello")
    go()
    assert trunk.heard == []
    assert "PRIVATE_NETWORKS" in forwards()[0].words


def test_an_answer_of_nothing_is_an_answer(journey: Journey, trunk: Trunk) -> None:
    trunk.body = b""
    journey.customer_says("hello")
    go()
    assert forwards()[0].state == "delivered"


@pytest.mark.usefixtures("trunk")
def test_nobody_is_told_where_inbound_is_off(journey: Journey) -> None:
    journey.site.set_integration(inbound=False)
    journey.customer_says("hello")
    assert forwards() == []


def test_a_destination_that_was_removed_lets_its_news_go(journey: Journey, trunk: Trunk) -> None:
    journey.customer_says("hello")
    provisioning.remove_destination(trunk.destination_id)
    go()
    assert (forwards()[0].state, trunk.heard) == ("failed", [])


def test_one_that_is_switched_off_gets_what_waited_once_it_is_on_again(
    journey: Journey, trunk: Trunk
) -> None:
    journey.customer_says("hello")
    provisioning.switch_destination(trunk.destination_id, enabled=False)
    go()
    assert trunk.heard == []
    provisioning.switch_destination(trunk.destination_id, enabled=True)
    forwarding.sweep()
    go()
    assert trunk.texts == ["hello"]


def test_what_cannot_be_read_is_given_up_soon_and_nobody_behind_it_waits_for_a_day(
    journey: Journey, trunk: Trunk, caplog: pytest.LogCaptureFixture
) -> None:
    clock.freeze()
    journey.customer_says("first")
    journey.customer_says("second")
    broken, _ = forwards()
    transaction(Forward.update(payload="no JSON").where(Forward.id == broken.id).execute)()
    for _ in range(8):
        go()
        clock.turn(10_000)
        forwarding.sweep()
    go()
    assert [each.state for each in forwards()] == ["failed", "delivered"]
    assert trunk.texts == ["second"]
    assert "no JSON" not in caplog.text


def test_a_flood_that_is_due_does_not_stand_before_another_destination(trunk: Trunk) -> None:
    clock.freeze()
    transaction(lambda: [kept(trunk.destination_id, f"flood {each}") for each in range(450)])()
    other = transaction(lambda: kept("dst_elsewhere", "one"))()
    clock.turn(lanes.RESCUE_MS)
    forwarding.sweep()
    assert loaded(other).waiting_for is None, "it was woken, as its message was lost"
    assert loaded(other).due_at_ms > clock.now_ms()


def kept(destination_id: str, said: str) -> str:
    """News that was stored, each in a lane of its own, and whose message was lost."""
    destination = Destination(id=destination_id, account="acc")
    own = {"instance_id": "ins", "conversation_key": said, "turn": 0}
    told = News.MESSAGE_RECEIVED
    lanes.keep(destination, told, {"text": said}, source_id=said, **own)
    last: Forward = Forward.select().order_by(Forward.seq.desc()).first()
    return last.id


def loaded(forward_id: str) -> Forward:
    found = Forward.load(forward_id)
    assert found is not None
    return found


def test_a_clock_that_was_turned_back_keeps_no_destination_away(
    journey: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    trunk.answers = [502] * 5
    for number in range(5):
        journey.customer_says("hello", phone(number), id=f"wamid.{number}")
    go()
    assert Breaker.of(trunk.destination_id).position(clock.now_ms()) is Position.OPEN
    clock.turn(-HOUR_MS)
    journey.customer_says("later", phone(9))
    clock.turn(lanes.RESCUE_MS)
    forwarding.sweep()
    assert forwards()[-1].due_at_ms > clock.now_ms(), "it was woken, as its message was lost"
    go()
    assert trunk.texts == ["later"]


@pytest.mark.parametrize("back_end", ["embedded"], indirect=True)
def test_no_look_for_who_is_next_reads_all_that_a_destination_ever_got(
    journey: Journey, trunk: Trunk
) -> None:
    # SQLite has no statistics by which to choose. Postgres has, and none of this few rows.
    def work() -> None:
        journey.customer_says("hello")
        go()
        lanes.hand_on(forwards()[0])
        lanes.release(trunk.destination_id, WaitingFor.OUTAGE)

    asked = [each for each in asked_by(work) if '"forward"' in each[0] and "INSERT" not in each[0]]
    plans = {plan_of(*each) for each in asked if "destination_id" in each[0].partition("WHERE")[2]}
    assert {"forward_seated", "forward_waiting"} <= {
        name for name in INDEXES for plan in plans if name in plan
    }
    assert not [each for each in plans if "forward_destination" in each or "SCAN" in each]


INDEXES = ("forward_seated", "forward_waiting", "forward_lane")


def plan_of(sql: str, parameters: Any) -> str:
    return str(database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall())
