"""A backup's rows in a database that has no account yet: all of them, or none.

A restored past must not act. What was unfinished when the backup was made may have gone out since,
and who opted out since is not in it: so nothing is begun again, and nothing is sent until a person
has resumed the accounts (docs/operations.md).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import peewee

from core import clock
from core.config import Settings
from core.errors import UsageError
from core.words import RECORDED_ONLY, EventType, State
from models import archive
from models.account import Account
from models.archive import Archive, Manifest
from models.database import database, is_postgres, transaction
from models.delivery import Delivery
from models.event import Event
from models.keys import unlock
from models.migrate import applied, apply_up_to, known
from models.tables import AT_LEISURE, counters, quoted, tables

RESTORED = "restored"  # the reason of an event that may have gone out since the backup
_AT_ONCE = 200  # rows; more would be too many parameters for one statement of SQLite


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of a restore.

    Args:
        manifest: of the backup.
        left_out: tables of the backup that no migration made: they are not the gateway's.
        paused: accounts that are paused now and were not.
        uncertain: events that were unfinished and rest uncertain now.
    """

    manifest: Manifest
    left_out: list[str]
    paused: int
    uncertain: int


def restore(path: Path, settings: Settings) -> Restored:
    """Put a backup into the open database, and unlock that.

    Raises:
        UsageError: the file is damaged or from a newer gateway, the database holds accounts or is
            ahead of the backup, or the keys are not the backup's. Nothing was written.
        DatabaseUnavailable: the database failed; nothing was kept.
    """
    with archive.reading(path) as backup:
        return _restored(backup, settings)


@transaction
def _restored(backup: Archive, settings: Settings) -> Restored:
    manifest = backup.manifest
    ours = _make_tables(manifest)
    for table in reversed(ours):
        database.execute_sql(f"DELETE FROM {quoted(table)}")  # noqa: S608 (a table of ours)
    for table in ours:
        _fill(backup, table)
    apply_up_to(None)
    _unlock(settings)
    uncertain = _end_what_was_unfinished(clock.now_ms())
    paused = _pause_accounts(manifest.made_at_ms)
    left_out = sorted(set(manifest.columns) - set(ours))
    return Restored(manifest, left_out, paused, uncertain)


def _make_tables(manifest: Manifest) -> list[str]:
    # Where the backup stood, and no further: later migrations shall see its rows.
    newer = sorted(set(manifest.migrations) - known())
    if newer:
        raise UsageError(
            f"The backup was made by a newer gateway (it has migration {newer[0]}). "
            "Restore it with that version."
        )
    apply_up_to(manifest.migrations[-1])
    present = tables()
    ours = [table for table in present if table in manifest.columns]
    if is_postgres():
        database.execute_sql(AT_LEISURE)
        database.execute_sql(f"LOCK TABLE {quoted(*ours)} IN EXCLUSIVE MODE")
    if database.execute_sql("SELECT 1 FROM account LIMIT 1").fetchone():
        raise UsageError(
            "The database holds accounts already. A backup is restored only into a database "
            "without: name a new one in DATABASE_URL, or a new folder with --data-dir."
        )
    differs = any(present[table] != manifest.columns[table] for table in ours)
    if differs or applied() != set(manifest.migrations):
        raise UsageError(
            f"The database is not as it was at migration {manifest.migrations[-1]}, when the "
            "backup was made. Restore into a database in which nothing is yet, not even tables: "
            "they are made, filled, and then migrated."
        )
    return ours


def _fill(backup: Archive, table: str) -> None:
    columns = list(backup.manifest.columns[table])
    row = f"({', '.join([database.param] * len(columns))})"
    insert = f"INSERT INTO {quoted(table)} ({quoted(*columns)}) VALUES "  # noqa: S608 (see above)
    for rows in backup.batches(table, _AT_ONCE):
        values = [value for each in rows for value in each]
        database.execute_sql(insert + ", ".join([row] * len(rows)), values)
    for column in counters(table):
        last = f"SELECT setval(pg_get_serial_sequence(%s, %s), max({quoted(column)}))"
        database.execute_sql(f"{last} FROM {quoted(table)}", (table, column))


def _unlock(settings: Settings) -> None:
    try:
        unlock(settings)
    except UsageError:
        raise UsageError(
            "The backup does not open with these keys, and nothing was restored. Set "
            "ENCRYPTION_KEYS and HASH_KEY to those of the gateway that it was made of; "
            "leave both unset if that had none."
        ) from None


def _end_what_was_unfinished(now_ms: int) -> int:
    unfinished = Event.finished_at_ms.is_null()
    sends_nothing = Event.event_type.in_(sorted(RECORDED_ONLY | {EventType.TEST}))
    end = {
        "reason": RESTORED,
        "finished_at_ms": now_ms,
        "seated": False,
        "waiting_for": None,
        "lease_until_ms": None,
    }
    Event.update(state=State.RECORDED.value, **end).where(unfinished, sends_nothing).execute()
    ended: int = Event.update(state=State.UNCERTAIN.value, **end).where(unfinished).execute()
    _let_statuses_settle(now_ms)
    return ended


def _let_statuses_settle(now_ms: int) -> None:
    uncertain = Event.state == State.UNCERTAIN.value
    # A status that one part went lets the next go out, and that may have gone since: it is too late
    # for it. Who requeues the event gives it a new time.
    Event.update(expires_at_ms=now_ms).where(uncertain, Event.expires_at_ms > now_ms).execute()
    # Meta's statuses find an event by the delivery of its part.
    columns = [Event.id, Event.part, Event.instance_id]
    unknown = [peewee.Value("unknown"), peewee.Value(now_ms)]
    of_the_part = (Delivery.event_id == Event.id) & (Delivery.part == Event.part)
    untold = (
        Event.select(*columns, *unknown)
        .join(Delivery, peewee.JOIN.LEFT_OUTER, on=of_the_part)
        .where(uncertain, Delivery.event_id.is_null())
    )
    Delivery.insert_from(
        untold,
        [
            Delivery.event_id,
            Delivery.part,
            Delivery.instance_id,
            Delivery.status,
            Delivery.status_at_ms,
        ],
    ).execute()


def _pause_accounts(made_at_ms: int) -> int:
    made_at = datetime.fromtimestamp(made_at_ms / 1000, UTC).isoformat(timespec="seconds")
    reason = f"restored from a backup of {made_at}; check the opt-outs since, then: gateway resume"
    paused: int = (
        Account.update(pause_reason=reason, paused_at_ms=clock.now_ms())
        .where(Account.pause_reason.is_null())
        .execute()
    )
    return paused
