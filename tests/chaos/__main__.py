"""`gateway chaos`: load and faults, and whether every promise was kept.

A seed repeats the sites, the faults with their order, targets and lengths, and the choices of every
caller. It cannot repeat how the machine interleaves them.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sys
from typing import TYPE_CHECKING

from tests.chaos import table
from tests.chaos.plant import BACK_ENDS, SERVERS
from tests.chaos.run import Order, Run

if TYPE_CHECKING:
    from types import FrameType


def main(arguments: list[str]) -> int:
    """Run it; 1 when a promise was broken."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    seed = options.seed or secrets.token_hex(4)
    run = Run(Order(seed, options.minutes, options.backend, options.calm), _say)
    _say(f"seed {seed}, {options.minutes:g} minutes, {options.backend}; history in {run.folder}")
    outcome = run.go()
    said = json.dumps(table.document(outcome), indent=2) if options.json else table.text(outcome)
    print(said, flush=True)
    if outcome.report.ok and not options.keep:
        shutil.rmtree(run.folder)
    else:
        _say(f"history: {run.folder / 'history.jsonl'}")
    return 0 if outcome.report.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("gateway chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="of load and faults; 2")
    parser.add_argument("--seed", help="any word; a new one by default")
    parser.add_argument("--backend", choices=BACK_ENDS, default=SERVERS)
    parser.add_argument("--calm", action="store_true", help="load without faults")
    parser.add_argument("--json", action="store_true", help="one document instead of a table")
    parser.add_argument("--keep", action="store_true", help="keep the history in any case")
    return parser


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
