"""`gateway up`, `web`, `worker`, `migrate`: the commands that stay, and the one before them."""

from argparse import Namespace

from app.cli.output import Answer
from app.cli.parser import Commands
from app.cli.session import settings_of
from core.errors import UsageError


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    up = commands.single("up", _up, "run everything in one process, with nothing to install")
    web = commands.single("web", _web, "answer requests; needs DATABASE_URL and REDIS_URL")
    for command in (up, web):
        command.add_argument("--host", help="address to listen on")
        command.add_argument("--port", help="port to listen on")
    web.add_argument("--threads", help="threads that answer requests")
    worker = commands.single("worker", _worker, "carry events; needs DATABASE_URL and REDIS_URL")
    worker.add_argument("--threads", help="threads of a process")
    worker.add_argument("--processes", help="how many processes")
    worker.add_argument(
        "--queues", help="outbound, inbound, forward; several with commas; all by default"
    )
    commands.single("migrate", _migrate, "bring the database up to this code")


def _up(options: Namespace) -> Answer:
    settings = settings_of(
        options, ("--host", "HOST", options.host), ("--port", "PORT", options.port)
    )
    from app.cli import serve

    return Answer({}, status=serve.up(settings))


def _web(options: Namespace) -> Answer:
    settings = settings_of(
        options,
        ("--host", "HOST", options.host),
        ("--port", "PORT", options.port),
        ("--threads", "WEB_THREADS", options.threads),
    )
    from app.cli import serve

    return Answer({}, status=serve.web(settings))


def _worker(options: Namespace) -> Answer:
    settings = settings_of(
        options,
        ("--threads", "WORKER_THREADS", options.threads),
        ("--processes", "WORKER_PROCESSES", options.processes),
    )
    from app.cli import serve
    from workers.broker import QUEUES

    given = ",".join(QUEUES) if options.queues is None else options.queues
    queues = frozenset(name.strip() for name in given.split(",") if name.strip())
    if not queues or not queues <= set(QUEUES):
        raise UsageError(f"--queues is {given[:80]!r}, and must be of {', '.join(QUEUES)}.")
    return Answer({}, status=serve.worker(settings, queues))


def _migrate(options: Namespace) -> Answer:
    settings = settings_of(options)
    from app.cli import serve

    return Answer({}, status=serve.migrate(settings))
