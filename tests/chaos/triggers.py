"""The triggers behind a history: which change of which table is which line, on each database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_TABLE = {
    "postgres": """CREATE TABLE history (
        n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at_ms BIGINT NOT NULL, tx BIGINT,
        kind TEXT NOT NULL, fields TEXT NOT NULL)""",
    "sqlite": """CREATE TABLE history (
        n INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, tx INTEGER,
        kind TEXT NOT NULL, fields TEXT NOT NULL)""",
}
# The clock and the transaction's number; SQLite's transactions come one after the other.
_STAMP = {
    "postgres": "(extract(epoch FROM clock_timestamp()) * 1000)::bigint, "
    "pg_current_xact_id()::text::bigint",
    "sqlite": "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), NULL",
}
_JSON = {"postgres": "json_build_object({})::text", "sqlite": "json_object({})"}
_DIFFERS = {"postgres": "OLD.{0} IS DISTINCT FROM NEW.{0}", "sqlite": "OLD.{0} IS NOT NEW.{0}"}


@dataclass(frozen=True)
class Watched:
    """One kind of change that becomes a line.

    Args:
        table: where it happens.
        does: INSERT, UPDATE or DELETE.
        kind: of the line.
        says: the line's fields; columns of the new row, or expressions over OLD and NEW.
        when: of an UPDATE, the columns of which one must have changed.
    """

    table: str
    does: str
    kind: str
    says: tuple[str, ...]
    when: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What its trigger is called."""
        return f"history_{self.table}_{self.does.lower()}"

    def fields(self, dialect: str, row: str = "NEW") -> str:
        """The expression that makes the line's fields as JSON."""
        pairs = []
        for said in self.says:
            name, _, expression = said.partition("=")
            pairs.append(f"'{name}', {expression.replace('NEW.', f'{row}.') or f'{row}.{name}'}")
        return _JSON[dialect].format(", ".join(pairs))

    def condition(self, dialect: str) -> str:
        """The trigger's WHEN clause."""
        changed = " OR ".join(_DIFFERS[dialect].format(column) for column in self.when)
        return f"WHEN ({changed})" if changed else ""


_PAUSES = tuple(
    Watched(
        noun,
        does,
        "pause",
        (f"noun='{noun}'", "id", "paused=NEW.pause_reason IS NOT NULL"),
        ("pause_reason",) if does == "UPDATE" else (),
    )
    for noun in ("instance", "integration")
    for does in ("INSERT", "UPDATE")
)
_ACCOUNT = ("account_id=NEW.id", "plan", "daily_limit", "monthly_limit")
_ACCOUNT += ("paused=NEW.pause_reason IS NOT NULL",)
_ATTEMPT = ("attempt_id=NEW.id", "event_id", "part")
_DELIVERY = ("event_id", "part", "status", "message_hash")
_PERSON = ("account_id", "address_hash")
_NEWS = ("forward_id=NEW.id", "destination_id", "instance_id", "news=NEW.kind", "source_id")
_NEWS += ("conversation_key", "turn", "state")
_TOLD = ("forward_id=NEW.id", "old=OLD.state", "new=NEW.state", "status", "tries")
_WINDOW = ("conversation=NEW.id", "instance_id", "customer_id", "last_inbound_at_ms")

WATCHED = (
    Watched("account", "INSERT", "account", _ACCOUNT),
    Watched(
        "account",
        "UPDATE",
        "account",
        _ACCOUNT,
        ("plan", "daily_limit", "monthly_limit", "pause_reason"),
    ),
    *_PAUSES,
    Watched("customer_alias", "INSERT", "alias", (*_PERSON, "customer_id")),
    Watched("suppression", "INSERT", "suppressed", (*_PERSON, "suppression=NEW.kind", "source")),
    Watched(
        "suppression",
        "DELETE",
        "lifted",
        ("account_id=OLD.account_id", "address_hash=OLD.address_hash", "suppression=OLD.kind"),
    ),
    Watched("conversation", "INSERT", "window", _WINDOW),
    Watched("conversation", "UPDATE", "window", _WINDOW, ("last_inbound_at_ms", "customer_id")),
    Watched("usage", "INSERT", "usage", ("account_id", "period", "old=0", "used")),
    Watched(
        "usage", "UPDATE", "usage", ("account_id", "period", "old=OLD.used", "used"), ("used",)
    ),
    Watched(
        "event",
        "INSERT",
        "accepted",
        (
            *("event_id=NEW.id", "seq", "account_id", "instance_id", "integration_id"),
            *("event_type", "state", "error", "reason", "conversation_key", "address_hash"),
            *("received_at_ms", "expires_at_ms", "part"),
        ),
    ),
    Watched(
        "event",
        "UPDATE",
        "state",
        (
            *("event_id=NEW.id", "old=OLD.state", "new=NEW.state", "error", "reason"),
            *("dead", "part", "expires_at_ms"),
        ),
        ("state",),
    ),
    Watched(
        "decision",
        "INSERT",
        "decision",
        ("event_id", "stage", "check=NEW.check_name", "outcome", "code", "decided_at_ms"),
    ),
    Watched("attempt", "INSERT", "attempt", (*_ATTEMPT, "number", "started_at_ms", "outcome")),
    Watched(
        "attempt",
        "UPDATE",
        "attempt_ended",
        (*_ATTEMPT, "outcome", "provider_code", "finished_at_ms"),
        ("outcome",),
    ),
    Watched("delivery", "INSERT", "delivery", (*_DELIVERY, "old=NULL")),
    Watched(
        "delivery", "UPDATE", "delivery", (*_DELIVERY, "old=OLD.status"), ("status", "message_hash")
    ),
    Watched("forward", "INSERT", "news", _NEWS),
    Watched("forward", "UPDATE", "news_state", _TOLD, ("state",)),
)


def statements(dialect: str, there: Collection[str]) -> Iterator[str]:
    """The SQL that makes the table, tells what is there already, and watches from then on.

    Args:
        dialect: postgres or sqlite.
        there: the tables that the database has.
    """
    yield _TABLE[dialect]
    into = "INSERT INTO history (at_ms, tx, kind, fields)"
    watched = [each for each in WATCHED if each.table in there]
    for each in watched:
        if each.does == "INSERT":
            values = f"{_STAMP[dialect]}, '{each.kind}', {each.fields(dialect, each.table)}"
            yield f"{into} SELECT {values} FROM {each.table}"  # noqa: S608 - our own words
    yield f"{into} SELECT {_STAMP[dialect]}, 'begins', '{{}}'"
    for each in watched:
        note = f"{into} VALUES ({_STAMP[dialect]}, '{each.kind}', {each.fields(dialect)});"
        event = f"AFTER {each.does} ON {each.table} FOR EACH ROW {each.condition(dialect)}"
        if dialect == "sqlite":
            yield f"CREATE TRIGGER {each.name} {event} BEGIN {note} END"
        else:
            yield (
                f"CREATE FUNCTION {each.name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {note} RETURN NULL; END $$"
            )
            yield f"CREATE TRIGGER {each.name} {event} EXECUTE FUNCTION {each.name}()"
