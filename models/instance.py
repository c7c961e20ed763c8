"""One WhatsApp number and the provider behind it."""

import peewee

from models.account import Account
from models.base import Model, SealedField

DEFAULT_BASE_URL = "https://graph.facebook.com"
DEFAULT_GRAPH_VERSION = "v26.0"
DEFAULT_MESSAGES_PER_SECOND = 80


class Instance(Model):
    """A WhatsApp number: how it is reached, and what holds it back."""

    id = peewee.TextField(primary_key=True)
    account = peewee.ForeignKeyField(Account, column_name="account_id")
    account_id: str
    provider = peewee.TextField(default="cloud")
    phone_number_id = peewee.TextField()
    display_phone_number = peewee.TextField(null=True)
    access_token = SealedField()
    app_secret = SealedField()
    verify_token = SealedField()
    base_url = peewee.TextField(default=DEFAULT_BASE_URL)
    graph_version = peewee.TextField(default=DEFAULT_GRAPH_VERSION)
    messages_per_second = peewee.IntegerField(default=DEFAULT_MESSAGES_PER_SECOND)
    pause_reason = peewee.TextField(null=True)
    paused_at_ms = peewee.BigIntegerField(null=True)
    created_at_ms = peewee.BigIntegerField()
