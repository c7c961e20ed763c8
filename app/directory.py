"""Settings as the door needs them, kept in memory and never more than a second old.

While the database is away and webhooks are kept elsewhere, the last known settings serve on, for 15
minutes at most.
"""

import hmac
import ipaddress
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core import clock, phone
from core.config import IPNetwork
from models.account import Account
from models.destination import Destination, Kind, Route
from models.instance import Instance
from models.integration import AuthMode, Integration
from models.revision import Revision
from models.secret import Secret
from models.unavailable import DatabaseUnavailable

_FRESH_S = 1.0
_AWAY_LOOK_S = 0.1
_LAST_KNOWN_S = 15 * 60.0
_WARMED_AT_MOST = 200
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
    routes: tuple[Route, ...] = ()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """An instance with what Meta's webhooks are checked by."""

    id: str
    account_id: str
    phone_number_id: str
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)


class Directory:
    """Looks settings up; a change of any setting empties it within a second.

    What does not exist is remembered too, and the oldest entries go when there are too many, so
    that made-up ids cost an attacker more than us.

    Args:
        is_away: whether the database is known to take nothing, though it may answer.
        may_be_old: whether the last known settings may serve meanwhile, for there is a spool.
    """

    def __init__(
        self,
        is_away: Callable[[], bool] = lambda: False,
        may_be_old: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_away, self._may_be_old = is_away, may_be_old
        self._lock = threading.Lock()
        self._checking = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._forgotten: list[tuple[str, str]] = []
        self._revision = -1
        self._checked_at = self._fresh_at = float("-inf")
        self._away: str | None = None

    def integration(self, integration_id: str) -> KnownIntegration | None:
        """The integration with this id, if there is one.

        Raises:
            DatabaseUnavailable: nobody can tell, or there would be nowhere to keep its webhooks.
        """
        found: KnownIntegration | None = self._look_up("integration", integration_id)
        return found

    def instance(self, instance_id: str) -> KnownInstance | None:
        """The instance with this id, if there is one.

        Raises:
            DatabaseUnavailable: nobody can tell.
        """
        found: KnownInstance | None = self._look_up("instance", instance_id)
        return found

    def instances_of_number(self, phone_number_id: str, app_secret: str) -> list[KnownInstance]:
        """The instances that are this number of Meta's and share the app secret."""
        known: list[KnownInstance] = self._look_up("number", phone_number_id)
        return [each for each in known if hmac.compare_digest(each.app_secret, app_secret)]

    def warm(self) -> None:
        """Stay ready for a time without the database: look for changes, load what they emptied.

        Raises:
            DatabaseUnavailable: that time has come.
        """
        self._refresh()
        with self._lock:
            names, self._forgotten = self._forgotten[-_WARMED_AT_MOST:], []  # the last used
        for kind, name in names:
            self._look_up(kind, name)

    def _look_up(self, kind: str, name: str) -> Any:
        self._refresh()
        if kind != "number" and not _ID.fullmatch(name):
            return None
        key = (kind, name)
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
            if self._away is not None:
                raise DatabaseUnavailable(self._away)
            revision = self._revision
        found = _LOADERS[kind](name)
        with self._lock:
            if revision != self._revision:
                return found  # it may have been read before the change that emptied the rest
            self._entries[key] = found
            while len(self._entries) > _KEPT_AT_MOST:
                self._entries.popitem(last=False)
        return found

    def _refresh(self) -> None:
        every_s = _FRESH_S if self._away is None else _AWAY_LOOK_S
        is_due = clock.monotonic() - self._checked_at >= every_s
        # Only the first check of all is waited for: a hanging database must not hold everybody.
        if is_due and self._checking.acquire(blocking=self._checked_at < 0):
            try:
                if clock.monotonic() - self._checked_at >= every_s:
                    self._check()
            finally:
                self._checking.release()
        if (self._away or self._is_away()) and not (self._may_be_old() and self._is_known()):
            raise DatabaseUnavailable(self._away or "the database takes nothing")

    def _check(self) -> None:
        try:
            revision = Revision.current()
        except DatabaseUnavailable as failure:
            self._away, self._checked_at = str(failure), clock.monotonic()
            return
        with self._lock:
            if revision != self._revision:
                self._forgotten = list(self._entries)
                self._entries.clear()
                self._revision = revision
        self._away = None
        self._checked_at = self._fresh_at = clock.monotonic()

    def _is_known(self) -> bool:
        return clock.monotonic() - self._fresh_at <= _LAST_KNOWN_S


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
        routes=_routes(integration_id),
        language=row.language,
    )


def _routes(integration_id: str) -> tuple[Route, ...]:
    found = Destination.get_or_none(
        Destination.integration == integration_id, Destination.kind == Kind.THREECX_SMS.value
    )
    return found.ways if found else ()


def _own_numbers(account_id: str) -> frozenset[str]:
    rows = Instance.select(Instance.display_phone_number).where(Instance.account == account_id)
    trunks = Destination.select().where(Destination.account == account_id)
    displayed = [row.display_phone_number for row in rows]
    displayed += [route.did for trunk in trunks for route in trunk.ways]
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
    return KnownInstance(
        row.id, row.account_id, row.phone_number_id, row.app_secret, row.verify_token
    )


_LOADERS: dict[str, Callable[[str], Any]] = {
    "integration": _load_integration,
    "instance": _load_instance,
    "number": _load_number,
}
