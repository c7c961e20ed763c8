"""`gateway doctor`: whether everything is as it must be, and what to do where it is not."""

from argparse import Namespace

from app.cli.output import Answer, table
from app.cli.parser import Commands


def add_to(commands: Commands) -> None:
    """Declare the command."""
    commands.single("doctor", _doctor, "look for what is wrong, and say how to mend it")


def _doctor(options: Namespace) -> Answer:
    from app.cli import checkup

    findings = checkup.of(options)
    healthy = all(each.verdict != "wrong" for each in findings)
    rows = [
        {"check": each.check, "verdict": each.verdict, "found": each.found, "fix": each.fix}
        for each in findings
    ]
    seen = [(each.check, each.verdict, each.found) for each in findings]
    lines = [table(("check", "verdict", "found"), seen)]
    lines += [
        f"\n{each.check}: {each.found}\n  To mend it: {each.fix}"
        for each in findings
        if each.verdict != "ok"
    ]
    return Answer(
        {"healthy": healthy, "findings": rows}, "\n".join(lines), status=0 if healthy else 1
    )
