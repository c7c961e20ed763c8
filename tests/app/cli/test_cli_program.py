"""The command line as a program: failures, settings, keys, doctor, signals and pipes."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from core import clock
from core.config import variables
from tests.app.cli.console import NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app.cli.console import Console, Said
    from tests.servers import PostgresAt


@pytest.fixture
def on_postgres(console: Console, postgres_server: PostgresAt) -> Iterator[Console]:
    """A terminal whose database is an empty one on a server."""
    name = f"gateway_{secrets.token_hex(6)}"
    console.variables["DATABASE_URL"] = postgres_server.create_database(name)
    yield console
    postgres_server.drop_database(name)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address on which nobody listens, held so that nobody will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def failed(said: Said) -> str:
    """The one line of a failure that is not the user's."""
    assert said.status == 1
    assert said.err.startswith("gateway: ")
    assert said.err.count("\n") == 1
    return said.err


def test_a_first_command_makes_the_database_for_its_owner_alone(console: Console) -> None:
    said = console.program("account", "create", "Bakery", "--json")
    assert (said.status, said.err) == (0, "")
    assert json.loads(said.out)["account_id"].startswith("acc_")
    assert console.data_dir.stat().st_mode & 0o777 == 0o700


def test_first_commands_at_the_same_time_all_succeed(console: Console) -> None:
    started = [console.start("account", "create", f"A{number}") for number in range(4)]
    for process in started:
        with process:
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    assert len(console.json("account", "list")["accounts"]) == 4


def test_on_a_server_the_database_is_migrated_first(on_postgres: Console) -> None:
    assert "Run: gateway migrate" in failed(on_postgres.program("account", "list"))
    assert on_postgres.program("migrate").status == 0
    site = on_postgres.site()
    assert on_postgres.json("integration", "show", site["integration_id"])["enabled"] is True
    on_postgres.json("pause", "instance", site["instance_id"])
    on_postgres.json("resume", "instance", site["instance_id"])
    on_postgres.json("account", "set", site["account_id"], "plan=scale")
    on_postgres.json("integration", "set", site["integration_id"], "enabled=off")
    assert on_postgres.run("account", "set", "acc_x", "plan=scale").status == 2


def test_an_unreachable_server_is_named_without_its_password(
    console: Console, nowhere: str
) -> None:
    console.variables["DATABASE_URL"] = f"postgresql://gateway:hush@{nowhere}/gateway"
    words = failed(console.program("account", "list"))
    assert f"The database at {nowhere}/gateway cannot be used" in words
    assert "hush" not in words
    said = console.run("account", "create", "A", "--json")
    assert said.document["error"] == "failed"
    assert said.document["message"] in words


def test_a_file_that_is_no_database_is_said_to_be_none(console: Console) -> None:
    console.data_dir.mkdir()
    (console.data_dir / "gateway.sqlite3").write_text("not a database, " * 100)
    assert "cannot be used" in failed(console.run("account", "list"))


def test_a_data_folder_that_cannot_be_made_is_said(console: Console) -> None:
    console.data_dir.write_text("a file")
    assert "DATA_DIR" in failed(console.run("account", "list"))


def test_keys_are_generated_without_settings_and_fit_them(console: Console) -> None:
    console.variables |= {"ENVIRONMENT": "production", "PORT": "wrong"}
    said = console.program("keys", "generate")
    assert said.status == 0
    made = dict(line.split("=", 1) for line in said.out.splitlines())
    assert set(made) == {"ENCRYPTION_KEYS", "HASH_KEY"}
    assert not console.data_dir.exists()
    console.variables |= made | {"PORT": "8000"}
    url = console.json("integration", "show", console.site()["integration_id"])["webhook_url"]
    assert url.startswith("https://")
    console.variables |= dict.fromkeys(made, "")
    assert console.run("account", "list").status == 2


def test_settings_show_every_variable_and_no_secret(console: Console) -> None:
    console.variables |= {"SENTRY_DSN": "https://hush@sentry.example/1", "LOG_FORMAT": "json"}
    said = console.run("settings")
    assert "SENTRY_DSN=(set, not shown)\n" in said.out
    assert "LOG_FORMAT=json\n" in said.out
    assert "hush" not in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    rows = console.json("settings")["settings"]
    assert [row["name"] for row in rows] == [name for name, *_ in variables()]
    assert all(row["help"] and row["type"] for row in rows)
    assert "hush" not in str(rows)


def test_a_healthy_gateway_is_found_so_before_and_after_its_first_start(console: Console) -> None:
    assert console.json("doctor")["healthy"] is True
    assert not console.data_dir.exists()
    console.site()
    assert console.json("doctor")["healthy"] is True


def wrong(console: Console) -> dict[str, str]:
    """What the doctor finds wrong, and what to do about each."""
    said = console.run("doctor", "--json")
    assert said.status == 1
    assert said.document["healthy"] is said.document["success"] is False
    findings = said.document["findings"]
    ill = {each["check"]: each["found"] for each in findings if each["verdict"] == "wrong"}
    assert all(each["fix"] for each in findings if each["check"] in ill)
    words = console.run("doctor")
    assert words.status == 1
    assert "To mend it:" in words.out
    return ill


def test_the_doctor_names_a_wrong_setting(console: Console) -> None:
    console.variables["GRACE_S"] = "soon"
    assert "GRACE_S is 'soon'" in wrong(console)["settings"]


def test_the_doctor_sees_who_can_look_into_the_data_folder(console: Console) -> None:
    console.site()
    console.data_dir.chmod(0o755)
    assert wrong(console) == {
        "data folder": f"every user of this machine can look into {console.data_dir}"
    }


def test_the_doctor_sees_that_keys_do_not_fit(console: Console) -> None:
    console.site()
    made = console.json("keys", "generate")
    console.variables |= {"ENCRYPTION_KEYS": made["encryption_keys"], "HASH_KEY": made["hash_key"]}
    assert set(wrong(console)) == {"keys"}


def test_the_doctor_sees_what_does_not_answer(console: Console, nowhere: str) -> None:
    console.variables |= {
        "DATABASE_URL": f"postgresql://gateway:hush@{nowhere}/gateway",
        "REDIS_URL": f"redis://:hush@{nowhere}/0",
    }
    ill = wrong(console)
    assert set(ill) == {"database", "broker"}
    assert "hush" not in str(ill)


def test_the_doctor_sees_a_missing_migration(on_postgres: Console) -> None:
    assert set(wrong(on_postgres)) == {"migration"}


def test_the_doctor_sees_clocks_that_are_apart(on_postgres: Console) -> None:
    on_postgres.program("migrate")
    assert on_postgres.json("doctor")["healthy"] is True
    clock.turn(5_000)
    try:
        assert set(wrong(on_postgres)) == {"clock"}
    finally:
        clock.reset()


def test_a_reader_who_goes_away_is_no_failure(console: Console) -> None:
    read, write = os.pipe()
    os.close(read)
    with console.start("settings", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "")


class Interrupted(io.StringIO):
    """A terminal at which somebody presses Ctrl-C."""

    def readline(self, _size: int | None = -1, /) -> str:
        signal.raise_signal(signal.SIGINT)
        return ""


def test_ctrl_c_ends_a_command_silently(console: Console) -> None:
    account = console.json("account", "create", "A")["account_id"]
    said = console.run(
        *("instance", "create", "--account", account, *NUMBER, "--access-token", "-"),
        typing=Interrupted(),
    )
    assert (said.status, said.out, said.err) == (130, "", "")
    assert console.json("instance", "list")["instances"] == []


@pytest.mark.long
@pytest.mark.parametrize("options", [["--json"], ["-k", "a and", "--data-dir=x"]])
def test_the_tests_get_their_arguments_untouched(console: Console, options: list[str]) -> None:
    said = console.program("test", "--no-such-option", *options)
    assert said.status == 4
    assert "unrecognized arguments: --no-such-option" in said.err
    assert all(each in said.err for each in options if each.startswith("--"))
