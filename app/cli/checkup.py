"""What `gateway doctor` looks at. It makes nothing and changes nothing."""

import os
import shutil
import stat
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import peewee

import models
from app.cli.session import settings_of, words_of
from core import clock
from core.config import Settings
from core.errors import GatewayError, UsageError
from models.breaker import Breaker
from models.database import database, is_postgres, open_database
from models.destination import Destination
from models.forward import Forward, ForwardState
from models.keys import unlock
from models.migrate import check_migrated

_CLOCKS_APART_MS = 2_000
_LEAST_FREE_BYTES = 512 * 1024 * 1024
_BROKER_TIMEOUT_S = 2.0
_MIB = 1024 * 1024
_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Args:
        check: its name.
        verdict: `ok`, `hint` (it works, and could be better) or `wrong`.
        found: what was seen.
        fix: what to do about it.
    """

    check: str
    verdict: str
    found: str
    fix: str = ""


def of(options: Namespace) -> list[Finding]:
    """Everything that was looked at, in the order in which it is worth mending."""
    try:
        settings = settings_of(options)
    except UsageError as wrong:
        fix = "Correct it; `gateway settings` explains every variable."
        return [Finding("settings", "wrong", str(wrong), fix)]
    findings = [_settings(settings), *_database(settings), _broker(settings)]
    if not settings.database_url:
        findings += [_data_dir(settings), _disk(settings)]
    return findings


def _settings(settings: Settings) -> Finding:
    if bool(settings.database_url) != bool(settings.redis_url):
        return Finding(
            "settings",
            "hint",
            "only one of DATABASE_URL and REDIS_URL is set",
            "Set both to run `web` and `worker` as processes of their own.",
        )
    if settings.production and not settings.public_url:
        return Finding(
            "settings",
            "hint",
            "PUBLIC_URL is empty, so links name the address that we listen on",
            "Set it to the https address by which 3CX and Meta reach the gateway.",
        )
    return Finding("settings", "ok", settings.environment)


def _database(settings: Settings) -> Iterator[Finding]:
    path = settings.data_dir / "gateway.sqlite3"
    if not settings.database_url and not _exists(path):
        yield Finding("database", "ok", f"not made yet; the first start makes {path}")
        return
    open_database(settings)
    try:
        for check in (_reach, _migration, _keys, _clock, _destinations):
            finding = _try(check, settings)
            yield finding
            if finding.verdict == "wrong" and check in (_reach, _migration):
                return
    finally:
        models.stop()


def _try(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except (peewee.PeeweeException, GatewayError) as failure:
        return Finding(
            check.__name__.lstrip("_").replace("reach", "database"),
            "wrong",
            words_of(settings, failure.__cause__ or failure),
            "See that the database runs, and that this user may use it.",
        )


def _reach(settings: Settings) -> Finding:
    database.execute_sql("SELECT 1").fetchone()
    found = "Postgres answers" if settings.database_url else f"SQLite in {settings.data_dir}"
    return Finding("database", "ok", found)


def _migration(_settings: Settings) -> Finding:
    try:
        check_migrated()
    except GatewayError as failure:
        return Finding("migration", "wrong", str(failure), "Run: gateway migrate")
    return Finding("migration", "ok", "the database has the form that this code needs")


def _keys(settings: Settings) -> Finding:
    try:
        unlock(settings)
    except UsageError as wrong:
        return Finding("keys", "wrong", str(wrong), "Set the keys that this database knows.")
    whose = "from ENCRYPTION_KEYS" if settings.encryption_keys else "made for development"
    return Finding("keys", "ok", f"they open what is stored ({whose})")


def _clock(_settings: Settings) -> Finding:
    if not is_postgres():
        return Finding("clock", "ok", "database and gateway share this machine's")
    began = clock.now_ms()
    (theirs,) = database.execute_sql(
        "SELECT extract(epoch FROM clock_timestamp()) * 1000"
    ).fetchone()
    apart_ms = abs(int(theirs) - (began + clock.now_ms()) // 2)
    if apart_ms > _CLOCKS_APART_MS:
        return Finding(
            "clock",
            "wrong",
            f"this machine and the database are {apart_ms / 1000:.1f} s apart",
            "Let both follow a time server (timedatectl set-ntp true).",
        )
    return Finding("clock", "ok", f"{apart_ms} ms apart from the database's")


def _destinations(_settings: Settings) -> Finding:
    told = [each.id for each in Destination.select(Destination.id).where(Destination.enabled)]
    broken = Breaker.select(Breaker.way_id).where(Breaker.open_until_ms.is_null(False))
    away = sorted({each.way_id for each in broken} & set(told))
    failed = (
        Forward.select()
        .where(
            Forward.state == ForwardState.FAILED.value,
            Forward.finished_at_ms > clock.now_ms() - _DAY_MS,
        )
        .count()
    )
    if not away and not failed:
        return Finding("destinations", "ok", f"{len(told)}, and none is known to fail")
    found = [f"{each} takes nothing" for each in away]
    fixes = [f"gateway destination test {each}" for each in away]
    if failed:
        found.append(f"{failed} pieces of news failed in the last day")
        fixes += ["gateway forward list --state failed", "gateway forward requeue --failed"]
    verdict = "wrong" if away else "hint"
    return Finding("destinations", verdict, "; ".join(found), "Run: " + ", then: ".join(fixes))


def _broker(settings: Settings) -> Finding:
    if not settings.redis_url:
        return Finding("broker", "ok", "in the process of `gateway up`")
    import redis

    from workers.broker import redis_client

    try:
        redis_client(settings, timeout_s=_BROKER_TIMEOUT_S).ping()
    except (redis.RedisError, OSError, ValueError) as failure:
        return Finding(
            "broker",
            "wrong",
            f"Redis does not answer ({type(failure).__name__})",
            "Check that it runs and that REDIS_URL is right.",
        )
    return Finding("broker", "ok", "Redis answers")


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir
    existing = _nearest(folder)
    if not existing.is_dir() or not os.access(existing, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            "data folder",
            "wrong",
            f"this user cannot write to {existing}",
            f"Choose another DATA_DIR, or run: chown -R $(id -un) '{existing}'",
        )
    unwritable = [path.name for path in _files(folder) if not os.access(path, os.R_OK | os.W_OK)]
    if unwritable:
        return Finding(
            "data folder",
            "wrong",
            f"this user cannot write {', '.join(unwritable)} in {folder}",
            f"Run as the user who made them, or: chown -R $(id -un) '{folder}'",
        )
    if _exists(folder) and folder.stat().st_mode & (stat.S_IRWXO):
        return Finding(
            "data folder",
            "wrong",
            f"every user of this machine can look into {folder}",
            f"Run: chmod o-rwx '{folder}'",
        )
    return Finding("data folder", "ok", str(folder))


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_nearest(settings.data_dir)).free
    if free < _LEAST_FREE_BYTES:
        return Finding(
            "disk",
            "wrong",
            f"{free // _MIB} MiB are free, fewer than {_LEAST_FREE_BYTES // _MIB}",
            "Make room, or choose another DATA_DIR.",
        )
    return Finding("disk", "ok", f"{free // _MIB} MiB are free")


def _files(folder: Path) -> list[Path]:
    return list(folder.glob("gateway.sqlite3*"))


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    path = path.absolute()
    while not _exists(path) and path != path.parent:
        path = path.parent
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
