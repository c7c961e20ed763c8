"""How a request between 3CX's side and the gateway is signed, whichever way it goes."""

import hmac
from hashlib import sha256

SECRET_HEADER = "X-WhatsApp-Gateway-3CX-Secret"  # noqa: S105 (a header's name)
TIMESTAMP_HEADER = "X-WhatsApp-Gateway-Timestamp"
SIGNATURE_HEADER = "X-WhatsApp-Gateway-Signature"


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of timestamp, a dot and the raw body, in hex (webhook contract, Request).

    Args:
        secret: of the integration, or of the destination.
        timestamp: Unix seconds, as the header has them.
        body: as it goes over the wire; empty for a GET.
    """
    return hmac.new(secret, timestamp.encode() + b"." + body, sha256).hexdigest()
