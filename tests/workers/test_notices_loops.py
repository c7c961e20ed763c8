"""No loop is possible: whoever answers our lines, by themselves or in a circle, comes to an end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core import clock
from core.words import REPLIES
from models import provisioning
from models.destination import Kind, Route
from models.event import Event
from models.forward import Forward
from tests.factories import CUSTOMER
from tests.journey import walk
from tests.trunk import DID
from workers import forwarding
from workers.notices import LINES_AT_MOST, LINES_WITHIN_MS
from workers.notices_words import LANGUAGES, is_ours

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.factories import Site
    from tests.journey import Journey
    from tests.trunk import Heard, Trunk

ENDLESS = 60
OTHER_DID = "+966112000002"


def run(trunk: Trunk, answer: Callable[[Heard], None]) -> None:
    """A bot in the agents' place answers every line, until it hears of nothing new."""
    answered = 0
    for _ in range(ENDLESS):
        for each in list(Forward.select(Forward.id).order_by(Forward.seq)):
            forwarding.deliver(each.id)
        new = trunk.taken[answered:]
        if not new:
            return
        answered += len(new)
        for heard in new:
            answer(heard)
    raise AssertionError("it never ended")


def reply(site: Site, text: str) -> None:
    """A reply of an agent's, or of a bot in its place, as far as it goes."""
    walk(site.accept(message_text=text).event_id)


def replies() -> list[Event]:
    """All replies that came in."""
    names = [each.value for each in REPLIES]
    return list(Event.select().where(Event.event_type.in_(names)).order_by(Event.seq))


def lines(trunk: Trunk) -> list[str]:
    """Our own lines that were read."""
    return [text for text in trunk.texts if is_ours(text)]


@pytest.fixture
def refusing(journey: Journey) -> Journey:
    """A site that refuses every reply."""
    journey.site.set_integration(outbound=False)
    return journey


def test_a_bot_that_sends_our_lines_back_is_told_nothing(refusing: Journey, trunk: Trunk) -> None:
    reply(refusing.site, "hello")
    run(trunk, lambda heard: reply(refusing.site, heard.text))
    first, back = replies()
    assert (first.state, first.error) == ("refused", "outbound_disabled")
    assert (back.state, back.reason) == ("recorded", "own_line")
    assert len(lines(trunk)) == 1


@pytest.mark.parametrize("words", ["Thank you!", "> {}"], ids=["answers", "quotes"])
def test_a_bot_that_answers_our_lines_gets_five_and_no_more(
    refusing: Journey, trunk: Trunk, words: str
) -> None:
    reply(refusing.site, "hello")
    run(trunk, lambda heard: reply(refusing.site, words.format(heard.text)))
    assert len(lines(trunk)) == LINES_AT_MOST
    assert len(replies()) == LINES_AT_MOST + 1
    silence = LANGUAGES["en"].silence
    assert [silence in line for line in lines(trunk)] == [False] * 4 + [True]
    assert not [each.id for each in Event.select().where(Event.untold)]


def test_a_bot_without_a_number_comes_to_an_end_too(refusing: Journey, trunk: Trunk) -> None:
    provisioning.set_destination(refusing.site.integration_id, Kind.WEBHOOK, trunk.url)

    def answer(_: object = None) -> None:
        walk(refusing.site.accept(to=None, message_text="hello?").event_id)

    answer()
    run(trunk, answer)
    assert len(lines(trunk)) == LINES_AT_MOST


def test_two_bots_that_answer_each_other_come_to_an_end(refusing: Journey, trunk: Trunk) -> None:
    here = refusing.site
    integration, _ = provisioning.add_integration(
        here.account_id, here.instance_id, default_region="SA", call_events=False
    )
    there = replace(here, integration_id=integration.id)
    there.set_integration(outbound=False)
    provisioning.set_destination(
        there.integration_id,
        Kind.THREECX_SMS,
        f"{trunk.url}/there",
        routes=[Route(OTHER_DID, here.instance_id)],
    )
    reply(here, "hello")
    # What one's chat shows, the other sends as a reply, so that nothing begins as our own line.
    run(
        trunk,
        lambda heard: reply(here if heard.path.endswith("/there") else there, f"> {heard.text}"),
    )
    assert len(lines(trunk)) <= 2 * LINES_AT_MOST
    assert {each.integration_id for each in replies()} == {
        here.integration_id,
        there.integration_id,
    }


def test_two_bots_with_a_customer_between_them_end_at_the_plans_limit(
    journey: Journey, trunk: Trunk
) -> None:
    journey.site.set_account(daily_limit=7)
    seen = 0

    def answer(heard: Heard) -> None:
        nonlocal seen
        reply(journey.site, f"You said: {heard.text[:20]}")
        for text in journey.received()[seen:]:
            seen += 1
            # Meta's timestamps are whole seconds, and each message has an id of its own.
            journey.customer_says(f"I am away ({seen}) {text[:9]}", id=f"wamid.away.{seen}")

    journey.customer_says("hello")
    run(trunk, answer)
    assert len(journey.received()) == 7
    assert [each.error for each in replies()[7:]] == ["daily_message_limit_exceeded"] * (
        len(replies()) - 7
    )
    assert len(lines(trunk)) == LINES_AT_MOST


def test_an_auto_answer_of_an_opted_out_customer_goes_nowhere(
    journey: Journey, trunk: Trunk
) -> None:
    journey.customer_says("STOP")
    for each in list(Event.select()):
        walk(each.id)
    run(trunk, lambda heard: reply(journey.site, f"You said: {heard.text[:20]}"))
    assert len(journey.received()) == 1, "the confirmation alone"
    assert len(lines(trunk)) == LINES_AT_MOST


def test_after_a_while_or_a_customers_message_lines_come_again(
    refusing: Journey, trunk: Trunk
) -> None:
    clock.freeze()
    for number in range(8):
        reply(refusing.site, f"hello {number}")
    run(trunk, lambda _: None)
    assert len(lines(trunk)) == 5
    clock.turn(2_000)
    refusing.customer_says("Is anybody there?", CUSTOMER)
    reply(refusing.site, "yes")
    run(trunk, lambda _: None)
    assert len(lines(trunk)) == 6
    for number in range(6):
        reply(refusing.site, f"hello again {number}")
    clock.turn(LINES_WITHIN_MS + 1_000)
    reply(refusing.site, "and again")
    run(trunk, lambda _: None)
    assert len(lines(trunk)) == 11
    assert "and again" in lines(trunk)[-1]
    assert DID in trunk.heard[-1].raw.decode()
