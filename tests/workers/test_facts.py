"""The facts of a decision are what the database says at that moment."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from core import clock
from core.words import State
from models.account import Account
from models.customer import Customer, CustomerAlias, address_hash
from models.database import close_connection, transaction
from models.instance import Instance
from models.integration import Integration
from models.suppression import Kind, Suppression
from models.usage import Usage
from tests.factories import CUSTOMER, NOON_MS, Site, a_site, copies, loaded, phone
from tests.journey import walk
from workers import facts

pytestmark = pytest.mark.usefixtures("store", "broker")

LONG = "Dear customer, our branch on the corniche is closed on Friday."


def test_a_fresh_site_has_nothing_against_a_message() -> None:
    clock.freeze(NOON_MS)
    site = a_site(plan="growth")
    site.wrote(at_ms=NOON_MS - 5_000)
    known = facts.about(site.event(message_text=LONG))
    assert (known.now_ms, known.purpose, known.text) == (NOON_MS, "support", LONG)
    assert known.last_inbound_at_ms == NOON_MS - 5_000
    assert (known.module_enabled, known.outbound_enabled, known.suppression) == (True, True, None)
    assert (known.daily_limit, known.monthly_limit, known.daily_used) == (500, 10_000, 0)
    assert (known.pauses, known.in_flight, known.same_text_recipients) == ({}, 0, 1)


def test_what_an_administrator_changed_is_known_at_once() -> None:
    site = a_site()
    event = site.event()
    site.set_account(
        module_enabled=False, daily_limit=7, refuse_marketing=False, blocked_phrases=["free gift"]
    )
    site.set_integration(outbound=False)
    for model in (Account, Instance, Integration):
        site.pause(model)
    known = facts.about(event)
    assert (known.module_enabled, known.outbound_enabled, known.daily_limit) == (False, False, 7)
    assert (known.refuse_marketing, known.blocked_phrases) == (False, ("free gift",))
    assert set(known.pauses) == {"account", "instance", "integration"}
    assert set(facts.settled(event, "support").pauses) == {"account", "instance", "integration"}


def test_a_disabled_integration_lets_nothing_out() -> None:
    site = a_site()
    event = site.event()
    site.set_integration(enabled=False)
    assert not facts.about(event).outbound_enabled


def test_window_and_suppression_follow_the_person_to_another_address() -> None:
    site = a_site()
    site.wrote()
    event = site.event(to=phone(2))
    assert facts.about(event).last_inbound_at_ms is None
    customer = Customer.find(site.account_id, address_hash(site.account_id, CUSTOMER))
    assert customer is not None
    CustomerAlias.add(site.account_id, [address_hash(site.account_id, phone(2))], customer.id)
    Suppression.add(site.account_id, CUSTOMER, Kind.OPT_OUT, source="whatsapp")
    known = facts.about(event)
    assert known.last_inbound_at_ms is not None
    assert known.suppression == "opt_out"


def test_a_block_is_what_is_seen_of_a_block_and_an_opt_out() -> None:
    site = a_site()
    event = site.event()
    for kind in (Kind.OPT_OUT, Kind.BLOCK):
        Suppression.add(site.account_id, CUSTOMER, kind, source="test")
    assert facts.about(event).suppression == "block"


def test_windows_and_suppressions_of_other_accounts_and_numbers_do_not_count() -> None:
    site, another = a_site(), a_site()
    another.wrote()
    Suppression.add(another.account_id, CUSTOMER, Kind.BLOCK, source="test")
    known = facts.about(site.event())
    assert (known.last_inbound_at_ms, known.suppression) == (None, None)


def test_messages_in_flight_are_those_of_the_account_that_are_sending() -> None:
    site, another = a_site(), a_site()
    for owner in (site, site, another):
        owner.event_in(State.SENDING)
    assert facts.about(site.event(to=phone(2))).in_flight == 2


def test_what_was_used_is_read_in_the_accounts_own_day() -> None:
    clock.freeze(NOON_MS + 10 * 60 * 60 * 1000)  # 22:00 UTC, tomorrow in Riyadh
    site = a_site(timezone="Asia/Riyadh")
    zone = site.account.zone_at(clock.now_ms())
    Usage.take(site.account_id, zone, clock.now_ms())
    Usage.take(site.account_id, zone, NOON_MS)
    known = facts.about(site.event())
    assert (known.daily_used, known.monthly_used) == (1, 2)


def broadcast(site: Site, people: int) -> list[int]:
    """Send one text to so many people; what each event's facts count."""
    counted = []
    for number in range(people):
        event = walk(site.event(to=phone(number), message_text=LONG).id, to=State.VALID)
        counted.append(facts.about(event).same_text_recipients)
    return counted


def test_a_broadcast_is_counted_person_by_person() -> None:
    assert broadcast(a_site(), 21) == list(range(1, 22))


def test_the_same_text_to_the_same_person_counts_once() -> None:
    site = a_site()
    for _ in range(3):
        event = walk(site.event(message_text=LONG).id, to=State.VALID)
    assert facts.about(event).same_text_recipients == 1


def test_a_broadcast_is_counted_in_the_order_of_acceptance() -> None:
    site = a_site()
    events = [site.event(to=phone(number), message_text=LONG) for number in range(3)]
    for event in reversed(events):
        walk(event.id, to=State.VALID)
    counted = [facts.about(loaded(event.id)).same_text_recipients for event in events]
    assert counted == [1, 2, 3]


def test_a_broadcast_is_what_goes_out_within_ten_minutes() -> None:
    clock.freeze(NOON_MS)
    site = a_site()
    broadcast(site, 5)
    clock.turn(599_999)
    assert broadcast(site, 1) == [5]
    clock.turn(1)
    assert broadcast(site, 1) == [1]


def test_tests_and_other_accounts_are_no_part_of_a_broadcast() -> None:
    site, another = a_site(), a_site()
    broadcast(another, 3)
    walk(site.event(to=phone(5), event_type="test", message_text=LONG).id, to=State.VALID)
    assert broadcast(site, 1) == [1]


def test_counting_a_broadcast_does_not_read_what_is_long_past() -> None:
    site = a_site()
    event = walk(site.event(message_text=LONG).id, to=State.VALID)
    copies(event, 50, received_at_ms=event.received_at_ms - 600_000, address_hash="someone")
    last = walk(site.event(message_text=LONG).id, to=State.VALID)
    assert facts.about(last).same_text_recipients == 1


@pytest.mark.parametrize(
    "change_of_mind",
    [
        lambda site: Suppression.add(site.account_id, CUSTOMER, Kind.OPT_OUT, source="whatsapp"),
        lambda site: site.pause(Account),
        lambda site: site.pause(Instance),
        lambda site: site.pause(Integration),
        lambda site: site.set_account(daily_limit=0),
        lambda site: site.set_account(module_enabled=False),
    ],
    ids=["opt-out", "pause", "pause of the number", "pause of 3CX", "limit", "module"],
)
def test_what_was_settled_stays_true_until_the_move_is_kept(change_of_mind: Any) -> None:
    site = a_site()
    event = site.event()
    begun, ended = threading.Event(), threading.Event()

    def change_it() -> None:
        begun.set()
        change_of_mind(site)
        ended.set()
        close_connection()

    changing = threading.Thread(target=change_it)

    @transaction
    def settle() -> bool:
        facts.settled(event, "support")
        changing.start()
        begun.wait(5)
        return ended.wait(0.2)

    assert settle() is False
    changing.join(10)
    assert ended.is_set()


def test_what_is_settled_leaves_out_the_text() -> None:
    event = a_site().event(message_text=LONG)
    assert facts.settled(event, "support").text == ""
