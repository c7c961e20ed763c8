"""Rows in every table and column that a database has, whichever those are, and reading them all."""

from __future__ import annotations

from typing import Any

from models.database import database, is_postgres, transaction

Row = dict[str, Any]
Columns = dict[str, dict[str, Any]]

FIRST = 11  # below it are the rows that a migration or a start makes
_BEYOND_FLOATS = 2**53 + 1
_TABLES = {
    False: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    True: "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') "
    "AND relnamespace = current_schema()::regnamespace",
}


def tables() -> list[str]:
    """All tables but the migrations' own, as the database's catalogue has them."""
    listed = database.execute_sql(_TABLES[is_postgres()]).fetchall()
    return sorted(name for (name,) in listed if name != "schema_migration")


def everything() -> dict[str, list[Row]]:
    """Every row of every table, in one order and alike on both databases."""
    return {table: sorted(_rows(table), key=repr) for table in tables()}


def _rows(table: str) -> list[Row]:
    flags = {
        each.name for each in database.get_columns(table) if each.data_type.lower() == "boolean"
    }
    cursor = database.execute_sql(f'SELECT * FROM "{table}"')  # noqa: S608 - the database's names
    names = [column[0] for column in cursor.description]
    return [
        {
            name: bool(value) if name in flags and value is not None else value
            for name, value in sorted(zip(names, row, strict=True))
        }
        for row in cursor.fetchall()
    ]


@transaction
def fill(count: int = 4) -> None:
    """Put rows into every table: each column has a value of its type, and nothing where it may."""
    columns = {table: {it.name: it for it in database.get_columns(table)} for table in tables()}
    parents = {
        table: {key.column: key for key in database.get_foreign_keys(table)} for table in columns
    }
    filled: set[str] = set()
    while len(filled) < len(parents):
        for table, keys in parents.items():
            if table not in filled and {key.dest_table for key in keys.values()} <= filled:
                for number in range(FIRST, FIRST + count):
                    _insert(table, _values(columns, table, keys, number))
                filled.add(table)


def _values(columns: Columns, table: str, keys: Row, number: int) -> Row:
    values: Row = {}
    for name, column in columns[table].items():
        may_be_empty = column.null and not column.primary_key and not column.identity
        if may_be_empty and number % 2:
            values[name] = None
        elif name in keys:
            values[name] = _value(columns[keys[name].dest_table][keys[name].dest_column], number)
        else:
            values[name] = _value(column, number)
    return values


def _insert(table: str, values: Row) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join([database.param] * len(values))
    insert = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'  # noqa: S608 - as above
    database.execute_sql(insert, list(values.values()))


def _value(column: Any, number: int) -> Any:
    kind = column.data_type.lower()
    if column.identity or kind == "integer":
        return number
    return {
        "bigint": _BEYOND_FLOATS + number,
        "boolean": number % 4 < 2,
        "blob": b"\x00\xff" + bytes([number]),
        "bytea": b"\x00\xff" + bytes([number]),
        "text": f"{column.table}.{column.name} {number} \u00e9\u0623\u2028\"\\'",
    }[kind]
