"""When a slot was last written, so that a clock that is turned back does not close it."""

from typing import Any


def up(_migrator: object, db: Any) -> None:
    """Add the column, which the version before leaves at its default."""
    db.execute_sql("ALTER TABLE slot ADD COLUMN written_at_ms BIGINT NOT NULL DEFAULT 0")
