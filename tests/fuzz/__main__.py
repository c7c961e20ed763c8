"""`python -m tests.fuzz`: a flood of made-up input against everything that strangers reach."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.fuzz.flood import flood
from tests.fuzz.target import within_time
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

INPUTS = 1_000_000


def again(name: str, seed: int, index: int) -> None:
    """Show one input, and let whatever it breaks break loudly."""
    made = TARGETS[name].input(seed, index)
    print(repr(made))
    with TARGETS[name].opened() as check:
        within_time(check, made)
    print("nothing broke")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(prog="gateway fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="over all targets")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other inputs")
    parser.add_argument("--target", choices=list(TARGETS), help="this one alone")
    parser.add_argument("--only", type=int, metavar="INDEX", help="one input of the target, again")
    options = parser.parse_args(arguments)
    if options.only is not None and options.target is None:
        parser.error("--only needs --target")
    if options.only is not None:
        again(options.target, options.seed, options.only)
        return 0
    names = [options.target] if options.target else list(TARGETS)
    return flood(names, options.seed, options.inputs)


if __name__ == "__main__":
    sys.exit(main())
