"""A database is migrated once, whoever starts, and opened with its own keys or not at all."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import models
from core.config import Settings
from core.crypto import generate_keys
from core.errors import UsageError
from models.database import database, transaction
from models.migrate import NotMigrated, migrate
from models.revision import Revision
from models.unavailable import DatabaseUnavailable
from tests.backends import settings
from tests.factories import a_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import PostgresAt

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = sorted(each.stem for each in (ROOT / "models/migrations").glob("0*.py"))
MIGRATE = """
import sys
from core.config import Settings
from models.database import open_database
from models.migrate import migrate
open_database(Settings.from_environment(dict(pair.split("=", 1) for pair in sys.argv[1:])))
print("ready", flush=True)
sys.stdin.read(1)
print(",".join(migrate()) or "nothing")
"""


@pytest.fixture
def empty(
    back_end: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Variables that name a database in which nothing is yet."""
    if back_end == "embedded":
        yield {"DATA_DIR": str(tmp_path / "data")}
        return
    server: PostgresAt = request.getfixturevalue("postgres_server")
    name = f"gateway_{secrets.token_hex(6)}"
    yield {"DATABASE_URL": server.create_database(name)}
    server.drop_database(name)


def test_two_that_migrate_at_once_do_it_once(empty: dict[str, str]) -> None:
    command = [sys.executable, "-c", MIGRATE, *(f"{name}={it}" for name, it in empty.items())]
    migrating = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for each in migrating:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in migrating:
        assert each.stdin is not None
        each.stdin.write("!")
        each.stdin.flush()
    said = [each.communicate(timeout=60)[0].strip() for each in migrating]
    assert [each.returncode for each in migrating] == [0, 0, 0]
    assert sorted(said) == [",".join(MIGRATIONS), "nothing", "nothing"]


def test_a_start_before_the_migration_says_what_to_do(empty: dict[str, str]) -> None:
    words = rf"lacks {len(MIGRATIONS)} migration.* 0001_first.*Run: gateway migrate"
    with pytest.raises(NotMigrated, match=words):
        models.start(settings(**empty))
    assert database.obj is None


def test_a_migrated_database_starts_and_keeps_what_it_has(empty: dict[str, str]) -> None:
    models.start(settings(**empty), migrating=True)
    site = a_site()
    models.stop()
    models.start(settings(**empty))
    assert site.account.name == "Acme"
    assert migrate() == []
    models.stop()


@pytest.mark.parametrize("wrong", ["ENCRYPTION_KEYS", "HASH_KEY"])
def test_another_databases_keys_stop_the_start(empty: dict[str, str], wrong: str) -> None:
    models.start(settings(**empty), migrating=True)
    models.stop()
    other = dict(zip(("ENCRYPTION_KEYS", "HASH_KEY"), generate_keys(), strict=True))
    with pytest.raises(UsageError, match="ENCRYPTION_KEYS and HASH_KEY are not the keys"):
        models.start(settings(**empty, **{wrong: other[wrong]}))
    assert database.obj is None


def test_an_old_key_behind_a_new_one_still_starts(empty: dict[str, str]) -> None:
    models.start(settings(**empty), migrating=True)
    models.stop()
    old = settings(**empty).encryption_keys[0]
    models.start(settings(**empty, ENCRYPTION_KEYS=f"{generate_keys()[0]},{old}"))
    models.stop()


def test_outside_production_keys_are_made_once_and_kept(empty: dict[str, str]) -> None:
    bare = Settings.from_environment(empty)
    models.start(bare, migrating=True)
    site = a_site()
    models.stop()
    models.start(bare)
    assert site.instance.verify_token == "verify"
    models.stop()


def test_a_server_that_is_not_there_is_said_to_be_away() -> None:
    with pytest.raises(DatabaseUnavailable):
        models.start(settings(DATABASE_URL="postgresql://nobody@127.0.0.1:9/none"))
    assert database.obj is None


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match=r"DATA_DIR is '.*file/data'"):
        models.start(settings(DATA_DIR=str(tmp_path / "file" / "data")))


@pytest.mark.usefixtures("store")
def test_every_change_of_a_setting_moves_the_revision() -> None:
    site = a_site()
    before = Revision.current()
    site.set_integration(outbound=False)
    changed = Revision.current()
    assert changed > before
    site.event()
    assert Revision.current() == changed


@pytest.mark.usefixtures("store")
def test_all_of_a_transaction_is_kept_or_nothing() -> None:
    site = a_site()

    @transaction
    def rename_and_fail() -> None:
        site.set_account(name="Other")
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        rename_and_fail()
    assert site.account.name == "Acme"


def test_a_commit_is_on_disk_when_it_is_answered(empty: dict[str, str]) -> None:
    models.start(settings(**empty), migrating=True)
    try:
        if "DATABASE_URL" in empty:
            assert database.execute_sql("SHOW synchronous_commit").fetchone() == ("on",)
        else:
            written = transaction(lambda: database.execute_sql("PRAGMA synchronous").fetchone())()
            assert written == (2,)  # FULL
    finally:
        models.stop()


def test_a_server_that_answers_before_it_keeps_is_refused(
    empty: dict[str, str],
) -> None:
    if "DATABASE_URL" not in empty:
        pytest.skip("SQLite is set up by us")
    models.start(settings(**empty), migrating=True)
    name = database.execute_sql("SELECT current_database()").fetchone()[0]
    database.execute_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    models.stop()
    with pytest.raises(UsageError, match="synchronous_commit is off"):
        models.start(settings(**empty))
