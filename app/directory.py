"""Settings as the door needs them, kept in memory and never more than a second old."""

import hmac
import ipaddress
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core import clock, phone
from core.config import IPNetwork
from models.account import Account
from models.instance import Instance
from models.integration import AuthMode, Integration
from models.revision import Revision
from models.secret import Secret

T = TypeVar("T")

_FRESH_S = 1.0
_KEPT_AT_MOST = 20_000
_ID = re.compile(r"[a-z]{2,12}_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class LiveSecret:
    """A secret and when it ends, in epoch milliseconds."""

    value: bytes = field(repr=False)
    expires_at_ms: int | None


@dataclass(frozen=True, slots=True)
class KnownIntegration:
    """An integration with what its webhooks are checked by."""

    id: str
    account_id: str
    instance_id: str
    enabled: bool
    signed: bool
    allowed: tuple[IPNetwork, ...]
    secrets: tuple[LiveSecret, ...] = field(repr=False)
    default_region: str | None
    default_purpose: str
    validity_ms: int
    module_enabled: bool
    own_numbers: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """An instance with what Meta's webhooks are checked by."""

    id: str
    phone_number_id: str
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)


class Directory:
    """Looks settings up; a change of any setting empties it within a second.

    What does not exist is remembered too, and the oldest entries go when there are too many, so
    that made-up ids cost an attacker more than us.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._revision = -1
        self._checked_at = float("-inf")

    def integration(self, integration_id: str) -> KnownIntegration | None:
        """The integration with this id, if there is one."""
        if not _ID.fullmatch(integration_id):
            return None
        return self._look_up("integration", integration_id, _load_integration)

    def instance(self, instance_id: str) -> KnownInstance | None:
        """The instance with this id, if there is one."""
        if not _ID.fullmatch(instance_id):
            return None
        return self._look_up("instance", instance_id, _load_instance)

    def instances_of_number(self, phone_number_id: str, app_secret: str) -> list[KnownInstance]:
        """The instances that are this number of Meta's and share the app secret."""
        known = self._look_up("number", phone_number_id, _load_number)
        return [each for each in known if hmac.compare_digest(each.app_secret, app_secret)]

    def _look_up(self, kind: str, name: str, load: Callable[[str], T]) -> T:
        self._forget_if_stale()
        key = (kind, name)
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                found: T = self._entries[key]
                return found
            revision = self._revision
        found = load(name)
        with self._lock:
            if revision != self._revision:
                return found  # it may have been read before the change that emptied the rest
            self._entries[key] = found
            while len(self._entries) > _KEPT_AT_MOST:
                self._entries.popitem(last=False)
        return found

    def _forget_if_stale(self) -> None:
        with self._lock:
            if clock.monotonic() - self._checked_at < _FRESH_S:
                return
        revision = Revision.current()
        with self._lock:
            if revision != self._revision:
                self._entries.clear()
                self._revision = revision
            self._checked_at = clock.monotonic()


def _load_integration(integration_id: str) -> KnownIntegration | None:
    row = (
        Integration.select(Integration, Account, Instance)
        .join(Account)
        .switch(Integration)
        .join(Instance)
        .where(Integration.id == integration_id)
        .first()
    )
    if row is None:
        return None
    secrets = Secret.select().where(Secret.integration == integration_id)
    return KnownIntegration(
        id=row.id,
        account_id=row.account.id,
        instance_id=row.instance.id,
        enabled=row.enabled,
        signed=row.auth_mode == AuthMode.SECRET_AND_SIGNATURE,
        allowed=tuple(ipaddress.ip_network(each) for each in row.allowed_ips),
        secrets=tuple(LiveSecret(each.sealed.encode(), each.expires_at_ms) for each in secrets),
        default_region=row.default_region,
        default_purpose=row.default_purpose,
        validity_ms=row.validity_s * 1000,
        module_enabled=row.account.module_enabled,
        own_numbers=_own_numbers(row.account.id),
    )


def _own_numbers(account_id: str) -> frozenset[str]:
    rows = Instance.select(Instance.display_phone_number).where(Instance.account == account_id)
    displayed = (row.display_phone_number for row in rows)
    numbers = (
        phone.normalise(each if each.startswith("+") else f"+{each}", None)
        for each in displayed
        if each
    )
    return frozenset(number for number in numbers if number)


def _load_instance(instance_id: str) -> KnownInstance | None:
    row = Instance.get_or_none(Instance.id == instance_id)
    return None if row is None else _known_instance(row)


def _load_number(phone_number_id: str) -> list[KnownInstance]:
    rows = Instance.select().where(Instance.phone_number_id == phone_number_id)
    return [_known_instance(row) for row in rows]


def _known_instance(row: Instance) -> KnownInstance:
    return KnownInstance(row.id, row.phone_number_id, row.app_secret, row.verify_token)
