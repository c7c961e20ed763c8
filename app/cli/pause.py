"""`gateway pause` and `gateway resume`: messages wait, and go on in their order."""

from argparse import Namespace
from typing import Any

from app.cli import values
from app.cli.output import Answer, iso, record
from app.cli.parser import Commands, typed
from app.cli.session import opened

_NOUNS = ("account", "instance", "integration")


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    pause = commands.single("pause", _pause, "let messages wait")
    resume = commands.single("resume", _resume, "end a pause; what waited goes on")
    for command in (pause, resume):
        command.add_argument("noun", metavar="|".join(_NOUNS), choices=_NOUNS)
        command.add_argument("id", metavar="ID")
    pause.add_argument(
        "--reason", type=typed(values.line(200)), default="paused by an administrator"
    )


def _pause(options: Namespace) -> Answer:
    from models import provisioning

    with opened(options):
        row = provisioning.pause(_model(options.noun), options.id, options.reason)
    return record(
        {
            f"{options.noun}_id": row.id,
            "paused": True,
            "pause_reason": row.pause_reason,
            "paused_at": iso(row.paused_at_ms),
        }
    )


def _resume(options: Namespace) -> Answer:
    from models import provisioning

    with opened(options):
        was_paused = provisioning.resume(_model(options.noun), options.id)
    document = {f"{options.noun}_id": options.id, "paused": False, "was_paused": was_paused}
    return record(document)


def _model(noun: str) -> Any:
    from models.account import Account
    from models.instance import Instance
    from models.integration import Integration

    return {"account": Account, "instance": Instance, "integration": Integration}[noun]
