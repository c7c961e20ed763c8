"""`gateway test`, `check`, `chaos` and `fuzz`: arguments go on untouched, options too."""

from argparse import Namespace

from app.cli.output import Answer
from app.cli.parser import Commands

_HELP = {
    "test": "pass the tests; all arguments go to pytest",
    "check": "run everything that CI runs; all arguments go to pytest",
    "chaos": "keep every promise under load and faults; --help says how long and on what",
    "fuzz": "survive a flood of made-up input; --help says how much",
}
NAMES = frozenset(_HELP)


def add_to(commands: Commands) -> None:
    """Have the commands listed; `run` is reached before anything is parsed."""
    for name, words in _HELP.items():
        commands.single(name, _run_parsed, words).add_argument("ARGUMENT", nargs="*")


def run(name: str, arguments: list[str]) -> int:
    """Run the command with these arguments; gives its exit status."""
    from app import development

    commands = {
        "test": development.test,
        "check": development.check,
        "chaos": development.chaos,
        "fuzz": development.fuzz,
    }
    return commands[name](arguments)


def _run_parsed(options: Namespace) -> Answer:
    return Answer({"success": True}, status=run(options.command, options.ARGUMENT))
