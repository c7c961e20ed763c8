"""Which commands there are, and wrong use in one line."""

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from app.cli.output import Answer
from core.errors import UsageError

Run = Callable[[argparse.Namespace], Answer]

_SEE_ALSO = """\
Every command takes --json and --data-dir, before or after its name.
With --json, stdout holds one JSON document: {"success": true, ...} with the names of the webhook's
contract (account_id, webhook_url, ...), or {"success": false, "error": "usage" or "failed",
"message": ...}, whose words are on stderr as well.
Exit status: 0 done, 1 something failed or is wrong, 2 wrong use."""


class Parser(argparse.ArgumentParser):
    """argparse with whole option names only, and with errors of one line."""

    def __init__(self, **named: Any) -> None:
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **named,
        )
        self.commands: Mapping[str, Parser] = {}

    def error(self, message: str) -> NoReturn:
        """Say what was wrong and what to do.

        Raises:
            UsageError: always.
        """
        known = {"prog": self.prog, "commands": ", ".join(self.commands)}
        words = _in_our_words(message, known)
        raise UsageError(f"{words} See: {self.prog} --help")


class Commands:
    """The commands at one level: of `gateway`, or of a noun."""

    def __init__(self, parser: Parser, name: str) -> None:
        self._level = parser.add_subparsers(dest=name, metavar="COMMAND", required=True)
        parser.commands = self._level.choices
        self._nouns: dict[str, Commands] = {}

    def single(self, name: str, run: Run, words: str, more: str = "") -> Parser:
        """A command that does something; gives its parser for the arguments."""
        parser = self._level.add_parser(
            name, help=words, description=_sentence(words), epilog=more, parents=[_everywhere()]
        )
        parser.set_defaults(run=run)
        return parser

    def noun(self, name: str, words: str) -> "Commands":
        """A command that has commands of its own."""
        parser = self._level.add_parser(
            name, help=words, description=_sentence(words), parents=[_everywhere()]
        )
        self._nouns[name] = Commands(parser, "verb")
        return self._nouns[name]

    def verbs_of(self, name: str) -> "Commands":
        """The commands of a noun that another module has declared before."""
        return self._nouns[name]


def read(arguments: list[str]) -> argparse.Namespace:
    """Parse a command line; `run` of what it gives does the command.

    Raises:
        UsageError: it is not one of ours.
    """
    for each in arguments:
        if not each.isascii() and any("\ud800" <= char <= "\udfff" for char in each):
            raise UsageError("The command line holds something that is not UTF-8.")
    parser = _build()
    if not arguments:
        parser.error("the following arguments are required: COMMAND")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        named = " ".join(filter(None, ("gateway", options.command, getattr(options, "verb", ""))))
        raise UsageError(f"{named} does not know {unknown[0][:80]!r}. See: {named} --help")
    return options


def typed(parse: Callable[[str], Any], *, secret: bool = False) -> Callable[[str], Any]:
    """A value's parser as an argument's `type`: its words come after the argument's name."""
    from app.cli.values import Wrong, shown

    def read_value(text: str) -> Any:
        try:
            return parse(text)
        except Wrong as wrong:
            words = f"is {shown(text, secret=secret)}, and must be {wrong}."
            raise argparse.ArgumentTypeError(words) from None

    return read_value


def _build() -> Parser:
    from app.cli import (
        account,
        backup,
        destination,
        development,
        doctor,
        event,
        forward,
        inspect,
        instance,
        integration,
        keys,
        pause,
        running,
        security,
        settings,
        suppression,
    )

    parser = Parser(
        prog="gateway",
        description="The WhatsApp gateway for 3CX: run it, set it up, look after it.",
        epilog=_SEE_ALSO,
        parents=[_everywhere()],
    )
    parser.set_defaults(json=False, data_dir=None)
    commands = Commands(parser, "command")
    for module in (running, account, instance, integration, inspect, destination, suppression,
                   pause, event, forward, security, keys, backup, settings, doctor,
                   development):  # fmt: skip
        module.add_to(commands)
    return parser


def _everywhere() -> Parser:
    # Without a default of its own: what stands before the command's name must outlast it.
    parent = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    parent.add_argument("--json", action="store_true", help="print one JSON document")
    parent.add_argument(
        "--data-dir", metavar="FOLDER", help="where SQLite lies; ignored with DATABASE_URL"
    )
    return parent


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


# argparse words its errors for itself; these are all that a caller can bring about.
_REWORDED = (
    (r"argument COMMAND: invalid choice: (?P<value>.*) \(choose from .*\)",
     "There is no command {value}; there are {commands}."),
    (r"argument (?P<name>[^:]+): (?P<rest>is .*)", "{name} {rest}"),
    (r"argument (?P<name>[^:]+): invalid choice: (?P<value>.*) \(choose from (?P<choices>.*)\)",
     "{name} is {value}, and must be one of {choices}."),
    (r"argument (?P<name>[^:]+): expected .*", "{name} needs a value."),
    (r"argument (?P<name>[^:]+): ignored explicit argument (?P<value>.*)",
     "{name} takes no value, and got {value}."),
    (r"the following arguments are required: COMMAND", "{prog} needs one of {commands}."),
    (r"the following arguments are required: (?P<names>.*)", "{prog} needs {names}."),
)  # fmt: skip


def _in_our_words(message: str, known: Mapping[str, str]) -> str:
    for pattern, words in _REWORDED:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            parts = {name: text.replace("\n", " ") for name, text in found.groupdict().items()}
            if "choices" in parts:
                parts["choices"] = parts["choices"].replace("'", "")
            return words.format(**known, **parts)
    return message + "."
