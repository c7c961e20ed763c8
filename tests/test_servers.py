"""What other tests may take for granted about the servers that they run on."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
import redis

from core import clock
from tests.servers import Postgres, PostgresAt, Redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres.start(tmp_path_factory.mktemp("own"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def durable_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis.start(tmp_path_factory.mktemp("own"), durable=True)
    yield server
    server.stop()


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
        row = connection.execute(question.encode()).fetchone()
    return None if row is None else row[0]


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = clock.monotonic() + 10
    while not condition() and clock.monotonic() < deadline:
        clock.sleep(0.02)
    return condition()


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_commit_survives_a_killed_postgres(postgres: Postgres) -> None:
    url = postgres.create_database("survivors")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 'still here' AS words")
    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        ask(url, "SELECT 1")
    postgres.restart()
    assert ask(url, "SELECT words FROM notes") == "still here"


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_postgres_writes_to_disk_before_it_says_committed(postgres: Postgres, setting: str) -> None:
    assert ask(postgres.url, f"SHOW {setting}") == "on"


def test_a_dropped_database_is_gone_though_somebody_is_connected(postgres: Postgres) -> None:
    url = postgres.create_database("short_lived")
    with psycopg.connect(url):
        postgres.drop_database("short_lived")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(url, "SELECT 1")


def test_a_paused_postgres_keeps_its_connections_and_answers_none(postgres: Postgres) -> None:
    with ThreadPoolExecutor() as pool, psycopg.connect(postgres.url) as connection:
        postgres.pause()
        answer = pool.submit(connection.execute, "SELECT 42")
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.2)
        postgres.resume()
        assert answer.result(timeout=10).fetchone() == (42,)


def test_nobody_enters_without_the_password(postgres: Postgres, durable_redis: Redis) -> None:
    user, _, address = postgres.url.partition(":")[2].rpartition("@")
    assert user.startswith("//gateway:")
    with pytest.raises(psycopg.OperationalError, match="password"):
        ask(f"postgresql://gateway:wrong@{address}", "SELECT 1")
    with (
        redis.Redis.from_url(f"redis://{durable_redis.url().rpartition('@')[2]}") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_a_given_postgres_gets_a_database_for_the_run_and_loses_it_after(
    postgres: Postgres,
) -> None:
    count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'gateway_test_%'"
    with PostgresAt.given(postgres.url) as given:
        assert cast("str", ask(given.url, "SELECT current_database()")).startswith("gateway_test_")
        assert ask(postgres.url, count) == 1
        given.drop_database("never_made")
    assert ask(postgres.url, count) == 0


def test_a_durable_redis_remembers_after_a_kill(durable_redis: Redis) -> None:
    with redis.Redis.from_url(durable_redis.url(3), decode_responses=True) as client:
        client.set("word", "kept")
        durable_redis.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("word")
        durable_redis.restart()
        assert client.get("word") == "kept"
        durable_redis.flush()
        assert client.get("word") is None


def test_a_paused_redis_answers_when_it_goes_on(durable_redis: Redis) -> None:
    with redis.Redis.from_url(durable_redis.url(), socket_timeout=0.2, retry=None) as client:
        durable_redis.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        durable_redis.resume()
        assert client.ping()


STARTER = """
import sys
from pathlib import Path
from tests.servers import Postgres, Redis
postgres, cache = Postgres.start(Path(sys.argv[1]), fsync=False), Redis.start(Path(sys.argv[1]))
cache.pause() if sys.argv[2] == "paused" else None
postgres.pause() if sys.argv[2] == "paused" else None
print(postgres._program.pid, cache._program.pid, postgres._home, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("how", "state"),
    [(signal.SIGINT, "running"), (signal.SIGTERM, "running"), (signal.SIGKILL, "paused")],
)
def test_the_servers_end_with_whoever_started_them(
    tmp_path: Path, how: signal.Signals, state: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path), state],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        postgres, cache, home = starter.stdout.readline().split()
        starter.send_signal(how)
    assert eventually(lambda: not lives(int(postgres)))
    assert eventually(lambda: not lives(int(cache)))
    assert eventually(lambda: not Path(home).exists())
