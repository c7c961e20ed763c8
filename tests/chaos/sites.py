"""The accounts, numbers, connections and customers of a fault run."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import models
from core import clock
from models import provisioning
from models.conversation import Conversation
from models.customer import Customer
from models.database import transaction
from models.destination import Kind, Route

if TYPE_CHECKING:
    from random import Random

    from core.config import Settings
    from tests.chaos.trunks import Trunks

KEY = "chaos-key"  # every access token, app secret and verify token: the emulator plays Meta
DAY_MS = 24 * 60 * 60 * 1000
_PLENTY = 10_000_000
_ACCOUNTS, _INSTANCES, _INTEGRATIONS, _CUSTOMERS = 4, 3, 4, 14
_CLOSED = 2  # customers of each instance whose window is closed at first
_SMALL_LIMIT = 25


@dataclass(frozen=True)
class Integration:
    """A 3CX connection; with a DID, its trunk is told what customers write."""

    id: str
    secret: str = field(repr=False)
    did: str | None = None


@dataclass
class Site:
    """A WhatsApp number with its connections and its customers (E.164)."""

    account_id: str
    instance_id: str
    phone_number_id: str
    integrations: list[Integration]
    customers: list[str]
    closed: frozenset[str] = frozenset()


@dataclass
class Sites:
    """All there is in a run: those under load, and those that the probes use."""

    loaded: list[Site]
    probes: list[Site]


class Builder:
    """Makes sites through the gateway's own models, before its processes start."""

    def __init__(self, base_url: str, trunks: Trunks, dice: Random) -> None:
        self._base_url = base_url
        self._trunks = trunks
        self._dice = dice
        self._numbers = itertools.count(106_540_352_242_922)
        self._phones = itertools.count(500_000_001)
        self._dids = itertools.count()

    def build(self, settings: Settings) -> Sites:
        """Make everything; takes the settings of a database that is migrated."""
        models.start(settings)
        try:
            loaded = [site for _ in range(_ACCOUNTS) for site in self._account(_INSTANCES)]
            loaded += self._account(1, daily_limit=_SMALL_LIMIT)
            probes = [site for _ in range(4) for site in self._account(1)]
        finally:
            models.stop()
        return Sites(loaded, probes)

    @transaction
    def _account(self, instances: int, daily_limit: int = _PLENTY) -> list[Site]:
        account = provisioning.add_account("A", daily_limit=daily_limit, monthly_limit=_PLENTY)
        return [self._instance(account.id) for _ in range(instances)]

    def _instance(self, account_id: str) -> Site:
        number = str(next(self._numbers))
        keys = dict.fromkeys(("access_token", "app_secret", "verify_token"), KEY)
        instance = provisioning.add_instance(
            account_id, phone_number_id=number, base_url=self._base_url, **keys
        )
        integrations = [self._integration(account_id, instance.id) for _ in range(_INTEGRATIONS)]
        integrations[0] = self._connected(integrations[0], instance.id)
        customers = [f"+966{next(self._phones)}" for _ in range(_CUSTOMERS)]
        closed = frozenset(self._dice.sample(customers, _CLOSED))
        for each in customers:
            wrote_at_ms = clock.now_ms() - (2 * DAY_MS if each in closed else 0)
            customer = Customer.at(account_id, each, None, None)
            Conversation.customer_wrote(instance.id, customer, wrote_at_ms)
        return Site(account_id, instance.id, number, integrations, customers, closed)

    def _integration(self, account_id: str, instance_id: str) -> Integration:
        made, secret = provisioning.add_integration(
            account_id,
            instance_id,
            default_region="SA",
            validity_s=self._dice.choice((60, 75, 90, 120)),
        )
        return Integration(made.id, secret)

    def _connected(self, integration: Integration, instance_id: str) -> Integration:
        """One whose agents see what customers write, and whose missed calls are answered."""
        did = f"+966112{next(self._dids):06}"
        provisioning.set_destination(
            integration.id,
            Kind.THREECX_SMS,
            self._trunks.url(instance_id),
            routes=[Route(did, instance_id)],
        )
        calls = {"call_events": True, "call_templates": {"missed_call": {"enabled": True}}}
        provisioning.change_integration(integration.id, calls)
        return replace(integration, did=did)
