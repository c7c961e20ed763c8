"""Who is calling: one function for each thing that a 3CX webhook proves, in the contract's order.

Every failure is answered alike; the true reason goes to the security log.
"""

import hmac
import re
from dataclasses import dataclass

import falcon

from app.addresses import IPAddress, client_address, site
from app.directory import Directory, KnownIntegration
from app.watch import Watch
from core import clock
from core.config import IPNetwork
from core.errors import ErrorCode, GatewayError, Refused
from core.signing import SECRET_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

_STALE_S = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})")
_NOBODY = b"whsec_nobody-has-this-secret-but-comparing-takes-as-long"


class _Unproven(GatewayError):
    """A check did not hold; the word is the reason for the security log."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who proved to be calling; the signature, recomputed, if the request was signed."""

    integration: KnownIntegration
    signature: str | None


class Proof:
    """Authenticates 3CX's requests."""

    def __init__(
        self, directory: Directory, watch: Watch, trusted_proxies: tuple[IPNetwork, ...]
    ) -> None:
        self._directory = directory
        self._watch = watch
        self._trusted = trusted_proxies

    def authenticate(self, req: falcon.Request, integration_id: str, body: bytes) -> Caller:
        """Tell who is calling.

        Args:
            req: the request, for its address and headers.
            integration_id: from the URL.
            body: the raw bytes that a signature covers; empty for a GET.

        Raises:
            Refused: `invalid_3cx_webhook`, with the same words for every reason.
        """
        address = client_address(req.env, self._trusted)
        origin = site(address)
        if self._watch.slowed_down(origin):
            raise Refused(ErrorCode.INVALID_3CX_WEBHOOK)
        try:
            caller = self._prove(req, integration_id, address, body)
        except _Unproven as reason:
            self._watch.failed(origin, integration_id, str(reason))
            raise Refused(ErrorCode.INVALID_3CX_WEBHOOK) from None
        self._watch.succeeded(origin)
        return caller

    def _prove(
        self, req: falcon.Request, integration_id: str, address: IPAddress | None, body: bytes
    ) -> Caller:
        integration = self._directory.integration(integration_id)
        given = (req.get_header(SECRET_HEADER) or "").encode("latin-1", "replace")
        secret = _matching_secret(integration, given)
        if integration is None:
            raise _Unproven("unknown_integration")
        if not integration.enabled:
            raise _Unproven("integration_disabled")
        _check_address(integration, address)
        if secret is None:
            raise _Unproven("secret_wrong" if given else "secret_missing")
        if not integration.signed:
            return Caller(integration, None)
        timestamp = _check_timestamp(req.get_header(TIMESTAMP_HEADER) or "")
        given_signature = req.get_header(SIGNATURE_HEADER) or ""
        return Caller(integration, _check_signature(secret, timestamp, body, given_signature))


def _matching_secret(integration: KnownIntegration | None, given: bytes) -> bytes | None:
    # Compared before anything else is looked at, and against somebody's even when there is nobody,
    # so that the time tells nothing.
    now = clock.now_ms()
    live = [
        secret.value
        for secret in (integration.secrets if integration else ())
        if secret.expires_at_ms is None or now < secret.expires_at_ms
    ]
    matching = [each for each in live or [_NOBODY] if hmac.compare_digest(each, given)]
    return matching[0] if matching and live else None


def _check_address(integration: KnownIntegration, address: IPAddress | None) -> None:
    if not integration.allowed:
        return
    if address is None or not any(address in network for network in integration.allowed):
        raise _Unproven("address_not_allowed")


def _check_timestamp(given: str) -> str:
    if not _TIMESTAMP.fullmatch(given):
        raise _Unproven("timestamp_malformed" if given else "timestamp_missing")
    if abs(clock.now_ms() - int(given) * 1000) > _STALE_S * 1000:
        raise _Unproven("timestamp_stale")
    return given


def _check_signature(secret: bytes, timestamp: str, body: bytes, given: str) -> str:
    written = _SIGNATURE.fullmatch(given)
    if written is None:
        raise _Unproven("signature_malformed" if given else "signature_missing")
    right = signature(secret, timestamp, body)
    if not hmac.compare_digest(right, written[1].lower()):
        raise _Unproven("signature_wrong")
    return right
