"""Which tables the open database has. Nobody keeps a list of them: the database is asked."""

from graphlib import TopologicalSorter
from typing import Any

from models.database import database, is_postgres

HISTORY = "schema_migration"
BLOB, BOOLEAN, PLAIN = "blob", "boolean", "plain"
# A slow disk must not end a transaction that has been at it for an hour (models/postgres.py).
AT_LEISURE = "SET LOCAL idle_in_transaction_session_timeout = 0"

_SQLITES_OWN = "sqlite_"
_KINDS = {"blob": BLOB, "bytea": BLOB, "boolean": BOOLEAN}


def tables() -> dict[str, dict[str, str]]:
    """Every table but the migrations' own, those that others refer to before those others.

    Returns:
        By table its columns in their order, each with its kind: `blob`, `boolean`, or `plain` for
        whatever both databases and JSON write alike.
    """
    names = [
        name
        for name in database.get_tables()
        if name != HISTORY and not name.startswith(_SQLITES_OWN)
    ]
    refers_to = {
        name: {key.dest_table for key in database.get_foreign_keys(name)} - {name} for name in names
    }
    return {name: _columns(name) for name in TopologicalSorter(refers_to).static_order()}


def _columns(table: str) -> dict[str, str]:
    return {
        column.name: _KINDS.get(column.data_type.lower(), PLAIN)
        for column in database.get_columns(table)
    }


def counters(table: str) -> list[str]:
    """The columns that Postgres numbers by a sequence of its own; SQLite keeps no such thing."""
    if not is_postgres():
        return []
    found: list[Any] = database.get_columns(table)
    return [column.name for column in found if column.identity]


def quoted(*names: str) -> str:
    """Names of tables or columns for a statement, with commas between."""
    return ", ".join(f'"{name}"' for name in names)
