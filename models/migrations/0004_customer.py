"""A customer's last STOP or START, so that an older one that is taken in late changes nothing."""

from typing import Any

COLUMNS = ("keyword_at_ms", "keyword_seq")


def up(_migrator: object, db: Any) -> None:
    """Add the columns, which the version before leaves at their default."""
    for name in COLUMNS:
        db.execute_sql(f"ALTER TABLE customer ADD COLUMN {name} BIGINT NOT NULL DEFAULT 0")
