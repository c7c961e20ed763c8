"""What Meta tells is kept once and heeded: windows, opt-outs, statuses, new addresses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from app.sandbox import envelope
from core import clock
from core.words import EventType, State
from models.customer import address_hash
from models.event import Event
from models.inbound_item import InboundItem, ItemState, Told
from models.suppression import Kind, Suppression
from tests.backends import together
from tests.factories import CUSTOMER, DAY_MS, NOON_MS, a_site, loaded, phone
from tests.journey import deliveries, keep, walk
from workers import inbound, upkeep
from workers.confirmation import CONFIRMATIONS

if TYPE_CHECKING:
    from tests.journey import Journey


def suppression(journey: Journey, address: str = CUSTOMER) -> str | None:
    """What holds for a person."""
    account_id = journey.site.account_id
    return Suppression.of(account_id, address_hash(account_id, address))


def confirmations(journey: Journey) -> list[Event]:
    """The confirmations that were made, in order."""
    ours = Event.event_type == EventType.OPT_OUT_CONFIRMATION.value
    query = Event.select().where(ours, Event.account_id == journey.site.account_id)
    return list(query.order_by(Event.seq))


def states() -> list[str]:
    """How far the items have come, in order."""
    return [row.state for row in InboundItem.select().order_by(InboundItem.seq)]


def a_message(journey: Journey, text: str = "hello", **node: Any) -> bytes:
    """The webhook of a customer's message."""
    usual = {"from": CUSTOMER[1:], "id": "wamid.x", "type": "text", "text": {"body": text}}
    usual["timestamp"] = str(clock.now_ms() // 1000)
    return envelope.inbound(journey.number, CUSTOMER[1:], "Sara", usual | node)


def test_an_item_that_comes_again_counts_once(journey: Journey) -> None:
    raw = a_message(journey, "STOP")
    assert len(keep(journey.site, raw)) == 1
    assert keep(journey.site, raw) == []
    assert sum(map(len, together(8, lambda _: keep(journey.site, raw)))) == 0
    assert states() == ["received"]


def test_of_many_that_bring_the_same_item_at_once_one_keeps_it(journey: Journey) -> None:
    raw = a_message(journey)
    assert sum(map(len, together(8, lambda _: keep(journey.site, raw)))) == 1


def test_an_item_taken_in_by_many_counts_once(journey: Journey) -> None:
    kept = keep(journey.site, a_message(journey, "STOP"))
    together(6, lambda _: inbound.take_in(kept))
    assert states() == ["done"]
    assert len(confirmations(journey)) == 1


def test_a_message_opens_the_window_from_its_own_timestamp(journey: Journey) -> None:
    clock.freeze(NOON_MS + DAY_MS)
    at_s = (NOON_MS + DAY_MS - 3_600_000) // 1000
    journey.customer_says("hello", phone(2), timestamp=str(at_s))
    assert journey.site.window(phone(2)) == at_s * 1000


def test_an_old_message_never_moves_the_window_back(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.customer_says("new", phone(2))
    journey.customer_says("old", phone(2), timestamp=str(NOON_MS // 1000 - 9_000))
    assert journey.site.window(phone(2)) == NOON_MS


def test_a_message_from_the_future_counts_as_now(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.customer_says("early", phone(2), timestamp=str(NOON_MS // 1000 + 9_000))
    assert journey.site.window(phone(2)) == NOON_MS


@pytest.mark.parametrize(
    "node",
    [
        {"type": "reaction", "reaction": {"message_id": "wamid.y", "emoji": "👍"}},
        {"type": "edit", "edit": {"original_message_id": "wamid.y"}},
        {"type": "revoke", "revoke": {"original_message_id": "wamid.y"}},
        {"group_id": "group"},
        {"timestamp": None},
    ],
    ids=["reaction", "edit", "revoke", "group", "no time"],
)
def test_what_is_no_message_of_the_customers_own_opens_nothing(
    journey: Journey, node: dict[str, Any]
) -> None:
    journey.customer_says("hello", phone(2), **node)
    assert journey.site.window(phone(2)) is None
    assert states() == ["done"]


def test_a_person_known_by_a_user_id_alone_has_a_window(journey: Journey) -> None:
    journey.customer_says("hi", "SA.1349", **{"from": None, "from_user_id": "SA.1349"})
    assert journey.site.window("SA.1349") is not None


@pytest.mark.parametrize(
    ("word", "language"), [("STOP", "en"), ("baja", "es"), ("إيقاف", "ar"), ("Arrêt!", "fr")]
)
def test_an_opt_out_suppresses_and_is_confirmed_once(
    journey: Journey, word: str, language: str
) -> None:
    journey.customer_says(word)
    assert suppression(journey) == "opt_out"
    (confirmation,) = confirmations(journey)
    assert walk(confirmation.id).state == State.SENT
    assert journey.received() == [CONFIRMATIONS[language]]
    assert journey.used() == (1, 1)
    journey.customer_says(word, id="wamid.again")
    assert len(confirmations(journey)) == 1
    assert journey.send().error == "recipient_suppressed"


def test_an_opt_out_by_another_address_of_the_person_is_not_confirmed_again(
    journey: Journey,
) -> None:
    journey.customer_says("hello", from_user_id="SA.1349")
    journey.customer_says("STOP", id="wamid.1")
    by_id = {"from": None, "from_user_id": "SA.1349", "id": "wamid.2"}
    journey.customer_says("STOP", "SA.1349", **by_id)
    assert len(confirmations(journey)) == 1


def test_a_second_opt_out_after_a_start_is_confirmed_again(journey: Journey) -> None:
    for number, word in enumerate(("STOP", "START", "STOP")):
        journey.customer_says(word, id=f"wamid.{number}")
    assert len(confirmations(journey)) == 2


def test_a_start_lifts_an_opt_out_and_never_a_block(journey: Journey) -> None:
    journey.customer_says("STOP")
    Suppression.add(journey.site.account_id, CUSTOMER, Kind.BLOCK, source="test")
    journey.customer_says("START")
    assert suppression(journey) == "block"
    Suppression.lift(journey.site.account_id, CUSTOMER, Kind.BLOCK)
    assert suppression(journey) is None


def test_a_block_is_not_told_of_its_opt_out(journey: Journey) -> None:
    Suppression.add(journey.site.account_id, CUSTOMER, Kind.BLOCK, source="test")
    journey.customer_says("STOP")
    (confirmation,) = confirmations(journey)
    assert walk(confirmation.id).error == "recipient_suppressed"
    assert journey.received() == []


def test_a_button_that_says_stop_is_an_opt_out(journey: Journey) -> None:
    button = {"payload": "stop-promotions", "text": "Stop"}
    journey.customer_says("", type="button", text=None, button=button)
    assert suppression(journey) == "opt_out"


def test_a_sentence_with_stop_in_it_is_none(journey: Journey) -> None:
    journey.customer_says("please stop by at ten")
    assert suppression(journey) is None


def test_an_accounts_own_words_replace_the_usual_ones(journey: Journey) -> None:
    journey.site.set_account(keywords={"stop": ["BASTA"], "start": ["VIA"]})
    journey.customer_says("STOP")
    assert suppression(journey) is None
    journey.customer_says("basta")
    assert suppression(journey) == "opt_out"
    journey.customer_says("via")
    assert suppression(journey) is None


def test_an_opt_out_counts_in_its_own_account_alone(journey: Journey) -> None:
    another = a_site()
    journey.customer_says("STOP")
    assert Suppression.of(another.account_id, address_hash(another.account_id, CUSTOMER)) is None


def test_statuses_go_forward_only(journey: Journey) -> None:
    event = journey.send()
    seen = []
    for status in ("delivered", "sent", "read", "delivered", "failed"):
        journey.status_of(event, status, fails=131026)
        seen += deliveries(event)
    assert seen == ["delivered", "delivered", "read", "read", "read"]
    assert loaded(event.id).state == State.SENT


def test_a_failure_takes_nothing_back_that_was_delivered(journey: Journey) -> None:
    event = journey.send()
    journey.status_of(event, "delivered")
    journey.status_of(event, "failed", fails=131026)
    assert deliveries(event) == ["delivered"]


def test_a_failed_message_stays_failed(journey: Journey) -> None:
    event = journey.send()
    journey.status_of(event, "failed", fails=131026)
    journey.status_of(event, "delivered")
    assert deliveries(event) == ["failed"]


def test_a_status_without_our_correlation_is_known_by_its_message(journey: Journey) -> None:
    event = journey.send()
    (entry,) = journey.taken()
    message = journey.sandbox.phones.find(entry["message_id"])
    assert message is not None
    message.callback = None
    journey.status_of(event, "read")
    assert deliveries(event) == ["read"]


def test_a_status_cannot_reach_a_message_of_another_number(journey: Journey) -> None:
    event = journey.send()
    (entry,) = journey.taken()
    message = journey.sandbox.phones.find(entry["message_id"])
    assert message is not None
    kept = keep(a_site(), envelope.status(journey.number, message, message.status.READ))
    inbound.take_in(kept)
    assert deliveries(event) == ["accepted"]


@pytest.mark.parametrize("correlation", ["", "evt:0", "x:y", ":", "evt_x:99999", "٣:٣"])
def test_a_correlation_that_is_not_ours_breaks_nothing(journey: Journey, correlation: str) -> None:
    event = journey.send()
    (entry,) = journey.taken()
    message = journey.sandbox.phones.find(entry["message_id"])
    assert message is not None
    message.callback = correlation
    journey.told(envelope.status(journey.number, message, message.status.READ))
    assert deliveries(event) == ["read"]


def test_an_uncertain_event_is_settled_as_sent(journey: Journey) -> None:
    journey.faults({"reset": "after"})
    event = journey.send()
    second = journey.send(message_text="next")
    assert second.waiting_for == "turn"
    journey.status_of(event, "sent")
    assert loaded(event.id).state == State.SENT
    assert loaded(second.id).seated
    assert walk(second.id).state == State.SENT
    assert journey.used() == (2, 2)


def test_an_uncertain_event_is_settled_as_failed_and_given_back(journey: Journey) -> None:
    journey.faults({"reset": "after"})
    event = journey.send()
    journey.status_of(event, "failed", fails=131026)
    row = loaded(event.id)
    assert (row.state, row.error) == ("refused", "gateway_send_failed")
    assert journey.used() == (0, 0)
    assert journey.send().state == State.SENT


def test_a_failed_status_tells_of_a_shut_window_and_of_a_block(journey: Journey) -> None:
    event = journey.send()
    journey.status_of(event, "failed", fails=131047)
    assert journey.site.window() is None
    journey.wrote()
    event = journey.send()
    journey.status_of(event, "failed", fails=130403)
    assert suppression(journey) == "block"


@pytest.mark.parametrize("apart_s", [0, 5], ids=["in one second", "apart"])
@pytest.mark.parametrize("words", [("STOP", "START"), ("START", "STOP")], ids=lambda both: both[1])
def test_the_last_word_counts_though_it_is_taken_in_first(
    journey: Journey, words: tuple[str, str], apart_s: int
) -> None:
    said_s = clock.now_ms() // 1000 - 60
    Suppression.add(journey.site.account_id, CUSTOMER, Kind.OPT_OUT, source="test")
    kept = []
    for number, word in enumerate(words):
        at_s = said_s + number * apart_s
        kept += keep(journey.site, a_message(journey, word, id=word, timestamp=str(at_s)))
    for item in reversed(kept):
        inbound.take_in([item])
    assert suppression(journey) == ("opt_out" if words[1] == "STOP" else None)


@pytest.mark.parametrize("first_s", [30, 600], ids=["late", "from the future"])
def test_where_clock_and_order_do_not_agree_the_stop_holds(journey: Journey, first_s: int) -> None:
    said_s = clock.now_ms() // 1000
    for word, at_s in (("START", said_s + first_s), ("STOP", said_s)):
        inbound.take_in(keep(journey.site, a_message(journey, word, id=word, timestamp=str(at_s))))
        assert suppression(journey) == ("opt_out" if word == "STOP" else None)
    inbound.take_in(keep(journey.site, a_message(journey, "START", timestamp=str(said_s + 1))))
    assert suppression(journey) is None


def test_a_stop_counts_though_our_clock_was_turned_back(journey: Journey) -> None:
    said_s = clock.now_ms() // 1000
    for number, word in enumerate(("STOP", "START", "STOP")):
        raw = a_message(journey, word, id=str(number), timestamp=str(said_s + number))
        inbound.take_in(keep(journey.site, raw))
        clock.turn(-600_000)
    assert suppression(journey) == "opt_out"


def test_a_broken_item_costs_its_neighbours_nothing_and_dies_after_five_tries(
    journey: Journey, caplog: pytest.LogCaptureFixture
) -> None:
    clock.freeze()
    broken = Told(journey.site.instance_id, "broken", "message", '{"kind": "none"}')
    before = InboundItem.keep([broken])
    after = keep(journey.site, a_message(journey, "STOP"))
    with caplog.at_level(logging.ERROR):
        inbound.take_in(before + after)
    assert states() == ["received", "done"]
    assert suppression(journey) == "opt_out"
    for _ in range(4):
        clock.turn(10_000)
        assert InboundItem.claim_due() == before
        assert InboundItem.claim_due() == []
        inbound.take_in(before)
    assert states() == ["dead", "done"]
    assert len([record for record in caplog.records if record.name == "gateway"]) == 5
    clock.turn(10_000)
    assert InboundItem.claim_due() == []


def test_two_sweepers_take_different_items(journey: Journey) -> None:
    clock.freeze()
    rows = [Told(journey.site.instance_id, str(number), "other", "{}") for number in range(800)]
    kept = InboundItem.keep(rows)
    assert len(kept) == 800
    clock.turn(10_000)
    taken = [each for batch in together(3, lambda _: InboundItem.claim_due()) for each in batch]
    taken += InboundItem.claim_due()
    assert sorted(taken) == sorted(kept)


def test_what_is_news_of_another_kind_is_done_with(journey: Journey) -> None:
    told = {"entry": [{"changes": [{"field": "account_update", "value": {"event": "X"}}]}]}
    journey.told(orjson.dumps(told))
    assert states() == ["done"]


def test_a_new_number_is_the_same_person(journey: Journey) -> None:
    Suppression.add(journey.site.account_id, CUSTOMER, Kind.OPT_OUT, source="test")
    node = {
        "type": "system",
        "system": {"type": "user_changed_number", "wa_id": phone(7)[1:], "body": "moved"},
    }
    journey.customer_says("", text=None, **node)
    assert journey.site.window(phone(7)) == journey.site.window(CUSTOMER)
    assert suppression(journey, phone(7)) == "opt_out"
    assert journey.send(to=phone(7)).error == "recipient_suppressed"


def test_a_number_that_somebody_has_stays_theirs(journey: Journey) -> None:
    clock.freeze(NOON_MS)
    journey.customer_says("mine", phone(7))
    Suppression.add(journey.site.account_id, CUSTOMER, Kind.OPT_OUT, source="test")
    node = {"type": "system", "system": {"type": "user_changed_number", "wa_id": phone(7)[1:]}}
    journey.customer_says("", text=None, **node)
    assert suppression(journey, phone(7)) is None


def test_what_was_kept_and_not_taken_in_is_found_by_the_sweep(journey: Journey) -> None:
    clock.freeze()
    kept = keep(journey.site, a_message(journey, "STOP"))
    upkeep.sweep()
    assert InboundItem.get_by_id(kept[0]).due_at_ms == clock.now_ms() + 10_000
    clock.turn(10_000)
    upkeep.sweep()
    assert InboundItem.get_by_id(kept[0]).due_at_ms == clock.now_ms() + 10_000
    assert states() == [ItemState.RECEIVED.value]


def test_the_numbers_own_display_number_is_learned_once(journey: Journey) -> None:
    assert journey.site.instance.display_phone_number is None
    journey.customer_says("hello")
    assert journey.site.instance.display_phone_number == "966110000000"
