"""The commands that stay: up, web, worker; and migrate."""

import dataclasses
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, NoReturn

import models
from app.capture import Recorder
from app.cli import demo
from app.cli.opening import open_patiently
from app.cli.session import saying_which
from app.door import create_app
from app.server import STOP_SIGNALS, Server, stop_on_signals
from app.watch import Watch
from app.webhooks.keeping import Keeper
from core import clock, crash, telemetry
from core.config import Settings
from core.errors import UsageError
from core.loglines import words
from models import patience
from models.migrate import migrate as migrate_database
from workers import broker as brokers
from workers import (
    media_link,
    outbound,  # noqa: F401 (declares the actors)
)
from workers.crew import Crew
from workers.stage import Seats
from workers.wire import Outside

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 (platforms route to whatever address the dyno has)
_RESTART_S = 1.0
_PATIENCE_S = 30.0  # of a worker; who sends has a lease of its own


def up(settings: Settings) -> int:
    """Run everything in this process: the door, the workers and, outside production, a sandbox."""
    settings = dataclasses.replace(settings, host=settings.host or _LOOPBACK)
    with ExitStack() as stack:
        stack.enter_context(alone(settings))
        broker = _open(stack, settings, "up", working=True, migrating=True)
        if broker is None:
            return 0
        app = _door(stack, settings)
        sandbox = demo.sandbox(settings, app) if demo.wanted(settings) else None
        server = Server(app, settings.host, settings.port, settings.web_threads)
        stop_on_signals(server.request_stop)
        if sandbox is not None:
            stack.callback(sandbox.stop)  # after the crew's: what is being sent must arrive
        crew = Crew.start(settings, broker, frozenset(brokers.QUEUES))
        stack.callback(crew.stop)
        if sandbox is not None:
            greeting = demo.Greeting(settings, sandbox, server.effective_port)
            threading.Thread(target=greeting.say, name="greeting", daemon=True).start()
        else:
            print(
                f"The gateway listens on {settings.host} port {server.effective_port}.", flush=True
            )
        server.serve(settings.grace_s)
    return 0


def web(settings: Settings) -> int:
    """Answer requests; workers elsewhere carry the events."""
    _require_servers(settings, "web")
    settings = dataclasses.replace(settings, host=settings.host or _EVERYWHERE)
    with ExitStack() as stack:
        if _open(stack, settings, "web") is None:
            return 0
        app = _door(stack, settings)
        server = Server(app, settings.host, settings.port, settings.web_threads)
        stop_on_signals(server.request_stop)
        _say(f"web: listening on {settings.host} port {server.effective_port}")
        server.serve(settings.grace_s)
        _say("web: drained")
    return 0


def worker(settings: Settings, queues: frozenset[str] = frozenset(brokers.QUEUES)) -> int:
    """Carry events, in one process or several."""
    _require_servers(settings, "worker")
    if settings.worker_processes > 1:
        return _Family(settings, queues).run()
    return _work(settings, queues)


def migrate(settings: Settings) -> int:
    """Bring the database up to this code."""
    telemetry.start(settings, "release")
    models.database.open_database(settings)
    try:
        with saying_which(settings):
            applied = migrate_database()
    finally:
        models.database.close_database()
    print("\n".join(f"applied {name}" for name in applied) or "Nothing to migrate.")
    return 0


def _work(settings: Settings, queues: frozenset[str]) -> int:
    stop = threading.Event()
    stop_on_signals(stop.set)
    with ExitStack() as stack:
        broker = _open(stack, settings, "worker", working=True)
        if broker is None:
            return 0
        stop_on_signals(stop.set)
        crew = Crew.start(settings, broker, queues)
        stack.callback(crew.stop)
        _say(f"worker: {settings.worker_threads} threads on {', '.join(sorted(queues))}")
        stop.wait()
    _say("worker: drained")
    return 0


class _Family:
    """A process that keeps several worker processes: restarts what dies, passes SIGTERM on."""

    def __init__(self, settings: Settings, queues: frozenset[str]) -> None:
        self._settings, self._queues = settings, queues
        self._children: set[int] = set()
        self._stopping = False

    def run(self) -> int:
        stop_on_signals(self._stop)
        for _ in range(self._settings.worker_processes):
            self._fork()
        while self._children:
            child, status = os.wait()
            self._children.discard(child)
            if not self._stopping:
                _say(f"worker: process {child} ended with status {status}; starting another")
                clock.sleep(_RESTART_S)
                self._fork()
        return 0

    def _fork(self) -> None:
        # A signal waits until whoever is to hear it has its own handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        child = None if self._stopping else os.fork()
        if child == 0:
            self._be_a_worker()
        elif child is not None:
            self._children.add(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def _be_a_worker(self) -> NoReturn:
        try:
            os._exit(_work(self._settings, self._queues))
        except BaseException as failure:  # noqa: BLE001 (the child must not return into the parent)
            _say(f"worker: {words(failure)}")
            os._exit(1)

    def _stop(self) -> None:
        self._stopping = True
        for child in list(self._children):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)


def _open(
    stack: ExitStack,
    settings: Settings,
    component: str,
    *,
    working: bool = False,
    migrating: bool = False,
) -> brokers.InProcessBroker | brokers.WakeUpBroker | None:
    telemetry.start(settings, component)
    stack.callback(telemetry.stop)
    if not open_patiently(settings, migrating=migrating, answering=component != "worker"):
        return None
    stack.callback(models.stop)
    patience.usual(_PATIENCE_S)
    crash.arm(settings.crash_at)
    Seats.per_account = settings.account_seats
    Outside.private = settings.private_networks
    Outside.hosts = frozenset(settings.sandbox_hosts)
    media_link.Door.url = _public_url(settings)
    return brokers.connect(settings, working=working)


def _public_url(settings: Settings) -> str | None:
    # On one's own machine a link works without any address to be set.
    local = settings.port and not settings.production
    return settings.public_url or (f"http://{_LOOPBACK}:{settings.port}" if local else None)


def _door(stack: ExitStack, settings: Settings) -> Any:
    client = brokers.redis_client(settings) if settings.redis_url else None
    watch, keeper = Watch(settings.failures_before_slowdown), Keeper(settings)
    recorder = Recorder(settings.trusted_proxies)
    for each in (watch, keeper, recorder):
        stack.callback(each.stop)
        each.start()
    return create_app(settings, watch, keeper, client, recorder)


def _require_servers(settings: Settings, command: str) -> None:
    missing = [
        name
        for name, value in (
            ("DATABASE_URL", settings.database_url),
            ("REDIS_URL", settings.redis_url),
        )
        if not value
    ]
    if missing:
        raise UsageError(
            f"`gateway {command}` needs {' and '.join(missing)}: it shares its work with other "
            "processes. For one process without servers, run: gateway up"
        )


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """The data folder, with no `gateway up` on it but this process; a server's database is open.

    Raises:
        UsageError: another one runs; the words say what to do.
    """
    # Two in-process queues on one data folder would each see half of the other's work.
    if settings.database_url:
        yield
        return
    with _lock_file(settings) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"Another `gateway up` is running on the data folder '{settings.data_dir}'. "
                "Stop it, or choose another folder with --data-dir."
            ) from None
        yield


def _lock_file(settings: Settings) -> IO[str]:
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (settings.data_dir / "up.lock").open("w")
    except OSError as failure:
        raise UsageError(
            f"DATA_DIR is '{settings.data_dir}', and it cannot be written to: {failure.strerror}. "
            "Choose another folder with --data-dir."
        ) from None


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
