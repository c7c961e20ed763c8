"""The checker finds nothing in a healthy history, and names each broken promise."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos import checker
from tests.chaos.tale import (
    ACCOUNT,
    CUSTOMER,
    DAY,
    HOUR_MS,
    INSTANCE,
    INTEGRATION,
    NOON_MS,
    Tale,
    person,
)
from tests.gateway import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LEAVER = "+966501110002"
MINUTE_MS = 60_000


def stop(tale: Tale, kind: str = "opt_out") -> None:
    tale.meet(LEAVER)
    tale.row("suppressed", **person(LEAVER), suppression=kind, source="whatsapp")


def start(tale: Tale) -> None:
    tale.row("lifted", **person(LEAVER), suppression="opt_out")


def write(tale: Tale, *, opt_out: bool = True) -> None:
    told = {"answered_at_ms": tale.ms + 12, "status": 200, "message_id": f"wamid.{tale.ms}"}
    tale.tell("wrote", instance_id=INSTANCE, customer=LEAVER, opt_out=opt_out, **told)


def confirmation(tale: Tale, **changes: Any) -> None:
    own = {"integration_id": None, "event_type": "opt_out_confirmation"} | changes
    tale.accepted("evt_confirms", LEAVER, **own)
    tale.decided("evt_confirms")
    tale.went("evt_confirms")


def pause(tale: Tale, noun: str, *, on: bool = True) -> None:
    limits = {"plan": "starter", "daily_limit": 50, "monthly_limit": 50}
    if noun == "account":
        tale.row("account", account_id=ACCOUNT, paused=on, **limits)
    else:
        row_id = INSTANCE if noun == "instance" else INTEGRATION
        tale.row("pause", noun=noun, id=row_id, paused=on)


def limit(tale: Tale, daily: int | None, monthly: int | None = None) -> None:
    limits = {"daily_limit": daily, "monthly_limit": monthly}
    tale.row("account", account_id=ACCOUNT, plan="starter", paused=False, **limits)


def settled(tale: Tale, event_id: str, **changes: Any) -> None:
    tale.asked(event_id)
    tale.decided(event_id)
    tale.settle(event_id, **changes)


def doubtful(tale: Tale, event_id: str = "evt_doubt") -> None:
    settled(tale, event_id)
    tale.answered(event_id, "uncertain")
    tale.move(event_id, "uncertain", reason="maybe_sent")


def a_failed_status(tale: Tale) -> None:
    tale.delivery("evt_doubt", "failed")
    tale.move("evt_doubt", "refused", error="gateway_send_failed")
    tale.used(-1)


def stands(tale: Tale, event_id: str, waiting_for: str | None, due_in_ms: int = -1_000) -> None:
    if tale.lines[-1]["kind"] not in {"quiet", "standing"}:
        tale.quiet()
    due = {"waiting_for": waiting_for, "due_at_ms": tale.ms + due_in_ms}
    tale.tell("standing", event_id=event_id, state="allowed", **due)


# What a run may well leave: each is told after a healthy beginning, and breaks no promise.


def an_ordinary_day(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.asked("evt_2")
    tale.decided("evt_2")
    tale.went("evt_2", last=False)
    tale.went("evt_2", 1, text=" and more")
    tale.asked("evt_3")
    tale.move("evt_3", "refused", error="missing_phone")
    tale.asked("evt_4")
    tale.move("evt_4", "recorded")


def a_failure_and_another_try(tale: Tale) -> None:
    settled(tale, "evt_1")
    tale.answered("evt_1", "failed")
    tale.used(-1)
    tale.move("evt_1", "ready")
    tale.went("evt_1")


def a_slot_that_went_by(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.move("evt_1", "valid", "allowed", "ready", "allowed")
    tale.went("evt_1")


def a_repeat_that_was_known(tale: Tale) -> None:
    tale.sent("evt_1", key="one")
    tale.post("evt_1", key="one", text="text of evt_1", duplicate=True)


def a_repeat_that_was_kept_and_recorded(tale: Tale) -> None:
    tale.sent("evt_1", key="one")
    tale.asked("evt_2", key="one", text="text of evt_1")
    tale.move("evt_2", "recorded", reason="duplicate")


def the_same_text_asked_for_twice(tale: Tale) -> None:
    for event_id in ("evt_1", "evt_2"):
        tale.asked(event_id, text="the same")
        tale.decided(event_id)
        tale.went(event_id, text="the same")


def an_answer_that_was_lost(tale: Tale) -> None:
    tale.post(None, status=0, answered_at_ms=None, text="text of evt_1")
    tale.accepted("evt_1")
    tale.decided("evt_1")
    tale.went("evt_1")
    tale.post(None, status=503)
    tale.accepted("evt_2")
    tale.move("evt_2", "refused", error="missing_phone")


def a_doubt_that_a_status_ended(tale: Tale) -> None:
    doubtful(tale)
    tale.received("evt_doubt")
    tale.delivery("evt_doubt", "delivered")
    tale.move("evt_doubt", "sent")


def a_doubt_that_a_failed_status_ended(tale: Tale) -> None:
    doubtful(tale)
    a_failed_status(tale)


def a_doubt_that_a_late_answer_ended(tale: Tale) -> None:
    settled(tale, "evt_1")
    tale.move("evt_1", "uncertain", reason="lease_lapsed")
    tale.answered("evt_1", "failed")
    tale.used(-1)
    tale.move("evt_1", "ready")
    tale.went("evt_1")


def a_doubt_in_the_middle_of_a_text(tale: Tale) -> None:
    doubtful(tale)
    tale.received("evt_doubt")
    tale.delivery("evt_doubt", "sent")
    tale.move("evt_doubt", "allowed", part=1)
    tale.went("evt_doubt", 1)


def a_doubt_that_a_person_ended(tale: Tale) -> None:
    doubtful(tale)
    tale.received("evt_doubt")
    tale.move("evt_doubt", "received")
    tale.decided("evt_doubt")
    tale.went("evt_doubt")


def a_doubt_that_was_overtaken(tale: Tale) -> None:
    doubtful(tale)
    tale.sent("evt_next")
    tale.received("evt_doubt")


def a_doubt_that_holds_the_next(tale: Tale) -> None:
    doubtful(tale)
    tale.asked("evt_next")
    tale.decided("evt_next")
    tale.tell("quiet")
    stands(tale, "evt_next", "turn")


def a_failure_that_a_person_ended(tale: Tale) -> None:
    doubtful(tale)
    a_failed_status(tale)
    tale.move("evt_doubt", "received")
    tale.decided("evt_doubt")
    tale.went("evt_doubt")


def a_doubt_that_rests(tale: Tale) -> None:
    doubtful(tale)
    stands(tale, "evt_other", None)


def posts_that_crossed(tale: Tale) -> None:
    late = tale.post("evt_1")
    late["answered_at_ms"] += 100
    tale.accepted("evt_1")
    tale.sent("evt_2")
    tale.decided("evt_1")
    tale.went("evt_1")


def two_at_a_time_that_crossed(tale: Tale) -> None:
    late = tale.post("evt_1")
    late["answered_at_ms"] += 100
    tale.accepted("evt_1")
    tale.asked("evt_2")
    for event_id in ("evt_1", "evt_2"):
        tale.decided(event_id)
        tale.settle(event_id)
    for event_id in ("evt_1", "evt_2"):
        tale.received(event_id)
        tale.move(event_id, "sent")


def a_repeat_that_was_kept_at_last(tale: Tale) -> None:
    tale.post(None, status=503, key="one", text="text of evt_2")
    tale.sent("evt_1")
    tale.sent("evt_2", key="one")


def an_opt_out_and_its_confirmation(tale: Tale) -> None:
    tale.sent("evt_1", customer=LEAVER)
    write(tale)
    stop(tale)
    confirmation(tale)
    tale.asked("evt_2", customer=LEAVER)
    tale.move("evt_2", "valid")
    tale.move("evt_2", "refused", error="recipient_suppressed")


def an_opt_out_that_was_taken_back(tale: Tale) -> None:
    tale.sent("evt_1", customer=LEAVER)
    write(tale)
    stop(tale)
    write(tale, opt_out=False)
    start(tale)
    tale.sent("evt_2", customer=LEAVER)


def a_pause_that_ended(tale: Tale) -> None:
    for noun in ("account", "instance", "integration"):
        pause(tale, noun)
        pause(tale, noun, on=False)
    tale.sent("evt_1")


def a_pause_that_lasts(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.asked("evt_2")
    pause(tale, "instance")
    stands(tale, "evt_1", "pause")
    stands(tale, "evt_2", "turn")


def a_wait_for_a_time(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.decided("evt_1")
    tale.asked("evt_2")
    tale.decided("evt_2")
    stands(tale, "evt_1", "provider", due_in_ms=MINUTE_MS)
    stands(tale, "evt_2", "turn")


def a_limit_that_was_lowered(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.sent("evt_2")
    limit(tale, 1)


def a_refusal_that_meta_did_not_keep(tale: Tale) -> None:
    settled(tale, "evt_1")
    tale.received("evt_1")
    tale.answered("evt_1", "failed", code=131000)
    tale.used(-1)
    tale.move("evt_1", "ready")
    tale.went("evt_1")


def a_clock_that_jumped(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.decided("evt_1")
    tale.settle("evt_1", started_at_ms=NOON_MS - 10 * MINUTE_MS)
    tale.received("evt_1")
    tale.answered("evt_1", "sent")
    tale.move("evt_1", "sent")


def a_clock_that_lags(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.move("evt_1", "valid")
    found = {"stage": "decide", "check": "nothing_is_paused", "outcome": "wait", "code": None}
    lagging = tale.ms - 5 * MINUTE_MS
    tale.row("decision", event_id="evt_1", decided_at_ms=lagging, **found)
    stands(tale, "evt_1", "pause", due_in_ms=-4 * MINUTE_MS)


def a_chat_with_agents(tale: Tale) -> None:
    tale.connect()
    for number in (1, 2):
        tale.wrote_to(f"message {number}")
        tale.news(f"fwd_{number}")
        tale.comes_in(f"fwd_{number}", f"message {number}")


def a_message_that_meta_told_of_twice(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello", status=0, answered_at_ms=None)
    tale.wrote_to("hello")
    tale.news("fwd_1")
    tale.comes_in("fwd_1", "hello")


def a_line_that_was_told_again(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")
    tale.wrote_to("are you there?")
    tale.news("fwd_1")
    tale.news("fwd_2")
    tale.tries("fwd_1", "hello", 503)
    tale.tries("fwd_1", "hello", 0, taken=True)
    tale.comes_in("fwd_1", "hello")
    tale.comes_in("fwd_2", "are you there?")


def a_line_that_3cx_refused(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")
    tale.news("fwd_1")
    for _ in range(4):
        tale.tries("fwd_1", "hello", 422)
    tale.news_moves("fwd_1", "delivering")
    tale.told("fwd_1", "hello", status=422)
    tale.news_moves("fwd_1", "failed")


def a_message_to_a_number_without_3cx(tale: Tale) -> None:
    tale.wrote_to("hello")


def two_messages_at_once(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("one", answered_at_ms=tale.ms + 500)
    tale.wrote_to("other", answered_at_ms=tale.ms + 500)
    for text in ("other", "one"):
        tale.news(f"fwd_{text}")
        tale.comes_in(f"fwd_{text}", text)


def a_refusal_that_an_agent_heard_of(tale: Tale) -> None:
    tale.connect()
    tale.asked("evt_1")
    tale.move("evt_1", "refused", error="conversation_window_closed")
    tale.news("fwd_1", news="reply.not_sent", source_id="evt_1")
    tale.comes_in("fwd_1", "Not sent.")


def many_refusals_of_which_five_are_told(tale: Tale) -> None:
    tale.connect()
    for number in range(7):
        tale.asked(f"evt_{number}")
        tale.move(f"evt_{number}", "refused", error="conversation_window_closed")
        if number < 5:
            tale.news(f"fwd_{number}", news="reply.not_sent", source_id=f"evt_{number}")
            tale.comes_in(f"fwd_{number}", "Not sent.")


def two_missed_calls_in_a_quarter_of_an_hour(tale: Tale) -> None:
    missed_call(tale, "evt_1")
    tale.asked("evt_2", event_type="missed_call")
    tale.move("evt_2", "recorded", reason="cooldown")
    tale.ms += 15 * MINUTE_MS
    missed_call(tale, "evt_3")


def missed_call(tale: Tale, event_id: str) -> None:
    tale.meet(CUSTOMER)
    tale.post(event_id, event_type="missed_call")
    tale.accepted(event_id, event_type="missed_call")
    tale.ms += 20
    tale.decided(event_id)
    tale.went(event_id)


def a_history_that_began_late(tale: Tale) -> None:
    tale.row("usage", account_id=ACCOUNT, period=DAY, old=0, used=7)
    tale.accepted("evt_older", state="sent")
    tale.accepted("evt_old")
    tale.lines[:0] = [tale.lines.pop(), tale.lines.pop(), tale.lines.pop()]
    tale.received("evt_old")
    tale.move("evt_old", "refused", error="gateway_send_failed")


HEALTHY = (
    an_ordinary_day,
    a_failure_and_another_try,
    a_slot_that_went_by,
    a_repeat_that_was_known,
    a_repeat_that_was_kept_and_recorded,
    the_same_text_asked_for_twice,
    an_answer_that_was_lost,
    a_doubt_that_a_status_ended,
    a_doubt_that_a_failed_status_ended,
    a_doubt_that_a_late_answer_ended,
    a_doubt_in_the_middle_of_a_text,
    a_doubt_that_a_person_ended,
    a_doubt_that_was_overtaken,
    a_doubt_that_holds_the_next,
    a_failure_that_a_person_ended,
    a_doubt_that_rests,
    posts_that_crossed,
    two_at_a_time_that_crossed,
    a_repeat_that_was_kept_at_last,
    an_opt_out_and_its_confirmation,
    an_opt_out_that_was_taken_back,
    a_pause_that_ended,
    a_pause_that_lasts,
    a_wait_for_a_time,
    a_limit_that_was_lowered,
    a_refusal_that_meta_did_not_keep,
    a_clock_that_jumped,
    a_clock_that_lags,
    a_history_that_began_late,
    a_chat_with_agents,
    a_message_that_meta_told_of_twice,
    a_line_that_was_told_again,
    a_line_that_3cx_refused,
    a_message_to_a_number_without_3cx,
    two_messages_at_once,
    a_refusal_that_an_agent_heard_of,
    many_refusals_of_which_five_are_told,
    two_missed_calls_in_a_quarter_of_an_hour,
)


# One broken promise each.


def without_a_row(tale: Tale) -> None:
    tale.post("evt_gone")


def without_an_end(tale: Tale) -> None:
    tale.asked("evt_1")
    stands(tale, "evt_1", "seat")


def without_a_receipt(tale: Tale) -> None:
    settled(tale, "evt_1")
    tale.answered("evt_1", "sent")
    tale.move("evt_1", "sent")


def without_its_suppression(tale: Tale) -> None:
    tale.sent("evt_1", customer=LEAVER)
    write(tale)


def with_its_suppression_lifted(tale: Tale) -> None:
    tale.sent("evt_1", customer=LEAVER)
    write(tale, opt_out=False)
    write(tale)
    stop(tale)
    start(tale)


def without_a_post(tale: Tale) -> None:
    tale.accepted("evt_1")
    tale.decided("evt_1")
    tale.went("evt_1")


def before_its_post(tale: Tale) -> None:
    tale.accepted("evt_1")
    tale.move("evt_1", "refused", error="missing_phone")
    tale.ms += MINUTE_MS
    tale.post(None, status=0, answered_at_ms=None)


def with_a_refused_post(tale: Tale) -> None:
    tale.post(None, status=0, answered_at_ms=None, text="lost")
    tale.post(None, status=401, text="text of evt_1")
    tale.accepted("evt_1")
    tale.decided("evt_1")
    tale.went("evt_1")


def unheard_of_without_an_end(tale: Tale) -> None:
    tale.post(None, status=0, answered_at_ms=None)
    tale.accepted("evt_1")
    stands(tale, "evt_1", None)


def twice_by_a_repeat(tale: Tale) -> None:
    tale.sent("evt_1", key="one")
    tale.asked("evt_2", key="one", text="text of evt_1")
    tale.decided("evt_2")
    tale.went("evt_2", text="text of evt_1")


def twice_for_one_attempt(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.received("evt_1")


def twice_for_two_attempts(tale: Tale) -> None:
    settled(tale, "evt_1")
    tale.received("evt_1")
    tale.answered("evt_1", "failed")
    tale.used(-1)
    tale.move("evt_1", "ready")
    tale.went("evt_1")


def twice_for_one_post(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.accepted("evt_2")
    tale.decided("evt_2")
    tale.went("evt_2", text="text of evt_1")


def without_an_attempt(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.move("evt_1", "refused", error="missing_phone")
    tale.received("evt_1")


def before_its_attempt(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.decided("evt_1")
    tale.received("evt_1")
    tale.ms += MINUTE_MS
    tale.settle("evt_1")
    tale.answered("evt_1", "sent")
    tale.move("evt_1", "sent")


def of_nobody(tale: Tale) -> None:
    tale.received("evt_unknown")


def overtaken(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.sent("evt_2")
    tale.decided("evt_1")
    tale.went("evt_1")


def overtaken_between_two_parts(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.decided("evt_1")
    tale.went("evt_1", last=False)
    tale.sent("evt_2")
    tale.went("evt_1", 1)


def second_part_first(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.decided("evt_1")
    tale.went("evt_1", 1, last=False)
    tale.went("evt_1", 0, last=False)
    tale.move("evt_1", "refused", error="gateway_send_failed")


def side_by_side(tale: Tale) -> None:
    settled(tale, "evt_1")
    tale.received("evt_1")
    settled(tale, "evt_2")
    tale.answered("evt_1", "sent")
    tale.move("evt_1", "sent")
    tale.received("evt_2")
    tale.answered("evt_2", "sent")
    tale.move("evt_2", "sent")


def to_one_who_left(tale: Tale) -> None:
    stop(tale)
    tale.sent("evt_1", customer=LEAVER)


def to_one_who_left_under_another_name(tale: Tale) -> None:
    stop(tale)
    other = {"account_id": ACCOUNT, "address_hash": "hash_user_id"}
    tale.row("alias", **other, customer_id=f"cus_{LEAVER}")
    tale.ms += MINUTE_MS
    tale.post("evt_1", customer=LEAVER)
    tale.accepted("evt_1", LEAVER, address_hash="hash_user_id")
    tale.decided("evt_1")
    tale.went("evt_1")


def a_confirmation_to_one_who_is_blocked(tale: Tale) -> None:
    stop(tale)
    stop(tale, "block")
    confirmation(tale)


def a_confirmation_by_somebody_else(tale: Tale) -> None:
    stop(tale)
    tale.post("evt_confirms", customer=LEAVER)
    confirmation(tale, integration_id=INTEGRATION)


def after_a_day(tale: Tale) -> None:
    tale.meet(LEAVER, tale.ms - 25 * HOUR_MS)
    tale.sent("evt_1", customer=LEAVER)


def after_meta_closed_it(tale: Tale) -> None:
    tale.wrote(CUSTOMER, None)
    tale.sent("evt_1")


def to_one_who_never_wrote(tale: Tale) -> None:
    tale.post("evt_1", customer="+966501110009")
    tale.accepted("evt_1", address_hash="hash_nobody")
    tale.decided("evt_1")
    tale.went("evt_1")


def while_the_instance_is_paused(tale: Tale) -> None:
    pause(tale, "instance")
    tale.sent("evt_1")


def while_the_account_is_paused(tale: Tale) -> None:
    pause(tale, "account")
    tale.sent("evt_1")


def while_the_integration_is_paused(tale: Tale) -> None:
    pause(tale, "integration")
    tale.sent("evt_1")


def begun_too_late(tale: Tale) -> None:
    settled(tale, "evt_1", started_at_ms=tale.ms + 2 * HOUR_MS)
    tale.received("evt_1")
    tale.answered("evt_1", "sent")
    tale.move("evt_1", "sent")


def received_too_late(tale: Tale) -> None:
    settled(tale, "evt_1")
    tale.ms += 2 * HOUR_MS
    tale.received("evt_1")
    tale.answered("evt_1", "sent")
    tale.move("evt_1", "sent")


def over_the_day(tale: Tale) -> None:
    limit(tale, 1)
    tale.sent("evt_1")
    tale.sent("evt_2")


def over_the_month(tale: Tale) -> None:
    limit(tale, None, 1)
    tale.sent("evt_1")
    tale.sent("evt_2")


def given_back_again(tale: Tale) -> None:
    a_failure_and_another_try(tale)
    tale.used(-1)


def given_back_for_what_went(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.used(-1)


def sent_and_not_counted(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.lines[:] = [line for line in tale.lines if line.get("period") != DAY]


def from_read_to_delivered(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.delivery("evt_1", "delivered")


def from_read_to_failed(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.delivery("evt_1", "failed")


def from_failed_to_sent(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.decided("evt_1")
    tale.went("evt_1")
    tale.delivery("evt_1", "failed", "sent")


def sent_once_more(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.move("evt_1", "received", "recorded")


def past_the_policy(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.move("evt_1", "ready")
    tale.went("evt_1")


def from_where_it_was_not(tale: Tale) -> None:
    tale.asked("evt_1")
    tale.move("evt_1", "valid")
    tale.move("evt_1", "ready", old="allowed")
    tale.went("evt_1")


def out_of_doubt_by_itself(tale: Tale) -> None:
    doubtful(tale)
    tale.received("evt_doubt")
    tale.move("evt_doubt", "sent")


def once_more_after_a_doubt(tale: Tale) -> None:
    doubtful(tale)
    tale.move("evt_doubt", "ready")
    tale.went("evt_doubt")


def acknowledged_and_not_told(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")


def told_and_left_standing(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")
    tale.news("fwd_1")
    tale.tries("fwd_1", "hello", 503)


def told_by_no_row(tale: Tale) -> None:
    tale.connect()
    tale.told("fwd_1", "hello")


def delivered_to_nobody(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")
    tale.news("fwd_1")
    tale.tries("fwd_1", "hello", 0, taken=True)
    tale.news("fwd_2", source_id="evt_1", news="reply.not_sent")
    tale.news_moves("fwd_2", "delivering", "delivered")
    tale.comes_in("fwd_1", "hello")


def told_as_two(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")
    for forward_id in ("fwd_1", "fwd_2"):
        tale.news(forward_id)
        tale.comes_in(forward_id, "hello")


def told_the_wrong_way_round(tale: Tale) -> None:
    tale.connect()
    for text in ("one", "other"):
        tale.wrote_to(text)
        tale.news(f"fwd_{text}")
    for text in ("other", "one"):
        tale.comes_in(f"fwd_{text}", text)


def given_up_for_nothing(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")
    tale.news("fwd_1")
    tale.tries("fwd_1", "hello", 503)
    tale.news_moves("fwd_1", "failed")


def delivered_from_nowhere(tale: Tale) -> None:
    tale.connect()
    tale.wrote_to("hello")
    tale.news("fwd_1")
    tale.told("fwd_1", "hello")
    tale.news_moves("fwd_1", "delivered")


def refused_and_untold(tale: Tale) -> None:
    tale.connect()
    tale.asked("evt_1")
    tale.move("evt_1", "refused", error="conversation_window_closed")


def refused_and_told_for_ever(tale: Tale) -> None:
    a_refusal_that_an_agent_heard_of(tale)
    for number in (2, 3):
        tale.news(f"fwd_{number}", news="reply.not_sent", source_id="evt_1")
        tale.comes_in(f"fwd_{number}", "Not sent.")


def called_back_too_soon(tale: Tale) -> None:
    missed_call(tale, "evt_1")
    tale.ms += 14 * MINUTE_MS
    missed_call(tale, "evt_2")


def behind_one_that_has_ended(tale: Tale) -> None:
    tale.sent("evt_1")
    tale.asked("evt_2")
    tale.move("evt_2", "valid", "allowed")
    stands(tale, "evt_2", "turn")


BROKEN = (
    ("acknowledged_and_lost", without_a_row),
    ("acknowledged_and_lost", without_an_end),
    ("acknowledged_and_lost", without_a_receipt),
    ("acknowledged_and_lost", without_its_suppression),
    ("acknowledged_and_lost", with_its_suppression_lifted),
    ("kept_but_half", without_a_post),
    ("kept_but_half", before_its_post),
    ("kept_but_half", with_a_refused_post),
    ("kept_but_half", unheard_of_without_an_end),
    ("repeat_became_two", twice_by_a_repeat),
    ("sent_twice", twice_for_one_attempt),
    ("sent_twice", twice_for_two_attempts),
    ("sent_twice", twice_for_one_post),
    ("sent_but_unaccounted", without_an_attempt),
    ("sent_but_unaccounted", before_its_attempt),
    ("sent_but_unaccounted", of_nobody),
    ("out_of_order", overtaken),
    ("out_of_order", overtaken_between_two_parts),
    ("out_of_order", second_part_first),
    ("two_in_flight", side_by_side),
    ("sent_when_suppressed", to_one_who_left),
    ("sent_when_suppressed", to_one_who_left_under_another_name),
    ("sent_when_suppressed", a_confirmation_to_one_who_is_blocked),
    ("sent_when_suppressed", a_confirmation_by_somebody_else),
    ("sent_when_closed", after_a_day),
    ("sent_when_closed", after_meta_closed_it),
    ("sent_when_closed", to_one_who_never_wrote),
    ("sent_when_paused", while_the_account_is_paused),
    ("sent_when_paused", while_the_instance_is_paused),
    ("sent_when_paused", while_the_integration_is_paused),
    ("sent_when_expired", begun_too_late),
    ("sent_when_expired", received_too_late),
    ("over_limit", over_the_day),
    ("over_limit", over_the_month),
    ("limit_given_back_twice", given_back_again),
    ("limit_given_back_twice", given_back_for_what_went),
    ("limit_given_back_twice", sent_and_not_counted),
    ("status_backwards", from_read_to_delivered),
    ("status_backwards", from_read_to_failed),
    ("status_backwards", from_failed_to_sent),
    ("state_illegal", sent_once_more),
    ("state_illegal", past_the_policy),
    ("state_illegal", from_where_it_was_not),
    ("state_illegal", out_of_doubt_by_itself),
    ("uncertain_resent_by_itself", once_more_after_a_doubt),
    ("blocked_by_finished", behind_one_that_has_ended),
    ("acknowledged_and_lost", acknowledged_and_not_told),
    ("acknowledged_and_lost", told_and_left_standing),
    ("told_from_nowhere", told_by_no_row),
    ("told_but_not_taken", delivered_to_nobody),
    ("told_under_two_ids", told_as_two),
    ("told_out_of_order", told_the_wrong_way_round),
    ("failed_without_cause", given_up_for_nothing),
    ("state_illegal", delivered_from_nowhere),
    ("refusal_untold", refused_and_untold),
    ("told_too_often", refused_and_told_for_ever),
    ("cooled_down_too_little", called_back_too_soon),
)


@pytest.mark.parametrize("chapter", HEALTHY, ids=lambda each: each.__name__)
def test_nothing_is_found_where_nothing_is_broken(chapter: Any, tmp_path: Path) -> None:
    report = checker.check(told(chapter, tmp_path))
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("kind", "chapter"), BROKEN, ids=lambda each: getattr(each, "__name__", "")
)
def test_a_broken_promise_is_named_and_nothing_else(
    kind: str, chapter: Any, tmp_path: Path
) -> None:
    report = checker.check(told(chapter, tmp_path))
    assert {each.kind for each in report.violations} == {kind}, str(report)


def test_the_program_says_so_by_its_exit_status(tmp_path: Path) -> None:
    good = told(an_ordinary_day, tmp_path).rename(tmp_path / "good.jsonl")
    bad = told(twice_by_a_repeat, tmp_path)
    clean, found = program(good, "--json"), program(bad)
    assert (clean.returncode, json.loads(clean.stdout)["sent"]) == (0, 3)
    assert (found.returncode, "repeat_became_two: evt_2" in found.stdout) == (1, True)


def test_each_kind_is_shown_to_be_found() -> None:
    assert {kind for kind, _ in BROKEN} == {*checker.KINDS}


def program(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.chaos.checker", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def told(chapter: Any, folder: Path) -> Path:
    tale = Tale()
    tale.sent("evt_before")
    chapter(tale)
    if not any(line["kind"] == "quiet" for line in tale.lines):
        tale.quiet()
    return tale.write(folder / "history.jsonl")
