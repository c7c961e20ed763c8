"""A call event sends its template: the right one, filled in, and not again within 15 minutes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from core import clock
from core.words import CALL_EVENTS, State
from models import destination, provisioning
from models.account import Account
from models.cooldown import COOLDOWN_MS, Cooldown
from models.database import transaction
from models.destination import Route
from models.forward import Forward
from models.integration import Integration
from models.suppression import Kind, Suppression
from schemas import threecx
from tests.backends import ENCRYPTION_KEY, HASH_KEY, together
from tests.factories import CUSTOMER, NOON_MS, TEXT, change, loaded, phone
from tests.gateway import ROOT, environment
from tests.journey import decisions, step, walk
from tests.trunk import DID
from workers import call_texts, calls, facts, forwarding, upkeep
from workers.policy import content

if TYPE_CHECKING:
    from models.event import Event
    from tests.backends import Store
    from tests.journey import Journey
    from tests.trunk import Trunk

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
NIGHT = {"fri": [["22:00", "24:00"]], "sat": [["00:00", "06:00"]]}
EARLY_SUNDAY = {"sun": [["02:00", "03:00"]]}
MINUTE_MS = 60_000
SALES = "+966112000801"
KINDS = sorted(kind.value for kind in CALL_EVENTS)


def at(moment: str, zone: str = "UTC") -> datetime:
    """A moment in UTC, on the clocks of a zone."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))


@pytest.mark.parametrize(
    ("hours", "moment", "zone", "open_then"),
    [
        (None, "2026-11-22 03:00", "UTC", True),
        ({}, "2026-11-23 12:00", "UTC", False),
        (OFFICE, "2026-11-23 08:59", "UTC", False),
        (OFFICE, "2026-11-23 09:00", "UTC", True),
        (OFFICE, "2026-11-23 16:59:59", "UTC", True),
        (OFFICE, "2026-11-23 17:00", "UTC", False),
        (OFFICE, "2026-11-22 12:00", "UTC", False),
        (OFFICE, "2026-11-23 06:00", "Asia/Riyadh", True),
        (OFFICE, "2026-11-23 14:00", "Asia/Riyadh", False),
        (OFFICE, "2026-11-23 02:00", "America/Los_Angeles", False),
        (OFFICE, "2026-11-22 20:00", "Pacific/Auckland", True),
        (NIGHT, "2026-11-27 21:59", "UTC", False),
        (NIGHT, "2026-11-27 23:59:59", "UTC", True),
        (NIGHT, "2026-11-28 00:00", "UTC", True),
        (NIGHT, "2026-11-28 06:00", "UTC", False),
        ({"mon": [["08:00", "12:00"], ["13:00", "17:00"]]}, "2026-11-23 12:30", "UTC", False),
        ({"mon": [["08:00", "12:00"], ["13:00", "17:00"]]}, "2026-11-23 13:00", "UTC", True),
        # The clocks of Berlin jump from 2 to 3 on one Sunday, and fall from 3 to 2 on another.
        (EARLY_SUNDAY, "2026-03-29 00:59", "Europe/Berlin", False),
        (EARLY_SUNDAY, "2026-03-29 01:00", "Europe/Berlin", False),
        (EARLY_SUNDAY, "2026-10-25 00:30", "Europe/Berlin", True),
        (EARLY_SUNDAY, "2026-10-25 01:30", "Europe/Berlin", True),
        (EARLY_SUNDAY, "2026-10-25 02:00", "Europe/Berlin", False),
        (OFFICE, "2026-03-27 16:30", "Europe/Berlin", False),
        (OFFICE, "2026-03-30 15:30", "Europe/Berlin", False),
        (OFFICE, "2026-03-30 14:30", "Europe/Berlin", True),
    ],
)
def test_business_hours_are_those_of_the_business_clocks(
    hours: dict[str, Any] | None, moment: str, zone: str, *, open_then: bool
) -> None:
    assert calls.is_open(hours, [], at(moment, zone)) is open_then


@pytest.mark.parametrize(
    ("moment", "zone", "open_then"),
    [
        ("2026-12-25 12:00", "UTC", False),
        ("2026-12-24 21:00", "Asia/Riyadh", False),
        ("2026-12-24 20:59", "Asia/Riyadh", True),
        ("2026-12-25 21:00", "Asia/Riyadh", True),
    ],
)
def test_a_holiday_is_a_day_of_the_business(moment: str, zone: str, *, open_then: bool) -> None:
    assert calls.is_open(None, ["2026-12-25"], at(moment, zone)) is open_then
    assert not calls.is_open({}, ["2026-12-25"], at(moment, zone))


def on(journey: Journey, *kinds: str, **columns: Any) -> None:
    """Call events are on, with a template of its own for each of these (for all, without any)."""
    templates = {kind: {"enabled": True, "text": f"About your {kind}."} for kind in kinds or KINDS}
    journey.site.set_integration(**{"call_events": True, "call_templates": templates} | columns)


def call(journey: Journey, kind: str = "missed_call", **payload: Any) -> Event:
    """A call event of the customer, taken as far as it goes."""
    return walk(accepted(journey, kind, **payload).id)


def accepted(journey: Journey, kind: str = "missed_call", **payload: Any) -> Event:
    """A call event as 3CX posts it, which nobody has begun to work on."""
    own: dict[str, Any] = {"to": None, "message_text": None, "message_purpose": None}
    return journey.site.event(event_type=kind, **own | {"caller": CUSTOMER} | payload)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_event_sends_its_template(journey: Journey, kind: str) -> None:
    on(journey)
    event = call(journey, kind)
    assert (event.state, event.event_type) == ("sent", kind)
    assert event.content["purpose"] == "operational"
    assert journey.received() == [f"About your {kind}."]
    assert decisions(event) == [("decide", "all", "allow", None)]


@pytest.mark.parametrize(("queue", "did"), [("801", SALES), ("802", DID), (None, DID)])
def test_the_customer_answers_into_the_chat_of_the_queue_that_they_called(
    journey: Journey, trunk: Trunk, queue: str | None, did: str
) -> None:
    on(journey)
    number = journey.site.instance_id
    routes = [Route(SALES, number, "801"), Route(DID, number)]
    chat = destination.Kind.THREECX_SMS
    provisioning.set_destination(journey.site.integration_id, chat, trunk.url, routes=routes)
    call(journey, queue=queue)
    journey.customer_says("Please call me back.")
    for each in Forward.select():
        forwarding.deliver(each.id)
    told = [each.body["data"]["payload"] for each in trunk.taken]
    assert ("Please call me back.", [{"phone_number": did}]) in [
        (each["text"], each["to"]) for each in told
    ]


def test_what_the_caller_adds_to_a_call_event_does_not_go_out(journey: Journey) -> None:
    on(journey)
    event = call(journey, message_text="Buy now!", message_purpose="marketing")
    assert event.state == State.SENT
    assert journey.received() == ["About your missed_call."]


def test_the_outbound_switch_is_for_replies(journey: Journey) -> None:
    on(journey, outbound=False)
    assert call(journey).state == State.SENT


def test_call_events_that_are_off_are_refused(journey: Journey) -> None:
    on(journey, call_events=False)
    event = call(journey)
    assert (event.state, event.error) == ("refused", "call_events_disabled")


@pytest.mark.parametrize("switch", [{"call_events": False}, {"enabled": False}])
def test_call_events_that_were_switched_off_since_are_refused_at_the_last_moment(
    journey: Journey, switch: dict[str, bool]
) -> None:
    on(journey)
    event = walk(accepted(journey).id, to=State.READY)
    journey.site.set_integration(**switch)
    after = step(event.id)
    assert (after.state, after.error) == ("refused", "call_events_disabled")
    assert decisions(event)[-1] == (
        *("send", "call_events_are_enabled", "refuse"),
        "call_events_disabled",
    )
    assert journey.received() == []


def test_a_reply_does_not_ask_whether_call_events_are_on(journey: Journey) -> None:
    assert journey.send().state == State.SENT


@pytest.mark.parametrize("call_type", ["Outbound", "Notanswered", "OUTBOUND", " notanswered "])
@pytest.mark.parametrize("kind", ["call_ended", "missed_call"])
def test_a_call_that_the_business_made_sends_nothing(
    journey: Journey, kind: str, call_type: str
) -> None:
    on(journey)
    event = call(journey, kind, call_type=call_type)
    assert (event.state, event.reason) == ("recorded", "call_type_sends_nothing")
    assert journey.received() == []


@pytest.mark.parametrize("call_type", ["Inbound", "Missed", "", "[CallType]", 5])
def test_any_other_call_type_sends(journey: Journey, call_type: object) -> None:
    on(journey)
    assert call(journey, "call_ended", call_type=call_type).state == State.SENT


@pytest.mark.parametrize(
    "templates", [{}, {"missed_call": {"enabled": False, "text": "Hello"}}, {"voicemail": {}}]
)
def test_a_template_that_is_off_sends_nothing(journey: Journey, templates: dict[str, Any]) -> None:
    journey.site.set_integration(call_events=True, call_templates=templates)
    event = call(journey)
    assert (event.state, event.reason) == ("recorded", "template_disabled")


@pytest.mark.parametrize(
    ("kind", "columns", "becomes"),
    [
        ("missed_call", {}, "missed_call"),
        ("missed_call", {"business_hours": OFFICE}, "after_hours"),
        ("missed_call", {"business_hours": {"sun": [["15:00", "15:01"]]}}, "missed_call"),
        ("missed_call", {"business_hours": {"sun": [["12:00", "12:01"]]}}, "after_hours"),
        ("missed_call", {"holidays": ["2026-11-22"]}, "after_hours"),
        ("missed_call", {"holidays": ["2026-11-21", "2026-11-23"]}, "missed_call"),
        ("voicemail", {"business_hours": OFFICE, "holidays": ["2026-11-22"]}, "voicemail"),
        ("after_hours", {}, "after_hours"),
    ],
)
def test_a_missed_call_outside_business_hours_is_an_after_hours_call(
    journey: Journey, kind: str, columns: dict[str, Any], becomes: str
) -> None:
    clock.freeze(NOON_MS)  # 15:00 on a Sunday in Riyadh
    journey.wrote(at_ms=NOON_MS)
    in_riyadh(journey)
    on(journey, **columns)
    event = call(journey, kind)
    assert (event.state, event.event_type) == ("sent", becomes)
    assert journey.received() == [f"About your {becomes}."]


def in_riyadh(journey: Journey) -> None:
    """The account has been in Riyadh for long: a changed zone holds from the next day."""
    moved = Account.update(timezone="Asia/Riyadh").where(Account.id == journey.site.account_id)
    transaction(moved.execute)()


def test_the_type_after_conversion_decides_about_template_and_cooldown(journey: Journey) -> None:
    on(journey, "missed_call", holidays=[datetime.now(UTC).date().isoformat()])
    event = call(journey)
    assert (event.event_type, event.reason) == ("after_hours", "template_disabled")
    on(journey, "after_hours")
    assert call(journey, "after_hours").state == State.SENT
    again = call(journey)
    assert (again.event_type, again.state, again.reason) == ("after_hours", "recorded", "cooldown")


VALUES = {"queue": "800", "agent_extension": "12", "business_name": "Acme & Sons"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello, {{business_name}}.", "Hello, Acme & Sons."),
        ("{{ queue }}/{{agent_extension}}{{agent_extension}}", "800/1212"),
        ("[{{call_time}}]", "[]"),
        ("Hello{{first_name}} {{ }}there {{queue", "Hello there {{queue"),
        ("no variables", "no variables"),
        ("  {{call_time}}\n", ""),
    ],
)
def test_variables_are_filled_in_and_unknown_ones_stay_out(text: str, filled: str) -> None:
    assert call_texts.fill(text, VALUES) == filled


def test_a_value_is_a_short_line_that_fills_in_nothing_itself() -> None:
    assert call_texts.fill("{{queue}}", {"queue": "{{business_name}}"}) == "{{business_name}}"
    long = " x\n\u202ey " + "z" * 90
    assert call_texts.fill("a{{queue}}b", {"queue": long}) == "ax y " + "z" * 56 + "b"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-11-22T12:05:00Z", "15:05"),
        ("2026-11-22T12:05:00.0000000Z", "15:05"),
        ("2026-11-22 07:05:00-05:00", "15:05"),
        ("2026-11-22 14:05", "14:05"),
        (" half  past ten ", "half past ten"),
        ("10:30 PM", "10:30 PM"),
        ("9999-12-31T23:59:00Z", "15:00"),
        ("2026-31-12T23:59:00Z", "15:00"),
        ("x" * 41, "15:00"),
        ("a\u202eb", "15:00"),
        ("1795348800", "15:00"),
        ("", "15:00"),
    ],
)
def test_a_calls_time_is_shown_on_the_clocks_of_the_business(written: str, shown: str) -> None:
    assert call_texts.shown_time(written, at("2026-11-22 12:00", "Asia/Riyadh")) == shown


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        (
            {"queue": 800, "agent_extension": "12", "call_time": "2026-11-22T12:05:00Z"},
            f"{CUSTOMER} 12 800 15:05 Acme",
        ),
        (
            {"queue": "[QueueExtension]", "agent_extension": "[Agent]", "call_time": "[CallTime]"},
            f"{CUSTOMER}   15:00 Acme",
        ),
        (
            {"call_time": '[[CallStartTimeUTC].ToString("yyyy-MM-ddTHH:mm:ssZ")]'},
            f"{CUSTOMER}   15:00 Acme",
        ),
    ],
)
def test_what_3cx_says_of_a_call_comes_into_the_text(
    journey: Journey, payload: dict[str, Any], sent: str
) -> None:
    clock.freeze(NOON_MS)
    journey.wrote(at_ms=NOON_MS)
    in_riyadh(journey)
    text = " ".join("{{" + name + "}}" for name in call_texts.VARIABLES)
    on(journey, call_templates={"missed_call": {"enabled": True, "text": text}})
    assert call(journey, caller="0500000001", **payload).state == State.SENT
    assert journey.received() == [sent]


def test_the_business_has_its_own_name_in_a_text(journey: Journey) -> None:
    text = "{{business_name}}"
    on(journey, call_templates={"missed_call": {"enabled": True, "text": text}})
    journey.site.set_account(business_name="Bäckerei Süd")
    call(journey)
    assert journey.received() == ["Bäckerei Süd"]


@pytest.mark.parametrize("language", ["en", "ar", "es", "fr", "de", "pt"])
@pytest.mark.parametrize("kind", KINDS)
def test_there_is_a_polite_text_for_each_call_event_in_each_language(
    kind: str, language: str
) -> None:
    text = call_texts.default(kind, language)
    assert set(call_texts.variables_in(text)) <= set(call_texts.VARIABLES)
    assert text.endswith("{{business_name}}")
    assert len(text) < 240
    assert content.marketing_hits(text) == ()
    texts = [call_texts.DEFAULTS[each][kind] for each in call_texts.DEFAULTS]
    assert len(set(texts)) == 6


@pytest.mark.parametrize("text", [None, "", "  ", "{{queue}}"])
def test_a_template_without_words_of_its_own_sends_ours(journey: Journey, text: str | None) -> None:
    template = {"enabled": True} | ({} if text is None else {"text": text})
    on(journey, call_templates={"call_ended": template}, language="de")
    journey.site.set_account(business_name="Bäckerei Süd")
    assert call(journey, "call_ended").state == State.SENT
    (sent,) = journey.received()
    assert sent.startswith("Vielen Dank für Ihren Anruf.")
    assert sent.endswith(" Bäckerei Süd")


def test_a_long_template_goes_out_in_parts(journey: Journey) -> None:
    text = "word " * 1000
    on(journey, call_templates={"missed_call": {"enabled": True, "text": text}})
    assert call(journey).state == State.SENT
    assert "".join(journey.received()) == text.strip()
    assert len(journey.received()) == 2


def test_the_same_template_to_many_is_no_broadcast(journey: Journey) -> None:
    text = "We are sorry that we missed your call, please write to us."
    on(journey, call_templates={"missed_call": {"enabled": True, "text": text}})
    journey.wrote(phone(2))
    for customer in (CUSTOMER, phone(2)):
        event = call(journey, caller=customer, message_text=text)
        assert (event.state, event.text_hash) == (State.SENT, None)
        assert facts.about(event).same_text_recipients == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Flash sale, buy now!", "policy_violation"),
        ("See bit.ly/offer", "policy_violation"),
    ],
)
def test_a_template_passes_every_other_check(journey: Journey, text: str, code: str) -> None:
    on(journey, call_templates={"missed_call": {"enabled": True, "text": text}})
    event = call(journey)
    assert (event.state, event.error) == ("refused", code)
    assert journey.received() == []


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (42, 42), (42.9, 42), ("42", 42), ("42.5", 42), (0, 0), ("00:01:23", 83), ("1:00:00", 3600),
        ("[Duration]", None), ("", None), (None, None), (True, None), ("soon", None), (-5, None),
        ([5], None), ("01:99:00", None), (float("inf"), None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_a_duration_is_kept_in_seconds(written: object, seconds: int | None) -> None:
    payload = {"event_type": "call_ended", "duration_seconds": written}
    assert threecx.read(payload, None, frozenset()).duration_s == seconds


def test_the_duration_stays_with_the_event(journey: Journey) -> None:
    event = accepted(journey, duration_seconds="00:02:05")
    assert event.content["duration_s"] == 125
    assert event.content["body"]["duration_seconds"] == "00:02:05"


@pytest.mark.parametrize(
    ("written", "own_id"),
    [
        ("2026-11-22T12:00:00Z-0501234567-Missed", "2026-11-22T12:00:00Z-0501234567-Missed"),
        ("[CallStartTimeUTC]-0501234567-Missed", None),
        ('[[CallStartTimeUTC].ToString("s")]-0501234567-Missed', None),
        ("-0501234567-Missed", None),
        ("0001-01-01T00:00:00Z-0501234567-Missed", None),
        ('[].ToString("s")]-0501234567-Inbound', None),
        ('["".ToString("s")]-0501234567-Notanswered', None),
        ("my-own-Missed-call", "my-own-Missed-call"),
        ("[Id]", None),
        ("order[17]", "order[17]"),
        (17, "17"),
        ("  ", None),
    ],
)
def test_an_id_with_a_variable_that_was_not_filled_in_is_none(
    written: object, own_id: str | None
) -> None:
    assert threecx.own_id({"event_id": written}) == own_id


def test_a_second_call_within_15_minutes_sends_nothing(journey: Journey) -> None:
    clock.freeze()
    journey.wrote()
    on(journey)
    assert call(journey).state == State.SENT
    clock.turn(COOLDOWN_MS - 201)
    assert call(journey, "voicemail").state == State.SENT
    clock.turn(100)
    journey.wrote(phone(7))
    assert call(journey, caller=phone(7)).state == State.SENT
    clock.turn(100)
    again = call(journey)
    assert (again.state, again.reason) == ("recorded", "cooldown")
    clock.turn(1)
    assert call(journey).state == State.SENT
    assert len(journey.received()) == 4


def test_a_customer_has_one_cooldown_whichever_way_the_number_is_written(journey: Journey) -> None:
    on(journey)
    assert call(journey, caller=CUSTOMER).state == State.SENT
    assert call(journey, caller="0500000001").reason == "cooldown"
    assert call(journey, caller="00966 50 000 0001").reason == "cooldown"


def test_the_fifteen_minutes_begin_when_the_message_went(journey: Journey) -> None:
    clock.freeze()
    journey.wrote()
    on(journey)
    event = walk(accepted(journey).id, to=State.READY)
    clock.turn(10 * MINUTE_MS)
    assert walk(event.id).state == State.SENT
    clock.turn(14 * MINUTE_MS)
    assert call(journey).reason == "cooldown"
    clock.turn(MINUTE_MS)
    assert call(journey).state == State.SENT


def test_eight_calls_at_once_send_one_message(journey: Journey) -> None:
    on(journey)
    events = [accepted(journey, agent_extension=str(number)) for number in range(8)]
    together(8, lambda number: step(events[number].id))
    for event in events:
        walk(event.id)
    ends = sorted((loaded(event.id).state, loaded(event.id).reason) for event in events)
    assert ends == [("recorded", "cooldown")] * 7 + [("sent", None)]
    assert len(journey.received()) == 1


_ANOTHER_PROCESS = """
import os
import sys
import models
from core.config import Settings
from models.event import Event
from workers import calls

models.start(Settings.from_environment(os.environ))
events = [Event.load(event_id) for event_id in sys.argv[1:]]
print("ready", flush=True)
sys.stdin.readline()
for event in events:
    calls.validate(event, event.content)
models.stop()
"""


def test_two_processes_at_once_send_one_message_each_time(journey: Journey, store: Store) -> None:
    on(journey)
    rounds = 8
    for number in range(rounds):
        journey.wrote(phone(number))
    events = [
        [accepted(journey, caller=phone(number)) for number in range(rounds)] for _ in range(2)
    ]
    variables = {"DATA_DIR": str(store.settings.data_dir), "HASH_KEY": HASH_KEY}
    if store.settings.database_url:
        variables |= {"DATABASE_URL": store.settings.database_url, "REDIS_URL": "redis://127.0.0.1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ANOTHER_PROCESS, *(event.id for event in theirs)],
            cwd=ROOT,
            env=environment(variables | {"ENCRYPTION_KEYS": ENCRYPTION_KEY}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for theirs in events
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 0
    for number in range(rounds):
        states = sorted(loaded(theirs[number].id).state for theirs in events)
        assert states == ["recorded", "valid"]


def refusing(journey: Journey) -> None:
    """The customer has opted out."""
    Suppression.add(journey.site.account_id, CUSTOMER, Kind.OPT_OUT, source="test")


def test_the_cooldown_is_given_back_when_nothing_went_out(journey: Journey) -> None:
    on(journey)
    refusing(journey)
    assert call(journey).error == "recipient_suppressed"
    Suppression.lift(journey.site.account_id, CUSTOMER, Kind.OPT_OUT)
    assert call(journey).state == State.SENT


def test_a_message_that_whatsapp_refuses_gives_its_cooldown_back(journey: Journey) -> None:
    on(journey)
    journey.faults({"error": 131_026})
    assert call(journey).state == State.REFUSED
    assert call(journey).state == State.SENT


def test_a_refusal_gives_back_no_cooldown_but_its_own(journey: Journey) -> None:
    on(journey)
    waiting = walk(accepted(journey).id, to=State.READY)
    assert call(journey).reason == "cooldown"
    late = accepted(journey)
    change(late, state="valid")
    journey.site.set_account(daily_limit=0)
    assert walk(late.id).state == State.REFUSED
    journey.site.set_account(daily_limit=None)
    assert call(journey).reason == "cooldown"
    assert walk(waiting.id).state == State.SENT


def test_the_cooldown_holds_for_as_long_as_the_message_is_under_way(journey: Journey) -> None:
    clock.freeze()
    journey.wrote()
    on(journey, validity_s=3_600)
    journey.site.pause()
    waiting = call(journey)
    assert waiting.waiting_for == "pause"
    clock.turn(59 * MINUTE_MS)
    assert call(journey).reason == "cooldown"
    journey.site.resume()
    assert walk(waiting.id).state == State.SENT
    assert len(journey.received()) == 1


def test_a_message_that_ran_out_of_time_gives_its_cooldown_back(journey: Journey) -> None:
    clock.freeze()
    journey.wrote()
    on(journey, validity_s=60)
    journey.site.pause()
    waiting = call(journey)
    clock.turn(61_000)
    journey.site.resume()
    assert walk(waiting.id).error == "sending_throttled"
    assert call(journey).state == State.SENT


def test_an_uncertain_message_keeps_its_cooldown_until_it_is_known_not_sent(
    journey: Journey,
) -> None:
    on(journey)
    journey.faults({"reset": "after"})
    event = call(journey)
    assert event.state == State.UNCERTAIN
    assert call(journey).reason == "cooldown"
    journey.status_of(event, "failed", fails=131_026)
    assert loaded(event.id).state == State.REFUSED
    assert Cooldown.select().count() == 0


def test_one_that_may_have_gone_keeps_its_cooldown_though_its_repeat_is_refused(
    journey: Journey,
) -> None:
    on(journey)
    journey.faults({"reset": "after"})
    event = call(journey)
    assert event.state == State.UNCERTAIN
    provisioning.requeue([event.id], even_if_uncertain=True, due_at_once=True)
    journey.site.set_account(daily_limit=0)
    assert walk(event.id).state == State.REFUSED
    journey.site.set_account(daily_limit=None)
    assert call(journey).reason == "cooldown"


def test_an_uncertain_message_that_is_known_sent_keeps_its_cooldown(journey: Journey) -> None:
    on(journey)
    journey.faults({"reset": "after"})
    event = call(journey)
    journey.status_of(event, "delivered")
    assert loaded(event.id).state == State.SENT
    assert call(journey).reason == "cooldown"


def test_a_template_that_went_in_part_keeps_its_cooldown(journey: Journey) -> None:
    text = "word " * 1000
    on(journey, call_templates={"missed_call": {"enabled": True, "text": text}})
    journey.faults({}, {"error": 131_026})
    event = call(journey)
    assert (event.state, event.part) == ("refused", 1)
    assert len(journey.received()) == 1
    on(journey)
    assert call(journey).reason == "cooldown"


def test_a_call_event_that_begins_anew_takes_its_cooldown_again(journey: Journey) -> None:
    on(journey)
    refusing(journey)
    event = call(journey)
    Suppression.lift(journey.site.account_id, CUSTOMER, Kind.OPT_OUT)
    requeue(event)
    assert walk(event.id).state == State.SENT
    assert call(journey).reason == "cooldown"


def test_a_call_event_that_begins_anew_too_late_finds_the_cooldown_taken(journey: Journey) -> None:
    on(journey)
    refusing(journey)
    event = call(journey)
    Suppression.lift(journey.site.account_id, CUSTOMER, Kind.OPT_OUT)
    assert call(journey).state == State.SENT
    requeue(event)
    assert walk(event.id).reason == "cooldown"
    assert len(journey.received()) == 1


def test_a_template_that_was_mended_is_used_when_the_event_begins_anew(journey: Journey) -> None:
    on(journey, call_templates={"missed_call": {"enabled": True, "text": "See bit.ly/offer"}})
    event = call(journey)
    assert event.error == "policy_violation"
    on(journey)
    requeue(event)
    assert walk(event.id).state == State.SENT
    assert journey.received() == ["About your missed_call."]


def test_what_is_left_of_a_text_goes_out_as_it_was(journey: Journey) -> None:
    text = "word " * 1000
    on(journey, call_templates={"missed_call": {"enabled": True, "text": text}})
    journey.faults({}, {"error": 131_026})
    event = call(journey)
    on(journey)
    requeue(event)
    assert walk(event.id).state == State.SENT
    assert "".join(journey.received()) == text.strip()


def requeue(event: Event) -> None:
    """A person has it begun anew."""
    provisioning.requeue([event.id], even_if_uncertain=False, due_at_once=True)


def test_a_step_that_comes_twice_leaves_the_cooldown_alone(journey: Journey) -> None:
    on(journey)
    event = accepted(journey)
    late = loaded(event.id)
    assert walk(event.id).state == State.SENT
    before = [(each.event_id, each.until_ms) for each in Cooldown.select()]
    clock.turn(60_000)
    calls.validate(late, late.content)
    assert loaded(event.id).state == State.SENT
    assert [(each.event_id, each.until_ms) for each in Cooldown.select()] == before


def test_the_text_is_sealed(journey: Journey, store: Store) -> None:
    on(journey)
    event = accepted(journey)
    body = event.content["body"]
    calls.validate(event, event.content)
    for ready in (event, loaded(event.id)):
        assert (ready.state, ready.content["text"]) == ("valid", "About your missed_call.")
        assert ready.content["body"] == body
    journey.site.set_integration(call_templates={})
    assert b"About your missed_call." not in store.everything()


def test_cooldowns_that_are_over_are_let_go(journey: Journey) -> None:
    clock.freeze()
    journey.wrote()
    on(journey)
    call(journey)
    upkeep.prune()
    assert Cooldown.select().count() == 1
    clock.turn(COOLDOWN_MS)
    upkeep.prune()
    assert Cooldown.select().count() == 0


def test_a_reply_has_no_cooldown(journey: Journey) -> None:
    assert journey.send().state == State.SENT
    assert journey.send(message_text=TEXT + "!").state == State.SENT
    assert Cooldown.select().count() == 0
    assert Integration.get_by_id(journey.site.integration_id).call_templates == {}
