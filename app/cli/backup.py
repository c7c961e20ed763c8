"""`gateway backup` and `gateway restore`: everything in one file, from and to either database."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.output import Answer, iso, record
from app.cli.parser import Commands
from app.cli.session import saying_which, settings_of
from core.errors import UsageError

if TYPE_CHECKING:
    from core.config import Settings
    from models.archive import Manifest
    from models.restore import Restored

_KEEP_KEYS = """\
What is sealed stays sealed in it. It opens with ENCRYPTION_KEYS and HASH_KEY alone: keep those
elsewhere."""
_KEYS_INSIDE = """\
This database has keys of its own, and they are in the backup: whoever has the file can read it."""
_LOST = """\
Nothing that came after {made_at} is here: no event, no counted message and no
opt-out. All accounts are paused, so that nobody is written to who has opted out since. Look for the
opt-outs since, add them (gateway suppression add), and then, for each account:
gateway resume account ACCOUNT"""
_UNCERTAIN = """\
{count} events were unfinished and may have gone out since. They rest uncertain, and none of them
goes out by itself: gateway event list --state uncertain"""
_LEFT_OUT = "Left out, for no migration of the gateway made them: {tables}"


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    backup = commands.single("backup", _back_up, "write everything to a file, while all goes on")
    backup.add_argument("file", metavar="FILE", type=Path)
    backup.add_argument("--force", action="store_true", help="replace a file that is there")
    restore = commands.single("restore", _restore, "fill a new database from a backup")
    restore.add_argument("file", metavar="FILE", type=Path)


def _back_up(options: Namespace) -> Answer:
    from models.backup import back_up

    settings = settings_of(options)
    if options.file.exists() and not options.force:
        raise UsageError(f"'{options.file}' exists. To replace it: --force")
    database = settings.data_dir / "gateway.sqlite3"
    if not settings.database_url and not database.exists():
        raise UsageError(f"There is no database at '{database}': nothing to back up.")
    with _database(settings):
        manifest = back_up(options.file)
    has_own_keys = manifest.rows.get("development_key", 0) > 0
    document = {"file": str(options.file), "bytes": options.file.stat().st_size}
    return record(document | _document(manifest), _KEYS_INSIDE if has_own_keys else _KEEP_KEYS)


def _restore(options: Namespace) -> Answer:
    from app.cli.serve import alone
    from models.restore import restore

    settings = settings_of(options)
    with alone(settings), _database(settings):
        restored = restore(options.file, settings)
    document = {
        "file": str(options.file),
        **_document(restored.manifest),
        "accounts_paused": restored.paused,
        "events_uncertain": restored.uncertain,
        "tables_left_out": restored.left_out,
    }
    return record(document, *_remarks(restored))


@contextmanager
def _database(settings: "Settings") -> Iterator[None]:
    import models
    from models.database import open_database

    try:
        with saying_which(settings):
            open_database(settings)
            yield
    finally:
        models.stop()


def _document(manifest: "Manifest") -> dict[str, Any]:
    return {
        "made_at": iso(manifest.made_at_ms),
        "database": manifest.database,
        "migration": manifest.migrations[-1],
        "tables": len(manifest.rows),
        "rows": sum(manifest.rows.values()),
    }


def _remarks(restored: "Restored") -> list[str]:
    remarks = [_LOST.format(made_at=iso(restored.manifest.made_at_ms))]
    if restored.uncertain:
        remarks.append(_UNCERTAIN.format(count=restored.uncertain))
    if restored.left_out:
        remarks.append(_LEFT_OUT.format(tables=", ".join(restored.left_out)))
    return remarks
