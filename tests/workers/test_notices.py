"""Agents always learn why a reply did not go, and see what went by itself; told once, whatever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from core import clock
from core.errors import ErrorCode
from core.words import EventType, State
from models import provisioning
from models.database import database, is_postgres, transaction
from models.destination import Kind, News, Route
from models.event import Event
from models.forward import Forward
from tests.backends import asked_by, together
from tests.factories import CUSTOMER, TEXT, change, loaded, phone
from tests.journey import walk
from tests.trunk import DID
from workers import forwarding, notices, upkeep
from workers.notices_words import AFTER_ALL, AUTOMATIC, NOT_SENT, is_ours

if TYPE_CHECKING:
    from tests.journey import Journey
    from tests.trunk import Trunk

DAY_MS = 24 * 60 * 60 * 1000
UNDELIVERABLE, WINDOW_CLOSED = 131026, 131047
LONG = " ".join(f"{number:04}" for number in range(1000))


def deliver() -> None:
    """Have everything delivered whose time has come."""
    for each in list(Forward.select(Forward.id).order_by(Forward.seq)):
        forwarding.deliver(each.id)


def lines(trunk: Trunk) -> list[str]:
    """Our own lines among what agents read, in order."""
    deliver()
    return [text for text in trunk.texts if is_ours(text)]


def told() -> list[dict[str, Any]]:
    """What is to be told of messages, in order."""
    kinds = (News.REPLY_NOT_SENT.value, News.AUTOMATIC_MESSAGE_SENT.value)
    return [
        {"kind": each.kind, "source": each.source_id, **each.content}
        for each in Forward.select().where(Forward.kind.in_(kinds)).order_by(Forward.seq)
    ]


def untold() -> list[str]:
    """The events of which something is still to be told."""
    return [each.id for each in Event.select(Event.id).where(Event.untold)]


def plan_of(sql: str, parameters: Any) -> str:
    """How the database goes about a query, once there is enough for an index to be worth it."""
    if not is_postgres():
        return str(database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall())
    database.execute_sql("SET enable_seqscan = off")
    try:
        return str(database.execute_sql(f"EXPLAIN {sql}", parameters).fetchall())
    finally:
        database.execute_sql("RESET enable_seqscan")


def an_uncertain_reply(journey: Journey, text: str = TEXT) -> Event:
    """One whose answer was lost, of which the agent was told that it may not have gone."""
    journey.faults({"reset": "after"})
    event = journey.send(message_text=text)
    journey.faults()
    assert event.state == State.UNCERTAIN
    return event


def test_an_agent_reads_in_the_chat_why_a_reply_was_refused(journey: Journey, trunk: Trunk) -> None:
    journey.wrote(at_ms=clock.now_ms() - DAY_MS)
    journey.site.set_integration(outbound=False)
    event = journey.send(message_text="Your   technician arrives between ten and eleven o'clock.")
    assert event.error == "outbound_disabled"
    assert lines(trunk) == [
        f"{NOT_SENT} Not delivered “Your technician arrives between ten and…”: "
        "replies are switched off. Ask your administrator."
    ]
    payload = trunk.heard[0].body["data"]["payload"]
    assert payload["from"] == {"phone_number": CUSTOMER}
    assert payload["to"] == [{"phone_number": DID}]
    assert untold() == []


def test_a_line_speaks_the_integrations_language(journey: Journey, trunk: Trunk) -> None:
    journey.site.set_integration(outbound=False, language="de")
    journey.send()
    assert lines(trunk)[0].startswith(f"{NOT_SENT} Nicht zugestellt “{TEXT}”: Antworten sind")


def test_a_reply_that_is_sent_sets_nothing_and_tells_nobody(journey: Journey, trunk: Trunk) -> None:
    event = walk(journey.site.accept().event_id, to=State.READY)
    statements = asked_by(lambda: walk(event.id))
    assert loaded(event.id).state == State.SENT
    writes = [sql for sql, _ in statements if sql.startswith("UPDATE")]
    assert writes
    assert not [sql for sql in writes if "untold" in sql]
    assert not [sql for sql, _ in statements if '"destination"' in sql]
    assert lines(trunk) == []


@pytest.mark.parametrize(
    "quiet",
    [
        {"event_type": "test", "message_purpose": "marketing"},
        {"event_type": "call_started"},
        {"event_type": "missed_call"},
        {"event_type": "nothing_known"},
    ],
    ids=lambda each: each["event_type"],
)
def test_nobody_is_told_of_a_test_or_of_a_caller_who_gets_nothing(
    journey: Journey, trunk: Trunk, quiet: dict[str, Any]
) -> None:
    event = journey.send(**quiet)
    assert event.state in {State.RECORDED, State.REFUSED}
    assert (untold(), lines(trunk)) == ([], [])


def test_a_doubt_is_told_and_taken_back_when_whatsapp_says_that_it_went(
    journey: Journey, trunk: Trunk
) -> None:
    event = an_uncertain_reply(journey)
    journey.status_of(event, "delivered")
    assert loaded(event.id).state == State.SENT
    doubt, after_all = lines(trunk)
    assert doubt.startswith(f"{NOT_SENT} Perhaps not delivered “{TEXT}”: WhatsApp has not")
    assert after_all == f"{AFTER_ALL} Delivered after all “{TEXT}”"
    assert [each["outcome"] for each in told()] == ["uncertain", "sent"]


def test_a_doubt_about_one_part_is_taken_back_when_all_have_gone(
    journey: Journey, trunk: Trunk
) -> None:
    event = an_uncertain_reply(journey, LONG)
    journey.status_of(event, "delivered")
    assert [each["outcome"] for each in told()] == ["uncertain"], "a part is still to go"
    assert walk(event.id).state == State.SENT
    lines(trunk)
    assert [each["outcome"] for each in told()] == ["uncertain", "sent"]


def test_a_doubt_that_turns_out_to_be_a_failure_is_told_so(journey: Journey, trunk: Trunk) -> None:
    event = an_uncertain_reply(journey)
    journey.status_of(event, "failed", fails=UNDELIVERABLE)
    assert [line.split("“")[0] for line in lines(trunk)] == [
        f"{NOT_SENT} Perhaps not delivered ",
        f"{NOT_SENT} Not delivered ",
    ]


def test_a_doubt_that_was_over_before_anybody_heard_of_it_is_not_told(
    journey: Journey, trunk: Trunk
) -> None:
    event = journey.site.event_in(State.UNCERTAIN, columns={"finished_at_ms": 1, "untold": True})
    change(event, state=State.SENT.value)
    notices.sweep()
    assert (lines(trunk), untold()) == ([], [])


@pytest.mark.parametrize(
    ("code", "says"),
    [(UNDELIVERABLE, "WhatsApp could not deliver it"), (WINDOW_CLOSED, "within the last 24 hours")],
)
def test_what_whatsapp_took_and_could_not_deliver_is_told(
    journey: Journey, trunk: Trunk, code: int, says: str
) -> None:
    event = journey.send()
    assert event.state == State.SENT
    journey.status_of(event, "failed", fails=code)
    journey.status_of(event, "failed", fails=code)
    (line,) = lines(trunk)
    assert says in line
    assert told()[0]["outcome"] == "failed"


def test_a_part_that_fails_while_others_wait_is_told_at_the_end(
    journey: Journey, trunk: Trunk
) -> None:
    event = walk(journey.site.accept(message_text=LONG).event_id)
    assert event.part == 1
    change(event, state=State.ALLOWED.value, finished_at_ms=None)
    journey.status_of(event, "failed", fails=UNDELIVERABLE)
    assert lines(trunk) == []
    assert walk(event.id).state == State.SENT
    assert len(lines(trunk)) == 1


def test_a_reply_that_a_person_began_anew_is_told_to_have_gone(
    journey: Journey, trunk: Trunk
) -> None:
    journey.site.set_integration(outbound=False)
    event = journey.send()
    journey.site.set_integration(outbound=True)
    provisioning.requeue([event.id], even_if_uncertain=False, due_at_once=True)
    assert walk(event.id).state == State.SENT
    assert [line[0] for line in lines(trunk)] == [NOT_SENT, AFTER_ALL]


def test_agents_see_the_confirmation_of_an_opt_out(journey: Journey, trunk: Trunk) -> None:
    journey.customer_says("STOP")
    event = Event.get(Event.event_type == EventType.OPT_OUT_CONFIRMATION.value)
    assert walk(event.id).state == State.SENT
    deliver()
    said, line = trunk.texts
    assert said == "STOP"
    assert line == f"{AUTOMATIC} Sent automatically: {journey.received()[0]}"


def test_a_line_comes_after_what_the_customer_wrote_before_it(
    journey: Journey, trunk: Trunk
) -> None:
    trunk.answers = [500]
    clock.freeze()
    journey.customer_says("hello")
    deliver()
    journey.site.set_integration(outbound=False)
    journey.send()
    for _ in range(3):
        clock.turn(2_000)
        forwarding.sweep()
        deliver()
    assert [is_ours(text) for text in trunk.texts] == [False, True]


def test_a_line_goes_to_the_did_that_the_agent_wrote_from(journey: Journey, trunk: Trunk) -> None:
    sales = "+966112000009"
    instance_id = journey.site.instance_id
    provisioning.set_destination(
        journey.site.integration_id,
        Kind.THREECX_SMS,
        trunk.url,
        routes=[Route(DID, instance_id), Route(sales, instance_id, "sales")],
    )
    journey.site.set_integration(outbound=False)
    event = journey.site.event()
    change(event, payload=orjson.dumps(event.content | {"did": sales}).decode())
    walk(event.id)
    assert len(lines(trunk)) == 1
    assert trunk.heard[0].body["data"]["payload"]["to"] == [{"phone_number": sales}]


def test_a_reply_without_a_number_is_told_to_webhooks_alone(journey: Journey, trunk: Trunk) -> None:
    hook = provisioning.set_destination(
        journey.site.integration_id, Kind.WEBHOOK, trunk.url, events=list(News)
    )
    event = journey.send(to=None)
    assert event.error == "missing_phone"
    (forward,) = Forward.select()
    assert forward.destination_id == hook.id
    assert (forward.content["from"], forward.content["error"]) == (None, "missing_phone")


@pytest.mark.usefixtures("trunk")
def test_a_crash_between_end_and_telling_is_made_up_for_by_the_sweep(journey: Journey) -> None:
    journey.site.set_integration(outbound=False)
    ids = []
    for number in range(3):
        event = journey.site.event(to=phone(number))
        assert event.refuse(State.RECEIVED, ErrorCode.OUTBOUND_DISABLED)
        ids.append(event.id)
    assert sorted(untold()) == sorted(ids)
    upkeep.sweep()
    upkeep.sweep()
    assert untold() == []
    assert [each["source"] for each in told()] == ids


@pytest.mark.usefixtures("trunk")
def test_many_tell_at_once_and_it_is_told_once(journey: Journey) -> None:
    journey.site.set_integration(outbound=False)
    ids = []
    for number in range(4):
        event = journey.site.event(to=phone(number))
        event.refuse(State.RECEIVED, ErrorCode.OUTBOUND_DISABLED)
        ids.append(event.id)

    def tell(number: int) -> None:
        notices.sweep() if number % 2 else [notices.tell(each) for each in ids]

    together(4, tell)
    assert sorted(each["source"] for each in told()) == sorted(ids)


@pytest.mark.usefixtures("trunk")
def test_one_that_cannot_be_told_holds_up_nobody(journey: Journey) -> None:
    journey.site.set_integration(outbound=False)
    broken, whole = journey.site.event(), journey.site.event(to=phone(1))
    for each in (broken, whole):
        each.refuse(State.RECEIVED, ErrorCode.OUTBOUND_DISABLED)
    change(broken, payload="no JSON")
    notices.sweep()
    assert [each["source"] for each in told()] == [whole.id]
    assert untold() == []


@pytest.mark.usefixtures("trunk")
def test_a_destination_that_cannot_be_read_stops_no_sweep(journey: Journey) -> None:
    event = journey.site.event()
    event.refuse(State.RECEIVED, ErrorCode.OUTBOUND_DISABLED)
    transaction(database.execute_sql)("UPDATE destination SET events = 'no JSON'")
    upkeep.sweep()
    assert (untold(), Forward.select().count()) == ([], 0)


@pytest.mark.usefixtures("journey")
def test_the_sweep_looks_at_the_untold_alone() -> None:
    statements = asked_by(notices.sweep)
    assert "event_untold" in plan_of(*statements[0])


def test_a_conversations_lines_are_counted_by_their_index(journey: Journey, trunk: Trunk) -> None:
    assert trunk.heard == []
    journey.site.set_integration(outbound=False)
    event = journey.site.event()
    event.refuse(State.RECEIVED, ErrorCode.OUTBOUND_DISABLED)
    statements = asked_by(lambda: notices.tell(event.id))
    (count,) = [each for each in statements if "COUNT" in each[0]]
    assert "forward_lines" in plan_of(*count)
