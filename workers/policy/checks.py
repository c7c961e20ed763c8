"""One statement per check: true, or not (yet), of the Facts. Pure functions; no clock, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.words import Purpose
from workers.policy import content
from workers.policy.facts import Facts

WINDOW_MS = 24 * 60 * 60 * 1000
BROADCAST_RECIPIENTS = 20
PAUSE_LOOK_MS = 10 * 60_000  # the end of a pause wakes who waits for it
IN_FLIGHT_LOOK_MS = 1_000
_SHOWN_PURPOSE = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Args:
        holds: whether the statement is true.
        saw: what it looked at, fit for a log.
        look_again_ms: when it may become true by itself, in epoch milliseconds; None if it cannot.
    """

    holds: bool
    saw: Mapping[str, object]
    look_again_ms: int | None = None


def module_is_enabled(facts: Facts) -> Finding:
    """The account has the 3CX module."""
    return Finding(facts.module_enabled, {"module_enabled": facts.module_enabled})


def outbound_is_enabled(facts: Facts) -> Finding:
    """The integration lets replies out."""
    return Finding(facts.outbound_enabled, {"outbound_enabled": facts.outbound_enabled})


def call_events_are_enabled(facts: Facts) -> Finding:
    """The integration answers calls, or this is no call event."""
    return Finding(facts.call_events_enabled, {"call_events_enabled": facts.call_events_enabled})


def purpose_is_allowed(facts: Facts) -> Finding:
    """The purpose is one of the five that a support tool has."""
    shown = None if facts.purpose is None else facts.purpose[:_SHOWN_PURPOSE]
    known = facts.purpose in set(Purpose)
    return Finding(known, {"purpose": shown if known or shown is None else "not one of ours"})


def recipient_is_not_suppressed(facts: Facts) -> Finding:
    """The customer has not opted out and is not blocked; an opt-out's confirmation may pass."""
    opted_out_just_now = facts.confirms_opt_out and facts.suppression == "opt_out"
    return Finding(
        facts.suppression is None or opted_out_just_now,
        {"suppression": facts.suppression, "confirms_opt_out": facts.confirms_opt_out},
    )


def conversation_window_is_open(facts: Facts) -> Finding:
    """The customer wrote less than 24 hours ago; a message from the future counts as now."""
    wrote = facts.last_inbound_at_ms
    open_now = wrote is not None and facts.now_ms < min(wrote, facts.now_ms) + WINDOW_MS
    age_s = None if wrote is None else max(0, facts.now_ms - wrote) // 1000
    return Finding(open_now, {"customer_wrote_s_ago": age_s})


def language_is_not_marketing(facts: Facts) -> Finding:
    """The text has at most one expression of marketing, or the account may use them."""
    if not facts.refuse_marketing:
        return Finding(holds=True, saw={"refuse_marketing": False})
    hits = content.marketing_hits(facts.text)
    return Finding(len(hits) < content.MARKETING_THRESHOLD, {"marketing": list(hits)})


def links_are_not_shortened(facts: Facts) -> Finding:
    """No link hides where it leads."""
    hosts = content.shortener_hosts(facts.text)
    return Finding(not hosts, {"shorteners": list(hosts)})


def phrases_are_not_blocked(facts: Facts) -> Finding:
    """The text has none of the phrases that the account itself blocks."""
    found = content.blocked_phrases(facts.text, facts.blocked_phrases)
    return Finding(not found, {"blocked_phrases": len(found)})


def text_is_not_broadcast(facts: Facts) -> Finding:
    """The same text does not go to 20 people within 10 minutes."""
    return Finding(
        facts.same_text_recipients < BROADCAST_RECIPIENTS,
        {"same_text_recipients": facts.same_text_recipients},
    )


def nothing_is_paused(facts: Facts) -> Finding:
    """Neither account, instance nor integration is paused; a pause is waited for."""
    return Finding(not facts.pauses, {"paused": sorted(facts.pauses)}, facts.now_ms + PAUSE_LOOK_MS)


def daily_limit_is_not_reached(facts: Facts) -> Finding:
    """One more message fits into the account's day."""
    return _fits(facts, "daily", facts.daily_used, facts.daily_limit)


def monthly_limit_is_not_reached(facts: Facts) -> Finding:
    """One more message fits into the account's month."""
    return _fits(facts, "monthly", facts.monthly_used, facts.monthly_limit)


def _fits(facts: Facts, period: str, used: int, limit: int) -> Finding:
    # A unit in flight may come back: it is too early to refuse somebody for it.
    may_come_back = used - facts.in_flight < limit
    return Finding(
        used < limit,
        {f"{period}_used": used, f"{period}_limit": limit, "in_flight": facts.in_flight},
        facts.now_ms + IN_FLIGHT_LOOK_MS if may_come_back else None,
    )
