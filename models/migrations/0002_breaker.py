"""An instance's breaker, and what a failed attempt was about."""

from typing import Any

STATEMENTS = (
    """CREATE TABLE breaker (
        instance_id TEXT PRIMARY KEY, failures INTEGER NOT NULL, openings INTEGER NOT NULL,
        open_until_ms BIGINT, probe_until_ms BIGINT)""",
    "ALTER TABLE attempt ADD COLUMN kind TEXT",
)


def up(_migrator: object, db: Any) -> None:
    """Make the table, and a column that the version before leaves empty."""
    for statement in STATEMENTS:
        db.execute_sql(statement)
