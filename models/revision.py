"""A number that grows with every change of a setting, so that caches know when they are stale."""

import peewee

from models.base import Model
from models.database import transaction


class Revision(Model):
    """One row; triggers of the database count it up, whatever wrote the change."""

    id = peewee.AutoField()
    number = peewee.BigIntegerField()

    @classmethod
    def current(cls) -> int:
        """The number as it stands."""
        return int(cls.select(cls.number).where(cls.id == 1).scalar())

    @classmethod
    @transaction
    def prove_writable(cls) -> None:
        """Commit something that changes nothing.

        Raises:
            DatabaseUnavailable: the database does not take it.
        """
        cls.update(number=cls.number).where(cls.id == 1).execute()
