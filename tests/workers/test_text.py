"""A long text goes out as several messages, in order, and nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import a_site
from workers.text import PART_CHARACTERS, parts, text_hash

SEED = st.text(st.sampled_from("aé世🌙 \n\tً́.\u200d"), min_size=1, max_size=60)
LONG = st.builds(lambda seed, times: seed * times, SEED, st.integers(1, 900))


@given(LONG)
def test_the_parts_of_a_text_are_the_text(text: str) -> None:
    pieces = parts(text)
    assert all(0 < len(piece) <= PART_CHARACTERS for piece in pieces)
    assert all(piece.strip() for piece in pieces)
    if text.strip():
        whole, at = text, 0
        for piece in pieces:
            found = whole.index(piece, at)
            assert not whole[at:found].strip()
            at = found + len(piece)
        assert not whole[at:].strip()


@given(LONG.filter(lambda text: " " * 3_000 not in text))
def test_the_parts_are_no_more_than_the_text_needs(text: str) -> None:
    assert len(parts(text)) <= len(text) // (PART_CHARACTERS - 512) + 1


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 4_096, [4_096]),
        ("a" * 4_097, [4_096, 1]),
        ("🌙" * 8_192, [4_096, 4_096]),
        ("a" * 4_000 + " " + "b" * 4_000, [4_001, 4_000]),
        ("a" * 3_000 + " " + "b" * 4_000, [4_096, 2_905]),
        ("a" * 4_096 + " " * 10, [4_096]),
    ],
)
def test_a_text_is_cut_after_a_space_if_one_is_near(text: str, lengths: list[int]) -> None:
    assert [len(piece) for piece in parts(text)] == lengths


def test_a_letter_keeps_its_accents() -> None:
    first, second = parts("e\u0301" * 2_049)
    assert (len(first), len(second)) == (4_096, 2)
    first, second = parts("a" + "e\u0301" * 2_048)
    assert first.endswith("\u0301")
    assert second.startswith("e")


def test_a_text_of_accents_alone_is_not_thousands_of_messages() -> None:
    assert len(parts("\u0301" * 120_000)) == 30


@pytest.mark.usefixtures("store")
def test_a_text_is_known_again_whatever_its_case_and_spaces() -> None:
    event = a_site().event()
    text = "Dear customer, the branch is closed on Friday."
    same = text_hash(event.account_id, text)
    assert same == text_hash(
        event.account_id, "  DEAR customer,\n the branch is  closed on friday. "
    )
    assert same != text_hash(event.account_id, text.replace("Friday", "Sunday"))
    assert same != text_hash(a_site().event().account_id, text)
    assert same is not None
    assert "Friday" not in same


@pytest.mark.usefixtures("store")
def test_a_text_below_forty_characters_is_never_a_broadcast() -> None:
    event = a_site().event()
    assert text_hash(event.account_id, "x" * 39) is None
    assert text_hash(event.account_id, " x" * 20 + " " * 40) is None
    assert text_hash(event.account_id, "x" * 40) is not None
