"""The policy, statement by statement: what each check says of which facts."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ErrorCode
from workers import policy
from workers.policy import POLICY, Outcome, checks
from workers.policy.facts import Facts

NOW = 1_795_348_800_000
DAY = 24 * 60 * 60 * 1000

FINE = Facts(
    now_ms=NOW,
    event_type="outbound_message",
    confirms_opt_out=False,
    purpose="support",
    module_enabled=True,
    outbound_enabled=True,
    call_events_enabled=True,
    suppression=None,
    last_inbound_at_ms=NOW - 1_000,
    pauses={},
    daily_limit=100,
    monthly_limit=2_000,
    daily_used=0,
    monthly_used=0,
    in_flight=0,
    text="Your technician arrives at ten.",
)
CONFIRMATION: dict[str, Any] = {"event_type": "opt_out_confirmation", "confirms_opt_out": True}


def ruled(**changes: Any) -> tuple[str, str, str | None]:
    """What the policy says of an event that is fine but for this."""
    ruling = policy.decide(replace(FINE, **changes))
    return ruling.outcome.value, ruling.check, ruling.code.value if ruling.code else None


ALLOW = ("allow", "all", None)


def refused(check: str, code: str) -> tuple[str, str, str]:
    return "refuse", check, code


def waits(check: str, code: str) -> tuple[str, str, str]:
    return "wait", check, code


WINDOW = refused("conversation_window_is_open", "conversation_window_closed")
SUPPRESSED = refused("recipient_is_not_suppressed", "recipient_suppressed")
PURPOSE = refused("purpose_is_allowed", "message_purpose_not_allowed")
BROADCAST = refused("text_is_not_broadcast", "policy_violation")
PAUSED = waits("nothing_is_paused", "sending_throttled")
LIMIT = "daily_message_limit_exceeded"

TABLE = [
    ("a fine message", {}, ALLOW),
    ("no module", {"module_enabled": False}, refused("module_is_enabled", "module_not_enabled")),
    (
        "outbound off",
        {"outbound_enabled": False},
        refused("outbound_is_enabled", "outbound_disabled"),
    ),
    (
        "call events off",
        {"call_events_enabled": False},
        refused("call_events_are_enabled", "call_events_disabled"),
    ),
    *(
        (f"purpose {purpose}", {"purpose": purpose}, ALLOW)
        for purpose in (
            "support",
            "operational",
            "transactional",
            "internal_team",
            "authentication",
        )
    ),
    *(
        (f"purpose {purpose}", {"purpose": purpose}, PURPOSE)
        for purpose in (
            None,
            "",
            "marketing",
            "promotion",
            "cold_outreach",
            "bulk_campaign",
            "political",
            "unknown",
            "Support",
            "support ",
        )
    ),
    ("opted out", {"suppression": "opt_out"}, SUPPRESSED),
    ("blocked", {"suppression": "block"}, SUPPRESSED),
    ("confirming an opt-out", {"suppression": "opt_out", **CONFIRMATION}, ALLOW),
    ("confirming to a blocked person", {"suppression": "block", **CONFIRMATION}, SUPPRESSED),
    ("never wrote", {"last_inbound_at_ms": None}, WINDOW),
    ("wrote exactly 24 h ago", {"last_inbound_at_ms": NOW - DAY}, WINDOW),
    ("wrote 1 ms less ago", {"last_inbound_at_ms": NOW - DAY + 1}, ALLOW),
    ("wrote this moment", {"last_inbound_at_ms": NOW}, ALLOW),
    ("wrote in the future", {"last_inbound_at_ms": NOW + 9 * DAY}, ALLOW),
    (
        "confirmation, window closed",
        {"suppression": "opt_out", "last_inbound_at_ms": NOW - DAY, **CONFIRMATION},
        WINDOW,
    ),
    (
        "marketing",
        {"text": "Special offer! 50% off, buy now, free shipping"},
        refused("language_is_not_marketing", "policy_violation"),
    ),
    (
        "marketing where it is allowed",
        {"text": "Special offer! 50% off, buy now, free shipping", "refuse_marketing": False},
        ALLOW,
    ),
    (
        "a shortener",
        {"text": "See https://bit.ly/x"},
        refused("links_are_not_shortened", "policy_violation"),
    ),
    (
        "a blocked phrase",
        {"text": "We guarantee returns.", "blocked_phrases": ("guarantee returns",)},
        refused("phrases_are_not_blocked", "policy_violation"),
    ),
    ("the 19th person", {"same_text_recipients": 19}, ALLOW),
    ("the 20th person", {"same_text_recipients": 20}, BROADCAST),
    ("paused account", {"pauses": {"account": "texts"}}, PAUSED),
    ("paused instance", {"pauses": {"instance": "token"}}, PAUSED),
    ("the day's last", {"daily_used": 99}, ALLOW),
    ("one too many", {"daily_used": 100}, refused("daily_limit_is_not_reached", LIMIT)),
    (
        "one may come back",
        {"daily_used": 100, "in_flight": 1},
        waits("daily_limit_is_not_reached", LIMIT),
    ),
    (
        "too few may come back",
        {"daily_used": 102, "in_flight": 2},
        refused("daily_limit_is_not_reached", LIMIT),
    ),
    ("nothing is allowed", {"daily_limit": 0}, refused("daily_limit_is_not_reached", LIMIT)),
    ("the month's last", {"monthly_used": 1_999}, ALLOW),
    ("the month is full", {"monthly_used": 2_000}, refused("monthly_limit_is_not_reached", LIMIT)),
    (
        "the month may come back",
        {"monthly_used": 2_000, "in_flight": 1},
        waits("monthly_limit_is_not_reached", LIMIT),
    ),
]


@pytest.mark.parametrize(
    ("changes", "ruling"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_policy_rules(changes: dict[str, Any], ruling: tuple[str, str, str | None]) -> None:
    assert ruled(**changes) == ruling


def test_the_checks_stand_in_the_order_of_the_contract() -> None:
    assert [(check.__name__, code.value) for check, code in POLICY] == [
        ("module_is_enabled", "module_not_enabled"),
        ("outbound_is_enabled", "outbound_disabled"),
        ("call_events_are_enabled", "call_events_disabled"),
        ("purpose_is_allowed", "message_purpose_not_allowed"),
        ("recipient_is_not_suppressed", "recipient_suppressed"),
        ("conversation_window_is_open", "conversation_window_closed"),
        ("language_is_not_marketing", "policy_violation"),
        ("links_are_not_shortened", "policy_violation"),
        ("phrases_are_not_blocked", "policy_violation"),
        ("text_is_not_broadcast", "policy_violation"),
        ("nothing_is_paused", "sending_throttled"),
        ("daily_limit_is_not_reached", "daily_message_limit_exceeded"),
        ("monthly_limit_is_not_reached", "daily_message_limit_exceeded"),
    ]


def test_the_first_check_that_does_not_hold_decides() -> None:
    assert ruled(suppression="opt_out", last_inbound_at_ms=None, daily_used=100) == SUPPRESSED
    assert ruled(pauses={"account": "texts"}, same_text_recipients=20) == BROADCAST
    assert ruled(pauses={"account": "texts"}, daily_used=100) == PAUSED


def test_a_rehearsal_hears_every_check() -> None:
    bad = replace(FINE, suppression="block", last_inbound_at_ms=None)
    heard = [(ruling.check, ruling.outcome) for ruling in policy.rulings(bad)]
    assert len(heard) == len(POLICY)
    assert [check for check, outcome in heard if outcome is Outcome.REFUSE] == [
        "recipient_is_not_suppressed",
        "conversation_window_is_open",
    ]


def test_a_wait_says_when_to_look_again() -> None:
    paused = policy.decide(replace(FINE, pauses={"account": "texts"}))
    assert paused.look_again_ms == NOW + 600_000
    full = policy.decide(replace(FINE, daily_used=100, in_flight=1))
    assert full.look_again_ms == NOW + 1_000


def test_an_allowed_event_shows_all_that_the_checks_saw() -> None:
    saw = policy.decide(FINE).saw
    assert saw["customer_wrote_s_ago"] == 1
    assert (saw["daily_used"], saw["daily_limit"], saw["monthly_limit"]) == (0, 100, 2_000)
    assert saw["purpose"] == "support"


def test_what_is_written_down_holds_no_word_of_the_text_or_the_caller() -> None:
    secretive = replace(
        FINE, text="Buy kumquats at ten", purpose="kumquats", blocked_phrases=("kumquats",)
    )
    assert "kumquats" not in repr([ruling.saw for ruling in policy.rulings(secretive)])
    assert "kumquats" not in repr(replace(secretive, purpose=None))


def test_every_refusal_has_a_published_code() -> None:
    assert {code for _, code in POLICY} <= set(ErrorCode)


def test_the_policy_knows_neither_models_nor_clock() -> None:
    folder = Path(checks.__file__).parent
    imported = {name for file in folder.glob("*.py") for name in _imports(file)}
    assert "workers.policy.facts" in imported
    forbidden = ("models", "core.clock", "time", "datetime", "random", "logging", "os")
    assert not [name for name in imported if name.startswith(forbidden)]


def _imports(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
    return names
