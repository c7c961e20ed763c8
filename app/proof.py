"""Who is calling: one function for each thing that 3CX's requests prove, in the contract's order.

Every failure is answered alike; the true reason goes to the security log.
"""

import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import falcon

from app.addresses import IPAddress, client_address, site
from app.directory import Directory, KnownIntegration
from app.watch import Watch
from core import clock
from core.config import IPNetwork
from core.errors import ErrorCode, GatewayError, Refused
from core.redact import scrub
from core.signing import SECRET_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

_STALE_S = 300
_SHOWN_ID = 64  # characters
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
        """Tell who calls the webhook: by its secret and, in a signed integration, its signature.

        Args:
            req: the request, for its address and headers.
            integration_id: from the URL.
            body: the raw bytes that a signature covers; empty for a GET.

        Raises:
            Refused: `invalid_3cx_webhook`, with the same words for every reason.
        """
        with self._watched(req, integration_id) as address:
            integration, secret = self._holder(integration_id, _header_secret(req), address)
            if not integration.signed:
                return Caller(integration, None)
            return Caller(integration, _check_signed(req, secret, body))

    def authenticate_by_header(self, req: falcon.Request, integration_id: str) -> KnownIntegration:
        """Tell who calls by the secret's header alone: 3CX's CRM templates cannot sign.

        Raises:
            Refused: as `authenticate`.
        """
        with self._watched(req, integration_id) as address:
            return self._holder(integration_id, _header_secret(req), address)[0]

    def authenticate_by_key(
        self, req: falcon.Request, integration_id: str, key_in_path: str | None
    ) -> KnownIntegration:
        """Tell who calls by a secret that is given as 3CX's Generic SMS provider gives its API key.

        Raises:
            Refused: as `authenticate`.
        """
        with self._watched(req, integration_id) as address:
            return self._holder(integration_id, _key(req, key_in_path), address)[0]

    @contextmanager
    def _watched(self, req: falcon.Request, integration_id: str) -> Iterator[IPAddress | None]:
        """Have who fails within the block refused, counted, and in the end not even looked at."""
        address = client_address(req.env, self._trusted)
        origin = site(address)
        if self._watch.slowed_down(origin):
            raise Refused(ErrorCode.INVALID_3CX_WEBHOOK)
        try:
            yield address
        except _Unproven as reason:
            # What stands in the place of the id may be a key.
            shown = scrub(integration_id[:_SHOWN_ID])
            self._watch.failed(origin, shown, str(reason))
            raise Refused(ErrorCode.INVALID_3CX_WEBHOOK) from None
        self._watch.succeeded(origin)

    def _holder(
        self, integration_id: str, given: bytes, address: IPAddress | None
    ) -> tuple[KnownIntegration, bytes]:
        """The integration whose secret was given, and that secret."""
        integration = self._directory.integration(integration_id)
        secret = _matching_secret(integration, given)
        if integration is None:
            raise _Unproven("unknown_integration")
        if not integration.enabled:
            raise _Unproven("integration_disabled")
        _check_address(integration, address)
        if secret is None:
            raise _Unproven("secret_wrong" if given else "secret_missing")
        return integration, secret


def _header_secret(req: falcon.Request) -> bytes:
    return (req.get_header(SECRET_HEADER) or "").encode("latin-1", "replace")


def _key(req: falcon.Request, in_path: str | None) -> bytes:
    """The first key there is: the header's, the path's, the query's (some set-ups lose headers)."""
    scheme, _, bearer = (req.get_header("Authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip().encode("latin-1", "replace")
    return (in_path or req.get_param("key") or "").encode("utf-8", "replace")


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


def _check_signed(req: falcon.Request, secret: bytes, body: bytes) -> str:
    timestamp = _check_timestamp(req.get_header(TIMESTAMP_HEADER) or "")
    return _check_signature(secret, timestamp, body, req.get_header(SIGNATURE_HEADER) or "")


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
