"""`gateway security log`: why authentication failed, by address."""

from argparse import Namespace
from typing import Any

from app.cli import values
from app.cli.output import Answer, iso, listing, short_time
from app.cli.parser import Commands, typed
from app.cli.session import opened


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    security = commands.noun("security", "failed authentications")
    log = security.single("log", _log, "show why authentication failed, the newest first")
    log.add_argument("--limit", type=typed(values.whole(1, 10_000)), default="50")


def _log(options: Namespace) -> Answer:
    from models.security_entry import SecurityEntry

    with opened(options):
        newest = SecurityEntry.select().order_by(SecurityEntry.last_at_ms.desc())
        rows = [_row(each) for each in newest.limit(options.limit)]
    columns = ("last", "count", "reason", "address", "integration_id")
    answer = listing("entries", rows, columns, "No authentication has failed.")
    for row in rows:
        del row["last"]
    return answer


def _row(entry: Any) -> dict[str, Any]:
    return {
        "address": entry.address,
        "integration_id": entry.integration_id,
        "reason": entry.reason,
        "count": entry.count,
        "first_at": iso(entry.first_at_ms),
        "last_at": iso(entry.last_at_ms),
        "last": short_time(entry.last_at_ms),
    }
