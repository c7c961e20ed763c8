"""Where an integration's news go: into agents' chat, or to a webhook of the customer's."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import peewee

from models.account import Account
from models.base import JSONField, Model, SealedField
from models.integration import Integration


class Kind(StrEnum):
    """The kinds of destination; each has its file in workers/destinations."""

    THREECX_SMS = "threecx_sms"
    WEBHOOK = "webhook"


class News(StrEnum):
    """What a destination can be told."""

    MESSAGE_RECEIVED = "message.received"
    REPLY_NOT_SENT = "reply.not_sent"
    AUTOMATIC_MESSAGE_SENT = "message.automatic_sent"
    RECIPIENT_OPTED_OUT = "recipient.opted_out"
    MESSAGE_STATUS_UPDATED = "message.status_updated"


# What each kind is told; a webhook chooses among them.
TOLD = {
    Kind.THREECX_SMS: (News.MESSAGE_RECEIVED, News.REPLY_NOT_SENT, News.AUTOMATIC_MESSAGE_SENT),
    Kind.WEBHOOK: tuple(News),
}


@dataclass(frozen=True, slots=True)
class Route:
    """A number of the 3CX trunk (DID, E.164), the WhatsApp number it stands for, and its queue."""

    did: str
    instance_id: str
    queue: str | None = None


class Destination(Model):
    """One of an integration's destinations; the address of agents' chat is a secret by itself."""

    id = peewee.TextField(primary_key=True)
    account = peewee.ForeignKeyField(Account, column_name="account_id")
    account_id: str
    integration = peewee.ForeignKeyField(Integration, column_name="integration_id")
    integration_id: str
    kind = peewee.TextField()
    url = SealedField()
    secret = SealedField(null=True)  # signs what a webhook gets
    routes: Any = JSONField(default=list)  # of Route, as objects
    events: Any = JSONField(default=list)  # of News
    enabled = peewee.BooleanField(default=True)
    created_at_ms = peewee.BigIntegerField()

    @property
    def ways(self) -> tuple[Route, ...]:
        """Its routes, in the order given."""
        return tuple(Route(**each) for each in self.routes)

    def did_for(self, instance_id: str, known: str | None = None) -> str | None:
        """The DID under which a customer of this instance appears.

        Args:
            instance_id: the number that the customer writes to.
            known: the DID by which the conversation last went, if any; it stays if it still can.
        """
        dids = [each for each in self.ways if each.instance_id == instance_id]
        if known is not None and any(each.did == known for each in dids):
            return known
        dids.sort(key=lambda route: route.queue is not None)
        return dids[0].did if dids else None
