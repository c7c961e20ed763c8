"""Real workers at their work: whatever the queue loses, what was accepted is sent, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from app.sandbox import envelope
from core import clock
from core.words import EventType, State
from models.database import database
from models.event import RESCUE_MS, Event
from models.inbound_item import InboundItem, Told
from schemas import meta
from tests.backends import connected, in_redis, settings, until, working
from tests.factories import CUSTOMER, TEXT, loaded, phone
from tests.journey import a_journey, attempts, walk
from tests.servers import Redis
from workers import inbound, outbound
from workers.broker import InProcessBroker, WakeUpBroker
from workers.confirmation import CONFIRMATIONS
from workers.stage import Seats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dramatiq.broker import Broker

    from app.sandbox import Sandbox
    from tests.backends import Store
    from tests.journey import Journey


def is_sent(*event_ids: str) -> bool:
    """Whether all of these were sent."""
    return all(loaded(event_id).state == State.SENT for event_id in event_ids)


def empty_the_queue(broker: Broker) -> None:
    """Lose every message."""
    if isinstance(broker, InProcessBroker):
        broker.flush_all()
    elif isinstance(broker, WakeUpBroker):
        broker.client.flushdb()


def test_an_accepted_message_reaches_whatsapp(
    store: Store, broker: Broker, journey: Journey
) -> None:
    with working(store.settings, broker):
        event_id = journey.site.accept().event_id
        outbound.begin(event_id)
        until(lambda: is_sent(event_id))
    assert journey.received() == [TEXT]
    assert attempts(loaded(event_id)) == ["sent"]


def test_many_messages_go_out_once_each_and_in_order(
    store: Store, broker: Broker, journey: Journey
) -> None:
    for number in range(8):
        journey.wrote(phone(number))
    with working(store.settings, broker, account_seats=8):
        accepted = [
            journey.site.accept(to=phone(number % 8), message_text=f"{number % 8} {number // 8}")
            for number in range(40)
        ]
        for each in accepted:
            outbound.begin(each.event_id)
            outbound.begin(each.event_id)
        until(lambda: is_sent(*(each.event_id for each in accepted)), 30)
    received = journey.received()
    assert len(received) == len(set(received)) == 40
    for person in range(8):
        own = [text for text in received if text.startswith(f"{person} ")]
        assert own == [f"{person} {number}" for number in range(5)]
    assert journey.used() == (40, 40)


def test_an_enqueue_that_was_dropped_is_made_up_for(
    store: Store, broker: Broker, journey: Journey
) -> None:
    with working(store.settings, broker):
        first = journey.site.accept().event_id
        outbound.begin(first)
        until(lambda: is_sent(first))
        event_id = journey.site.accept().event_id
        clock.sleep(0.5)
        assert loaded(event_id).state == State.RECEIVED
        clock.turn(RESCUE_MS)
        until(lambda: is_sent(event_id))
    assert journey.received() == [TEXT, TEXT]


@pytest.mark.parametrize("state", [State.RECEIVED, State.VALID, State.ALLOWED, State.READY])
def test_a_queue_that_was_emptied_on_the_way_loses_nothing(
    store: Store, broker: Broker, journey: Journey, state: State
) -> None:
    event_id = journey.site.accept().event_id
    outbound.begin(event_id)
    walk(event_id, to=state)
    empty_the_queue(broker)
    with working(store.settings, broker):
        until(lambda: is_sent(event_id), RESCUE_MS / 1000 / 2)
    assert journey.received() == [TEXT]


def test_an_event_without_a_seat_gets_one_when_another_ends(
    store: Store, broker: Broker, journey: Journey
) -> None:
    for number in range(6):
        journey.wrote(phone(number))
    Seats.per_account = 2
    with working(store.settings, broker):
        accepted = [journey.site.accept(to=phone(number)) for number in range(6)]
        assert [each.seated for each in accepted] == [True, True, False, False, False, False]
        for each in accepted[:2]:
            outbound.begin(each.event_id)
        until(lambda: is_sent(*(each.event_id for each in accepted)))


def test_short_waits_are_over_by_themselves(store: Store, broker: Broker, journey: Journey) -> None:
    journey.faults({"error": 131016, "retry_after": 1}, {"error": 131016, "retry_after": 3})
    with working(store.settings, broker):
        event_id = journey.site.accept().event_id
        outbound.begin(event_id)
        began = clock.monotonic()
        until(lambda: is_sent(event_id))
    assert 4 <= clock.monotonic() - began < 7
    assert attempts(loaded(event_id)) == ["failed", "failed", "sent"]


def test_an_opt_out_takes_effect_and_is_confirmed(
    store: Store, broker: Broker, journey: Journey
) -> None:
    with working(store.settings, broker):
        journey.customer_says("STOP")
        until(lambda: journey.received() == [CONFIRMATIONS["en"]])
        kind = EventType.OPT_OUT_CONFIRMATION.value
        until(lambda: Event.get(Event.event_type == kind).state == State.SENT)
        event_id = journey.site.accept().event_id
        outbound.begin(event_id)
        until(lambda: loaded(event_id).finished)
    assert loaded(event_id).error == "recipient_suppressed"


def test_an_opt_out_does_not_queue_behind_a_flood(
    store: Store, broker: Broker, journey: Journey
) -> None:
    journey.faults({"delay_ms": 400, "times": None})
    for number in range(24):
        journey.wrote(phone(number))
        outbound.begin(journey.site.accept(to=phone(number)).event_id)
    with working(store.settings, broker, worker_threads=2):
        until(lambda: len(journey.received()) > 0)
        kept = InboundItem.keep([told_stop(journey)])
        inbound.begin(kept)
        began = clock.monotonic()
        until(lambda: InboundItem.get_by_id(kept[0]).state == "done")
        assert clock.monotonic() - began < 0.4
        assert len(journey.received()) < 24


def told_stop(journey: Journey) -> Told:
    """Meta's word that the customer wrote STOP."""
    node = {"from": CUSTOMER[1:], "id": "wamid.s", "type": "text", "text": {"body": "STOP"}}
    node["timestamp"] = str(clock.now_ms() // 1000)
    (item,) = meta.items(envelope.inbound(journey.number, CUSTOMER[1:], "", node))
    return inbound.told(journey.site.instance_id, journey.site.account_id, item)


def test_who_is_asked_to_stop_finishes_the_message_in_hand(
    store: Store, broker: Broker, journey: Journey
) -> None:
    journey.faults({"delay_ms": 700, "times": None})
    with working(store.settings, broker, worker_threads=1):
        first, second = journey.site.accept(), journey.site.accept(to=phone(2))
        for each in (first, second):
            outbound.begin(each.event_id)
        until(lambda: loaded(first.event_id).state == State.SENDING)
    assert is_sent(first.event_id)
    assert loaded(second.event_id).state != State.SENDING
    assert len(journey.received()) == 1


def test_who_has_stopped_leaves_no_thread_and_no_connection_behind(
    store: Store, broker: Broker, journey: Journey
) -> None:
    with working(store.settings, broker) as crew:
        event_id = journey.site.accept().event_id
        outbound.begin(event_id)
        until(lambda: is_sent(event_id))
    assert not any(thread.is_alive() for worker in crew.workers for thread in worker.workers)
    if store.settings.database_url:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        until(lambda: database.execute_sql(count).fetchone() == (1,))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that the test may take away."""
    server = Redis.start(tmp_path)
    yield server
    server.stop()


SERVERS = pytest.mark.parametrize("back_end", ["servers"], indirect=True)


@SERVERS
@pytest.mark.usefixtures("store")
def test_what_is_accepted_while_redis_is_away_is_sent_when_it_is_back(
    own_redis: Redis, whatsapp: Sandbox
) -> None:
    url = own_redis.url(1)
    with connected(settings(REDIS_URL=url)) as broker, a_journey(whatsapp) as journey:
        journey.wrote()
        with working(settings(), broker):
            own_redis.stop()
            accepted = journey.site.accept()
            outbound.begin(accepted.event_id)
            assert loaded(accepted.event_id).state == State.RECEIVED
            clock.turn(RESCUE_MS)
            clock.sleep(1.1)  # for so long after a failure nothing is enqueued
            assert loaded(accepted.event_id).rescues == 0  # nobody was called in vain
            own_redis.restart()
            until(lambda: is_sent(accepted.event_id), RESCUE_MS / 1000 / 2)
        assert journey.received() == [TEXT]


@SERVERS
@pytest.mark.usefixtures("store")
def test_a_redis_that_forgets_on_the_way_costs_nothing(own_redis: Redis, whatsapp: Sandbox) -> None:
    url = own_redis.url(1)
    with connected(settings(REDIS_URL=url)) as broker, a_journey(whatsapp) as journey:
        journey.wrote()
        with working(settings(), broker):
            journey.faults({"delay_ms": 300})
            accepted = [journey.site.accept(), journey.site.accept(message_text="next")]
            for each in accepted:
                outbound.begin(each.event_id)
            until(lambda: loaded(accepted[0].event_id).state == State.SENDING)
            with redis.Redis.from_url(url) as client:
                client.flushdb()
            until(lambda: is_sent(*(each.event_id for each in accepted)), RESCUE_MS / 1000 / 2)
        assert journey.received() == [TEXT, "next"]


def test_what_is_done_leaves_nothing_in_the_queue(
    store: Store, broker: Broker, journey: Journey
) -> None:
    with working(store.settings, broker):
        event_id = journey.site.accept().event_id
        outbound.begin(event_id)
        until(lambda: is_sent(event_id))
    if store.settings.redis_url:
        assert event_id.encode() not in in_redis(store.settings.redis_url)
