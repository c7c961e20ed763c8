from __future__ import annotations

import dataclasses
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from core.config import Settings, variables
from core.errors import UsageError

KEYS = {"ENCRYPTION_KEYS": "hunter-orchid", "HASH_KEY": "violet-orchid"}
PRODUCTION = {"ENVIRONMENT": "production"} | KEYS
URL = "a URL that begins with {} and names a host"
POSTGRES = URL.format("postgresql:// or postgres://")
REDIS = URL.format("redis:// or rediss://")
WEB = URL.format("http:// or https://")
POINT = "`list:FILE`, or a point such as `before commit settle` or `after request#2`"
DSN = "a DSN as Sentry shows it: https://KEY@HOST/NUMBER"
PROXIES = "IP addresses or CIDR blocks, separated by commas"


def whole(low: int, high: int) -> str:
    return f"a whole number from {low} to {high}"


NUMBERS = {
    "PORT": (0, 65535),
    "WEB_THREADS": (1, 256),
    "WORKER_THREADS": (1, 512),
    "WORKER_PROCESSES": (1, 64),
    "GRACE_S": (1, 600),
    "SWEEP_INTERVAL_MS": (100, 60000),
    "SPOOL_MAX_MB": (1, 1_000_000),
    "BACKLOG_MAX": (1, 100_000_000),
    "ACCOUNT_SEATS": (1, 10000),
    "FAILURES_BEFORE_SLOWDOWN": (1, 100000),
}
ANY_TEXT = {
    "DATA_DIR",
    "SPOOL_DIR",
    "ENCRYPTION_KEYS",
    "HASH_KEY",
    "HOST",
    "RELEASE",
    "SANDBOX_HOSTS",
}
SECRET = {"DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEYS", "HASH_KEY", "SENTRY_DSN"}

WRONG = [
    ("ENVIRONMENT", "prod", "one of development, production"),
    ("ENVIRONMENT", "Production", "one of development, production"),
    ("LOG_FORMAT", "xml", "one of console, json"),
    ("LOG_LEVEL", "debug", "one of DEBUG, INFO, WARNING, ERROR"),
    ("DATABASE_URL", "sqlite:///x", POSTGRES),
    ("DATABASE_URL", "gateway", POSTGRES),
    ("DATABASE_URL", "postgresql:///gateway", POSTGRES),
    ("DATABASE_URL", "postgresql://:5432/gateway", POSTGRES),
    ("DATABASE_URL", "postgresql://u:hunter@db:port/gateway", POSTGRES),
    ("DATABASE_URL", "postgresql://u:hunter@db:70000/gateway", POSTGRES),
    ("DATABASE_URL", "postgresql://u:hunter@db:0/gateway", POSTGRES),
    ("DATABASE_URL", "postgresql://u:hunter@[::1/gateway", POSTGRES),
    ("DATABASE_URL", "postgresql://u:hunter@[db]/gateway", POSTGRES),
    ("DATABASE_URL", "POSTGRESQL://u:hunter@db/gateway", POSTGRES),
    ("DATABASE_URL", "postgresql:db/gateway", POSTGRES),
    ("REDIS_URL", "unix:///run/redis.sock", REDIS),
    ("REDIS_URL", "redis://", REDIS),
    ("REDIS_URL", "redis://:hunter@/0", REDIS),
    ("REDIS_URL", "http://redis", REDIS),
    ("PUBLIC_URL", "gw.example", WEB),
    ("PUBLIC_URL", "//gw.example", WEB),
    ("PUBLIC_URL", "https://", WEB),
    ("PUBLIC_URL", "https:///path", WEB),
    ("PUBLIC_URL", "https://gw.example:99999", WEB),
    ("PUBLIC_URL", "https://gw example", WEB),
    ("PUBLIC_URL", "https://gw.\nexample", WEB),
    ("PUBLIC_URL", "https://[::1", WEB),
    ("PUBLIC_URL", "ftp://gw.example", WEB),
    ("PUBLIC_URL", "https://gw.example/?a=1", "a URL without user, query and fragment"),
    ("PUBLIC_URL", "https://gw.example/#top", "a URL without user, query and fragment"),
    ("TRUSTED_PROXIES", "10.0.0.0/33", PROXIES),
    ("TRUSTED_PROXIES", "10.0.0.1, proxy.example", PROXIES),
    ("TRUSTED_PROXIES", "10.0.0.1;10.0.0.2", PROXIES),
    ("TRUSTED_PROXIES", "*", PROXIES),
    ("PRIVATE_NETWORKS", "10.0.0.0/33", PROXIES),
    ("CRASH_AT", "settle", POINT),
    ("CRASH_AT", "before commit settle#0", POINT),
    ("CRASH_AT", "list:", POINT),
    ("SENTRY_DSN", "sentry.example", WEB),
    ("SENTRY_DSN", "https://sentry.example/7", DSN),
    ("SENTRY_DSN", "https://hunter@sentry.example", DSN),
    ("SENTRY_DSN", "https://hunter@sentry.example/project", DSN),
    *(
        (name, value, whole(low, high))
        for name, (low, high) in NUMBERS.items()
        for value in (
            str(low - 1), str(high + 1), "x", "1.5", "-1", "+8", "1e3", "0x10", "1 000", "9" * 30,
            "\uff18\uff10",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "wanted"), WRONG)
def test_a_wrong_value_is_named_shown_and_set_right(name: str, value: str, wanted: str) -> None:
    with pytest.raises(UsageError) as wrong:
        Settings.from_environment({name: value})
    shown = "a value that is not shown" if name in SECRET else repr(value)
    assert str(wrong.value) == f"{name} is {shown}, and must be {wanted}."
    assert wrong.value.__suppress_context__


def test_every_variable_that_can_be_wrong_is_in_the_table() -> None:
    assert {name for name, *_ in variables()} == {name for name, *_ in WRONG} | ANY_TEXT


RIGHT: list[tuple[str, str, Any]] = [
    ("DATABASE_URL", "postgresql://u:p@db:5432/gw", "postgresql://u:p@db:5432/gw"),
    ("DATABASE_URL", "postgres://u:p@[2001:db8::1]:5432/gw", "postgres://u:p@[2001:db8::1]:5432/gw"),
    ("DATABASE_URL", "postgresql://db/gw?sslmode=require", "postgresql://db/gw?sslmode=require"),
    ("REDIS_URL", "rediss://:p@cache:6380/1", "rediss://:p@cache:6380/1"),
    ("REDIS_URL", "redis://[::1]", "redis://[::1]"),
    ("PUBLIC_URL", " https://gw.example/ ", "https://gw.example"),
    ("PUBLIC_URL", "https://gw.example/hooks//", "https://gw.example/hooks"),
    ("PUBLIC_URL", "http://[::1]:8000", "http://[::1]:8000"),
    ("PUBLIC_URL", "https://münchen.example", "https://münchen.example"),
    ("SENTRY_DSN", "https://k@o1.sentry.example/42", "https://k@o1.sentry.example/42"),
    ("SENTRY_DSN", "http://k@[::1]:9000/sub/42", "http://k@[::1]:9000/sub/42"),
    ("TRUSTED_PROXIES", "10.0.0.1, ::1,", (ip_network("10.0.0.1"), ip_network("::1"))),
    ("TRUSTED_PROXIES", "10.1.2.3/8", (ip_network("10.0.0.0/8"),)),
    ("ENCRYPTION_KEYS", " new , old,,", ("new", "old")),
    ("DATA_DIR", "/srv/gateway data", Path("/srv/gateway data")),
    ("HOST", "::1", "::1"),
    ("PORT", "0", 0),
    ("PORT", "65535", 65535),
    ("PORT", " 8080\n", 8080),
    ("LOG_LEVEL", "DEBUG", "DEBUG"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "read"), RIGHT)
def test_a_right_value_is_read(name: str, value: str, read: object) -> None:
    environment = {name: value} | ({"HASH_KEY": "x"} if name == "ENCRYPTION_KEYS" else {})
    assert getattr(Settings.from_environment(environment), name.lower()) == read


@pytest.mark.parametrize("name", [name for name, *_ in variables()])
@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_variable_is_as_one_that_is_not_there(name: str, value: str) -> None:
    assert Settings.from_environment({name: value}) == Settings.from_environment({})


def test_what_the_environment_holds_besides_does_not_matter() -> None:
    environment = {"PATH": "/bin", "port": "x", "Port": "y"}
    assert Settings.from_environment(environment) == Settings.from_environment({})


def test_the_defaults_are_a_gateway_that_needs_no_server() -> None:
    settings = Settings.from_environment({})
    assert not settings.production
    assert settings.data_dir.name == "data"
    assert settings.data_dir.is_absolute()
    assert (settings.port, settings.log_format, settings.log_level) == (8000, "console", "INFO")
    assert not any(
        (settings.database_url, settings.redis_url, settings.sentry_dsn, settings.trusted_proxies)
    )


@pytest.mark.parametrize("missing", sorted(KEYS))
@pytest.mark.parametrize("environment", ["development", "production"])
def test_one_key_without_the_other_stops_the_start(missing: str, environment: str) -> None:
    given = {name: value for name, value in KEYS.items() if name != missing}
    with pytest.raises(UsageError, match=r"ENCRYPTION_KEYS and HASH_KEY belong together") as wrong:
        Settings.from_environment(given | {"ENVIRONMENT": environment})
    assert "orchid" not in str(wrong.value)


@pytest.mark.parametrize("database", [{}, {"DATABASE_URL": "postgresql://db/gw"}])
def test_production_needs_keys_on_either_store(database: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"ENCRYPTION_KEYS and HASH_KEY are not set.*generate"):
        Settings.from_environment({"ENVIRONMENT": "production"} | database)
    assert Settings.from_environment(PRODUCTION | database).production


@pytest.mark.parametrize("url", ["http://gw.example", "HTTP://gw.example"])
def test_in_production_the_public_address_is_https(url: str) -> None:
    with pytest.raises(UsageError, match=r"^PUBLIC_URL is '"):
        Settings.from_environment(PRODUCTION | {"PUBLIC_URL": url})
    https = Settings.from_environment(PRODUCTION | {"PUBLIC_URL": "https://gw.example"})
    assert https.public_url == "https://gw.example"


def test_no_process_kills_itself_in_production() -> None:
    point = {"CRASH_AT": "before commit settle#2"}
    assert Settings.from_environment(point).crash_at == "before commit settle#2"
    with pytest.raises(UsageError, match=r"^CRASH_AT is for tests"):
        Settings.from_environment(PRODUCTION | point)


def test_a_password_that_was_pasted_along_is_not_shown() -> None:
    with pytest.raises(UsageError) as wrong:
        Settings.from_environment({"PUBLIC_URL": "https://ann:hunter2@gw.example"})
    assert str(wrong.value) == (
        "PUBLIC_URL is 'https://[secret]gw.example', "
        "and must be a URL without user, query and fragment."
    )


def test_a_long_value_is_cut() -> None:
    with pytest.raises(UsageError) as wrong:
        Settings.from_environment({"PORT": "x" * 10_000})
    assert len(str(wrong.value)) < 200


def test_settings_show_no_secret() -> None:
    environment = PRODUCTION | {
        "DATABASE_URL": "postgresql://u:hunter1@db/gw",
        "REDIS_URL": "redis://:hunter2@cache",
        "SENTRY_DSN": "https://hunter3@sentry.example/1",
    }
    settings = Settings.from_environment(environment)
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "hunter" not in shown
        assert "orchid" not in shown
    assert "port=8000" in repr(settings)


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.from_environment({}).port = 1  # type: ignore[misc]


def test_every_variable_has_a_type_a_default_and_help() -> None:
    for name, kind, default, help_text, secret in variables():
        assert name == name.upper()
        assert kind in {"text", "whole number", "folder", "list"}
        assert not Path(default).is_absolute()
        assert len(help_text.split()) >= 3
        assert secret is (name in SECRET)


def test_the_types_are_those_of_the_fields() -> None:
    kinds = {name: kind for name, kind, *_ in variables()}
    assert {name for name, kind in kinds.items() if kind == "whole number"} == set(NUMBERS)
    assert {name for name, kind in kinds.items() if kind == "list"} == {
        "ENCRYPTION_KEYS",
        "TRUSTED_PROXIES",
        "PRIVATE_NETWORKS",
        "SANDBOX_HOSTS",
    }
    assert kinds["DATA_DIR"] == "folder"
