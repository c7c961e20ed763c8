"""`gateway settings`: every variable, what it holds and what it is for."""

import textwrap
from argparse import Namespace
from typing import Any

from app.cli.output import WIDTH, Answer, cell
from app.cli.parser import Commands
from app.cli.session import settings_of
from core.config import variables

_INDENT = "    "


def add_to(commands: Commands) -> None:
    """Declare the command."""
    commands.single("settings", _settings, "show every setting, secrets masked")


def _settings(options: Namespace) -> Answer:
    settings = settings_of(options)
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "value": _value(getattr(settings, name.lower()), secret=secret),
            "type": kind,
            "default": default,
            "help": words,
        }
        for name, kind, default, words, secret in variables()
    ]
    return Answer({"settings": rows}, "\n".join(map(_text, rows)))


def _value(value: Any, *, secret: bool) -> str:
    if secret:
        return "(set, not shown)" if value else ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _text(row: dict[str, Any]) -> str:
    about = f"{row['help']} ({row['type']}; default: {row['default'] or 'empty'})"
    wrapped = textwrap.fill(
        about, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
    )
    return f"{row['name']}={cell(row['value']) if row['value'] else ''}\n{wrapped}"
