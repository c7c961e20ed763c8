"""Secrets and texts at rest: MultiFernet to seal them, a keyed hash to find phones by."""

import base64
import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import GatewayError, UsageError

_KEY_BYTES = 32


class UnreadableSecret(GatewayError):
    """What was sealed cannot be opened with the keys at hand."""


class Vault:
    """Seals and opens what is kept, and hashes what must be found again.

    Args:
        encryption_keys: Fernet keys; the first seals, all open (rotation: put the new one first).
        hash_key: url-safe base64 of 32 bytes; changing it loses every phone that was stored.

    Raises:
        UsageError: a key is not of that form.
    """

    def __init__(self, encryption_keys: Sequence[str], hash_key: str) -> None:
        if not encryption_keys or any(len(_bytes_of(key)) != _KEY_BYTES for key in encryption_keys):
            raise UsageError(
                "ENCRYPTION_KEYS holds something that is not a Fernet key; "
                "make keys with: gateway keys generate"
            )
        self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])
        self._hash_key = _bytes_of(hash_key)
        if len(self._hash_key) != _KEY_BYTES:
            raise UsageError(
                "HASH_KEY is not 32 bytes in url-safe base64; make keys with: gateway keys generate"
            )

    def seal(self, text: str) -> bytes:
        """Encrypt a text for storage."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt what `seal` made.

        Raises:
            UnreadableSecret: none of the keys opens it.
        """
        try:
            return self._fernet.decrypt(bytes(sealed)).decode()
        except InvalidToken:
            raise UnreadableSecret(
                "a stored secret or text cannot be opened: ENCRYPTION_KEYS does not hold its key"
            ) from None

    def digest(self, *parts: str) -> str:
        """A keyed hash of the parts, in url-safe base64; without the key it tells nothing.

        Each part goes in with its length before it: no two lists of parts make the same message.
        """
        encoded = [part.encode() for part in parts]
        message = b"".join(len(part).to_bytes(8) + part for part in encoded)
        return (
            base64.urlsafe_b64encode(hmac.digest(self._hash_key, message, sha256))
            .rstrip(b"=")
            .decode()
        )


def _bytes_of(key: str) -> bytes:
    # Strictly: Fernet itself reads the first of two keys that a blank or a semicolon keeps apart.
    try:
        return base64.b64decode(key, altchars=b"-_", validate=True)
    except ValueError:
        return b""


def generate_keys() -> tuple[str, str]:
    """A new pair of an encryption key and a hash key."""
    hash_key = base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return Fernet.generate_key().decode(), hash_key
