from __future__ import annotations

import base64
import hmac
from hashlib import sha256

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from core.crypto import UnreadableSecret, Vault, generate_keys
from core.errors import UsageError

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
HASH_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
TEXT = "the violet slippers of +966512345678"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens_again(text: str) -> None:
    vault = Vault([NEW], HASH_KEY)
    assert vault.open(vault.seal(text)) == text


def test_sealed_bytes_show_nothing_and_are_new_each_time() -> None:
    vault = Vault([NEW], HASH_KEY)
    first, second = vault.seal(TEXT), vault.seal(TEXT)
    assert first != second
    for sealed in (first, second):
        opened = base64.urlsafe_b64decode(sealed)
        for word in ("violet", "slippers", "512345678"):
            assert word.encode() not in sealed
            assert word.encode() not in opened


def test_a_database_hands_sealed_bytes_over_in_its_own_types() -> None:
    vault = Vault([NEW], HASH_KEY)
    assert vault.open(memoryview(vault.seal(TEXT))) == TEXT  # type: ignore[arg-type]


def test_after_a_rotation_the_old_opens_and_the_new_seals() -> None:
    sealed_before = Vault([OLD], HASH_KEY).seal(TEXT)
    rotated = Vault([NEW, OLD], HASH_KEY)
    assert rotated.open(sealed_before) == TEXT
    sealed_after = rotated.seal(TEXT)
    assert Vault([NEW], HASH_KEY).open(sealed_after) == TEXT
    with pytest.raises(UnreadableSecret):
        Vault([OLD], HASH_KEY).open(sealed_after)


def _flipped(sealed: bytes) -> bytes:
    middle = len(sealed) // 2
    return (
        sealed[:middle]
        + (b"A" if sealed[middle : middle + 1] != b"A" else b"B")
        + sealed[middle + 1 :]
    )


@pytest.mark.parametrize(
    "sealed",
    [
        b"",
        b"gAAAAA",
        b"\xff\x00",
        TEXT.encode(),
        Vault([OLD], HASH_KEY).seal(TEXT),
        _flipped(Vault([NEW], HASH_KEY).seal(TEXT)),
    ],
)
def test_what_no_key_opens_is_unreadable_and_the_words_show_none_of_it(sealed: bytes) -> None:
    with pytest.raises(UnreadableSecret) as failure:
        Vault([NEW], HASH_KEY).open(sealed)
    assert "ENCRYPTION_KEYS" in str(failure.value)
    assert "violet" not in str(failure.value)
    assert failure.value.__suppress_context__


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [""],
        ["not a key"],
        ["ключ"],
        [NEW[:-4]],
        [NEW + "AAAA"],
        [NEW, "hunter-orchid"],
        [f"{NEW};{OLD}"],
        [f"{NEW} {OLD}"],
    ],
)
def test_a_malformed_encryption_key_is_wrong_use_and_is_not_shown(keys: list[str]) -> None:
    with pytest.raises(UsageError) as failure:
        Vault(keys, HASH_KEY)
    assert str(failure.value).startswith("ENCRYPTION_KEYS ")
    assert "gateway keys generate" in str(failure.value)
    assert not any(key and key in str(failure.value) for key in keys)


@pytest.mark.parametrize(
    "hash_key",
    [
        "",
        "short",
        HASH_KEY[:-4],
        HASH_KEY + "AAAA",
        "!" + HASH_KEY,
        f"{HASH_KEY[:20]} {HASH_KEY[20:]}",
        "ключ",
    ],
)
def test_a_malformed_hash_key_is_wrong_use_and_is_not_shown(hash_key: str) -> None:
    with pytest.raises(UsageError) as failure:
        Vault([NEW], hash_key)
    assert str(failure.value).startswith("HASH_KEY ")
    assert not hash_key or hash_key not in str(failure.value)


def test_a_vault_shows_no_key() -> None:
    shown = repr(Vault([NEW], HASH_KEY))
    assert NEW not in shown
    assert HASH_KEY not in shown


def test_a_digest_is_the_same_whatever_seals() -> None:
    assert Vault([OLD], HASH_KEY).digest("a", "b") == Vault([NEW, OLD], HASH_KEY).digest("a", "b")


def test_a_digest_never_changes_since_stored_phones_are_found_by_it() -> None:
    # HMAC-SHA256 over each part behind its length in 8 bytes, big end first.
    message = b"\0\0\0\0\0\0\0\7address" + b"\0\0\0\0\0\0\0\3\xc3\xa9x"
    expected = hmac.digest(bytes(range(32)), message, sha256)
    given = Vault([NEW], HASH_KEY).digest("address", "éx")
    assert base64.urlsafe_b64decode(given + "=") == expected
    assert "=" not in given
    assert len(given) == 43


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        (("a", "b"), ("a\x1fb",)),
        (("a", "b"), ("ab",)),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
        (("a", "b"), ("b", "a")),
        ((), ("",)),
    ],
)
def test_different_parts_have_different_digests(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    vault = Vault([NEW], HASH_KEY)
    assert vault.digest(*one) != vault.digest(*other)


def test_another_hash_key_gives_another_digest() -> None:
    other = base64.urlsafe_b64encode(bytes(32)).decode()
    assert Vault([NEW], HASH_KEY).digest("a") != Vault([NEW], other).digest("a")


def test_generated_keys_are_new_and_usable() -> None:
    encryption_key, hash_key = generate_keys()
    assert generate_keys() != (encryption_key, hash_key)
    assert encryption_key != hash_key
    vault = Vault([encryption_key], hash_key)
    assert vault.open(vault.seal(TEXT)) == TEXT
    for key in (encryption_key, hash_key):
        assert "," not in key
        assert len(base64.urlsafe_b64decode(key)) == 32
