"""Whether a webhook comes from Meta."""

import hashlib
import hmac

_PREFIX = "sha256="


def verify(app_secret: str, body: bytes, header: str | None) -> bool:
    """Whether `X-Hub-Signature-256` is the HMAC-SHA256 of the raw bytes, in constant time.

    An empty secret verifies nothing, since anybody can sign with it.
    """
    if not app_secret or header is None or not header.startswith(_PREFIX):
        return False
    expected = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    given = header.removeprefix(_PREFIX).strip().lower()
    # As bytes: strings outside ASCII cannot be compared.
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
