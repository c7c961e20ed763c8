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
    kind = peewee.TextField(null=True)  # of a failure that is known not to have gone
    started_at_ms = peewee.BigIntegerField()
    finished_at_ms = peewee.BigIntegerField(null=True)

    def failures_like(self, kind: str) -> int:
        """How many earlier calls for the same part failed in the same way."""
        earlier = Attempt.select().where(
            Attempt.event_id == self.event_id,
            Attempt.part == self.part,
            Attempt.number < self.number,
            Attempt.kind == kind,
        )
        count: int = earlier.count()
        return count

    @classmethod
    def any_in_doubt(cls, event_id: str) -> bool:
        """Whether of any call of an event nobody could tell what became of it."""
        in_doubt = cls.select().where(cls.event_id == event_id, cls.outcome == "uncertain")
        return bool(in_doubt.limit(1).count())

    @classmethod
    def forget_kinds(cls, event_id: str) -> None:
        """Let the failures of an event no longer count: a person has begun it anew."""
        cls.update(kind=None).where(cls.event_id == event_id).execute()
