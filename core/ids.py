"""Public ids: a prefix that says what it is, and a ULID, so that ids sort by their time."""

import secrets

from core import clock

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS, _RANDOM_BITS, _BITS_PER_CHARACTER = 48, 80, 5
_LENGTH = 26


def new_id(prefix: str) -> str:
    """An id such as `evt_01kb3w…`: 48 bits of epoch milliseconds, 80 of chance, base 32 (ULID)."""
    number = (clock.now_ms() & ((1 << _TIME_BITS) - 1)) << _RANDOM_BITS
    number |= secrets.randbits(_RANDOM_BITS)
    return f"{prefix}_" + "".join(
        _CROCKFORD[(number >> shift) & 31]
        for shift in range((_LENGTH - 1) * _BITS_PER_CHARACTER, -1, -_BITS_PER_CHARACTER)
    )
