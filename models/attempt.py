"""One call to a provider."""

import peewee

from models.base import Model


class Attempt(Model):
    """When a call began and ended, and what came of it; without an outcome it is under way."""

    id = peewee.BigAutoField()
    event_id = peewee.TextField()
    part = peewee.IntegerField()
    number = peewee.IntegerField()
    outcome = peewee.TextField(null=True)
    provider_code = peewee.IntegerField(null=True)
    words = peewee.TextField(null=True)
    started_at_ms = peewee.BigIntegerField()
    finished_at_ms = peewee.BigIntegerField(null=True)
