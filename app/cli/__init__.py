"""The command line: it provisions the gateway, runs it, and looks after it.

What a command needs is imported when it runs, so that the short ones start quickly.
"""

import os
import sys
from contextlib import redirect_stdout
from types import TracebackType

from app.cli import development, output, parser
from app.cli.output import Answer
from core.errors import GatewayError, UsageError
from core.loglines import traceback_of

_FAILED, _WRONG_USE, _INTERRUPTED, _NOBODY_READS = 1, 2, 130, 141


def main(arguments: list[str]) -> int:
    """Run one command line; gives its exit status.

    0: done. 1: something failed, or `doctor` found something wrong. 2: wrong use. What went wrong
    is one line on stderr; with `--json` it is the document on stdout too.
    """
    as_json = "--json" in arguments
    sys.excepthook = _tell_without_values
    try:
        return _run(arguments, as_json=as_json)
    except UsageError as wrong:
        return _fail(_WRONG_USE, "usage", wrong, as_json=as_json)
    except GatewayError as failure:
        return _fail(_FAILED, "failed", failure, as_json=as_json)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return _NOBODY_READS


def _run(arguments: list[str], *, as_json: bool) -> int:
    if arguments and arguments[0] in development.NAMES:
        return development.run(arguments[0], arguments[1:])
    options = parser.read(arguments)
    if not as_json:
        return output.write(options.run(options), as_json=False)
    # What a command says while it works must not come between a script and its document.
    with redirect_stdout(sys.stderr):
        answer: Answer = options.run(options)
    return output.write(answer, as_json=True)


def _fail(status: int, error: str, failure: GatewayError, *, as_json: bool) -> int:
    words = " ".join(str(failure).split())
    if as_json:
        output.write(Answer({"success": False, "error": error, "message": words}), as_json=True)
    print(f"gateway: {words}", file=sys.stderr)
    return status


def _tell_without_values(
    _kind: type[BaseException], failure: BaseException, _trace: TracebackType | None
) -> None:
    # A bug's traceback, without the words of others: a driver puts values into them.
    print(traceback_of(failure), file=sys.stderr)


def _let_go_of_stdout() -> None:
    # Else the interpreter complains when it flushes what nobody reads.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
