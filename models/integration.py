"""One 3CX connection."""

from enum import StrEnum
from typing import Any

import peewee

from models.account import Account
from models.base import JSONField, Model
from models.instance import Instance

DEFAULT_VALIDITY_S = 900


class AuthMode(StrEnum):
    """How a webhook of the integration proves itself."""

    SECRET = "secret"  # noqa: S105 (a mode's name)
    SECRET_AND_SIGNATURE = "secret_and_signature"  # noqa: S105 (a mode's name)


class Integration(Model):
    """Switches, defaults and protection of one 3CX connection."""

    id = peewee.TextField(primary_key=True)
    account = peewee.ForeignKeyField(Account, column_name="account_id")
    account_id: str
    instance = peewee.ForeignKeyField(Instance, column_name="instance_id")
    instance_id: str
    name = peewee.TextField(default="")
    enabled = peewee.BooleanField(default=True)
    inbound = peewee.BooleanField(default=True)
    outbound = peewee.BooleanField(default=True)
    call_events = peewee.BooleanField(default=False)
    auth_mode = peewee.TextField(default=AuthMode.SECRET.value)
    allowed_ips: Any = JSONField(default=list)
    default_region = peewee.TextField(null=True)
    default_purpose = peewee.TextField(default="support")
    validity_s = peewee.IntegerField(default=DEFAULT_VALIDITY_S)
    language = peewee.TextField(default="en")  # of the lines that agents read, ISO 639
    call_templates: Any = JSONField(default=dict)  # by event type: {"enabled": …, "text": …}
    business_hours: Any = JSONField(null=True)  # by weekday, "mon" to "sun"; null is always open
    holidays: Any = JSONField(default=list)  # local dates, 2026-12-25
    mark_read = peewee.BooleanField(default=False)  # an agent's reply marks the customer's as read
    pause_reason = peewee.TextField(null=True)
    paused_at_ms = peewee.BigIntegerField(null=True)
    created_at_ms = peewee.BigIntegerField()
