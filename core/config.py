"""Every setting of the gateway: one frozen dataclass, read from the environment once at start."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import UsageError
from core.redact import scrub

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_PROJECT = Path(__file__).resolve().parent.parent


class _Wrong(ValueError):
    """What a variable wants, in words that follow 'must be'."""


def _text(value: str) -> str:
    return value


def _folder(value: str) -> Path | None:
    return Path(value) if value else None


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise _Wrong(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise _Wrong("one of " + ", ".join(allowed))
        return value

    return parse


def _url(*schemes: str) -> Callable[[str], str]:
    begins = " or ".join(f"{scheme}://" for scheme in schemes)
    wanted = f"a URL that begins with {begins} and names a host"

    def parse(value: str) -> str:
        if not value:
            return value
        # The readers of these URLs tell capitals apart in a scheme, and stumble over blanks.
        if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)) or " " in value:
            raise _Wrong(wanted)
        if not value.isprintable() or not _has_host(value):
            raise _Wrong(wanted)
        return value

    return parse


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _public_url(value: str) -> str:
    url = _url("http", "https")(value)
    if any(mark in url for mark in "@?#"):
        raise _Wrong("a URL without user, query and fragment")
    return url.rstrip("/")


def _dsn(value: str) -> str:
    parts = urlsplit(_url("http", "https")(value))
    project = parts.path.rpartition("/")[2]
    if value and not (parts.username and re.fullmatch("[0-9]+", project)):
        raise _Wrong("a DSN as Sentry shows it: https://KEY@HOST/NUMBER")
    return value


def _crash_point(value: str) -> str:
    if value and not re.fullmatch(r"list:.+|(before|during|after) [^#]+(#[1-9][0-9]{0,5})?", value):
        raise _Wrong("`list:FILE`, or a point such as `before commit settle` or `after request#2`")
    return value


def _networks(value: str) -> tuple[IPNetwork, ...]:
    try:
        return tuple(
            ipaddress.ip_network(part.strip(), strict=False)
            for part in value.split(",")
            if part.strip()
        )
    except ValueError:
        raise _Wrong("IP addresses or CIDR blocks, separated by commas") from None


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _variable(
    parse: Callable[[str], Any], default: str, help_text: str, *, secret: bool = False
) -> Any:
    metadata = {"parse": parse, "default": default, "help": help_text, "secret": secret}
    return field(metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; each field is the variable of the same name in capitals."""

    environment: str = _variable(
        _one_of("development", "production"),
        "development",
        "production requires ENCRYPTION_KEYS and HASH_KEY, has no sandbox, and makes https links",
    )
    database_url: str = _variable(
        _url("postgresql", "postgres"),
        "",
        "Postgres; empty means SQLite in DATA_DIR",
        secret=True,
    )
    redis_url: str = _variable(
        _url("redis", "rediss"),
        "",
        "Redis for queue and rate limits, with a database of its own; empty means in this process",
        secret=True,
    )
    data_dir: Path = _variable(
        Path, str(_PROJECT / "data"), "Where SQLite keeps its file; ignored with DATABASE_URL"
    )
    spool_dir: Path | None = _variable(
        _folder,
        "",
        "Where webhooks are kept while the database is away, for all processes of a host; "
        "empty answers 503 then",
    )
    spool_max_mb: int = _variable(
        _whole_number(1, 1_000_000), "100", "Megabytes that SPOOL_DIR may hold; beyond them, 503"
    )
    backlog_max: int = _variable(
        _whole_number(1, 100_000_000),
        "100000",
        "Unfinished events, or untaken items from Meta, beyond which webhooks are answered 503",
    )
    encryption_keys: tuple[str, ...] = _variable(
        _parts,
        "",
        "Fernet keys for secrets and texts at rest, separated by commas, the newest first",
        secret=True,
    )
    hash_key: str = _variable(
        _text, "", "Key of the hash by which phones are found; never change it", secret=True
    )
    host: str = _variable(
        _text, "", "Address to listen on; empty means 127.0.0.1 for `up` and 0.0.0.0 for `web`"
    )
    port: int = _variable(_whole_number(0, 65535), "8000", "Port to listen on; 0 picks a free one")
    public_url: str = _variable(
        _public_url, "", "Address by which 3CX and Meta reach the gateway, e.g. https://gw.example"
    )
    trusted_proxies: tuple[IPNetwork, ...] = _variable(
        _networks,
        "",
        "Proxies whose X-Forwarded-For is believed: addresses or CIDR blocks, separated by commas",
    )
    private_networks: tuple[IPNetwork, ...] = _variable(
        _networks,
        "",
        "Private ranges that destinations and files may lie in, e.g. the PBX's: addresses or CIDR "
        "blocks, separated by commas",
    )
    web_threads: int = _variable(_whole_number(1, 256), "16", "Threads that answer requests")
    worker_threads: int = _variable(
        _whole_number(1, 512), "8", "Threads of a worker process that carry events"
    )
    worker_processes: int = _variable(_whole_number(1, 64), "1", "Processes of `gateway worker`")
    grace_s: int = _variable(
        _whole_number(1, 600), "25", "Seconds that work in hand has to end after SIGTERM"
    )
    sweep_interval_ms: int = _variable(
        _whole_number(100, 60000),
        "1000",
        "Milliseconds between searches for events that were committed and not finished",
    )
    account_seats: int = _variable(
        _whole_number(1, 10000), "8", "Events of one account that may be in the queue at a time"
    )
    failures_before_slowdown: int = _variable(
        _whole_number(1, 100000),
        "60",
        "Failed authentications of one address in a minute before it gets refusals unseen",
    )
    sentry_dsn: str = _variable(
        _dsn,
        "",
        "Where failed jobs are reported; empty sends nothing",
        secret=True,
    )
    release: str = _variable(_text, "", "Release name that Sentry shows")
    log_format: str = _variable(_one_of("console", "json"), "console", "Form of the log lines")
    log_level: str = _variable(
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "Least severity that is logged"
    )
    crash_at: str = _variable(
        _crash_point,
        "",
        "For tests, never in production: the point at which a process kills itself, e.g. "
        "`before commit settle#2`, or `list:FILE` for a list of those it passes",
    )

    sandbox_hosts: tuple[str, ...] = _variable(
        _parts,
        "",
        "For tests, never in production: hosts on loopback where destinations and files may lie, "
        "separated by commas",
    )

    @property
    def production(self) -> bool:
        """Whether this is a real site, on either store."""
        return self.environment == "production"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read all variables.

        Raises:
            UsageError: a value is wrong; the words name the variable, what it got, what it wants.
        """
        settings = cls(**{each.name: _read(each, environment) for each in fields(cls)})
        _check_together(settings)
        return settings


def variables() -> list[tuple[str, str, str, str, bool]]:
    """Of each setting: variable, type, default, help, and whether it is secret."""
    return [
        (
            each.name.upper(),
            _type_name(each),
            "data" if each.name == "data_dir" else each.metadata["default"],
            each.metadata["help"],
            each.metadata["secret"],
        )
        for each in fields(Settings)
    ]


def _type_name(each: Field[Any]) -> str:
    named: dict[object, str] = {
        int: "whole number",
        str: "text",
        Path: "folder",
        Path | None: "folder",
    }
    return named.get(each.type, "list")


def _read(each: Field[Any], environment: Mapping[str, str]) -> Any:
    name = each.name.upper()
    given = environment.get(name, "").strip() or each.metadata["default"]
    try:
        return each.metadata["parse"](given)
    except _Wrong as wrong:
        shown = "a value that is not shown" if each.metadata["secret"] else _shown(given)
        raise UsageError(f"{name} is {shown}, and must be {wrong}.") from None


def _shown(given: str) -> str:
    # A password has no place in these variables, and is easily pasted along with a URL.
    return repr((scrub(given) if "://" in given else given)[:80])


def _check_together(settings: Settings) -> None:
    if bool(settings.encryption_keys) != bool(settings.hash_key):
        raise UsageError(
            "ENCRYPTION_KEYS and HASH_KEY belong together: set both (gateway keys generate)."
        )
    if settings.production and not settings.encryption_keys:
        raise UsageError(
            "ENVIRONMENT is production, and ENCRYPTION_KEYS and HASH_KEY are not set. "
            "Make them with: gateway keys generate"
        )
    if settings.production and settings.crash_at:
        raise UsageError("CRASH_AT is for tests, and must not be set in production.")
    if settings.production and settings.sandbox_hosts:
        raise UsageError("SANDBOX_HOSTS is for tests, and must not be set in production.")
    if settings.production and settings.public_url.startswith("http:"):
        raise UsageError(
            f"PUBLIC_URL is '{settings.public_url}', and must begin with https:// in production."
        )
