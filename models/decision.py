"""The policy log: which check decided on an event, what it saw, when."""

from typing import Any

import peewee

from models.base import JSONField, Model


class Decision(Model):
    """One decision; `saw` holds no number and no text."""

    id = peewee.BigAutoField()
    event_id = peewee.TextField()
    stage = peewee.TextField()
    check_name = peewee.TextField()
    outcome = peewee.TextField()
    code = peewee.TextField(null=True)
    saw: Any = JSONField()
    decided_at_ms = peewee.BigIntegerField()
