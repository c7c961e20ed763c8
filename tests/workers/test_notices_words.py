"""Every end of a reply has words in every language, and our own lines are known again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import workers
from core.errors import ErrorCode
from workers import notices_words
from workers.confirmation import CONFIRMATIONS
from workers.notices_words import LANGUAGES, is_ours

ROOT = Path(workers.__file__).parent
_NOT_A_REPLYS = {ErrorCode.CALL_EVENTS_DISABLED}
_AT_THE_SMS_DOOR = {"unknown_did"}
LONGEST_LINE = 300


def codes() -> set[str]:
    """The codes that the workers end a reply with: all that they name."""
    sources = "".join(path.read_text() for path in sorted(ROOT.rglob("*.py")))
    named = {ErrorCode[name].value for name in re.findall(r"\bErrorCode\.([A-Z_]{3,})", sources)}
    return named - _NOT_A_REPLYS | _AT_THE_SMS_DOOR


def test_agents_languages_are_those_in_which_customers_hear_of_their_opt_out() -> None:
    assert set(LANGUAGES) == set(CONFIRMATIONS)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_code_that_a_reply_can_end_with_has_words(language: str) -> None:
    assert codes() >= {"recipient_suppressed", "conversation_window_closed", "sending_throttled"}
    assert codes() <= set(LANGUAGES[language].reasons)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_line_is_one_short_line_with_its_own_reason(language: str) -> None:
    words = LANGUAGES[language]
    assert len(set(words.reasons.values())) == len(words.reasons)
    if language != "en":
        assert not set(words.reasons.values()) & set(LANGUAGES["en"].reasons.values())
    for code in words.reasons:
        line = notices_words.not_sent(code, "x" * 5_000, language)
        assert len(line) <= LONGEST_LINE
        assert "\n" not in line
        assert f"“{'x' * 40}…”" in line


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_our_lines_are_known_again(language: str) -> None:
    lines = [
        notices_words.not_sent("gateway_send_failed", "hello", language),
        notices_words.not_sent(None, "hello", language),
        notices_words.after_all("hello", language),
        notices_words.automatic("hello", language),
        notices_words.last_for_now(notices_words.after_all(None, language), language),
    ]
    for line in lines:
        assert is_ours(line)
        assert is_ours(f" \n{line} ")
        assert is_ours(f"{line[0]}\ufe0f{line[1:]}")


@pytest.mark.parametrize("said", ["", None, "✓", "✓ Done", "⚠ Careful, it is hot", "↪ See above"])
def test_what_an_agent_says_is_not_taken_for_one(said: str | None) -> None:
    assert not is_ours(said)


def test_a_language_or_a_code_that_nobody_knows_still_says_that_it_failed() -> None:
    line = notices_words.not_sent("a_code_of_tomorrow", "hello", "tlh")
    assert line.startswith("⚠ Not delivered “hello”: WhatsApp could not deliver it.")
