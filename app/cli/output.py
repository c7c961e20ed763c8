"""What a command answers: a document for scripts, plain text for people."""

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core import clock

WIDTH = 100
_GAP = "  "
_LEAST_LAST = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command.

    Args:
        document: what `--json` prints, with the webhook contract's names.
        text: what a person reads; may be empty.
        status: the exit status.
    """

    document: Mapping[str, object]
    text: str = ""
    status: int = 0


def write(answer: Answer, *, as_json: bool) -> int:
    """Print an answer in one of its forms; gives its exit status."""
    if as_json:
        # ASCII, so that no locale and no terminal stands in its way.
        print(json.dumps({"success": answer.status == 0, **answer.document}, indent=2))
    elif answer.text:
        # Typed as TextIO, which need not be one of a terminal's.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        print(answer.text)
    sys.stdout.flush()
    return answer.status


def record(document: Mapping[str, object], *remarks: str) -> Answer:
    """One thing: a line for each of its values, then remarks."""
    return Answer(document, "\n".join([fields(document), *(f"\n{each}" for each in remarks)]))


def fields(document: Mapping[str, object]) -> str:
    """Names and values in two columns; a long value goes on below itself."""
    width = max(map(len, document), default=0)
    return "\n".join(
        textwrap.fill(
            cell(value),
            WIDTH,
            initial_indent=f"{name:{width}}{_GAP}",
            subsequent_indent=" " * width + _GAP,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, value in document.items()
    )


def listing(
    name: str, rows: Sequence[Mapping[str, object]], columns: Sequence[str], nothing: str
) -> Answer:
    """Many things: the document has them all under one name, the table has some columns.

    Args:
        name: the document's key.
        rows: one document each.
        columns: keys of the rows; the last column is cut where the line is too long.
        nothing: what a person reads where there are no rows.
    """
    cells = [[row.get(column) for column in columns] for row in rows]
    return Answer({name: list(rows)}, table(columns, cells) if rows else nothing)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns under their names, at most 100 characters wide."""
    lines = [list(header), *([cell(each) for each in row] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    widths[-1] = max(_LEAST_LAST, WIDTH - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1))
    return "\n".join(
        _GAP.join(f"{_cut(text, width):{width}}" for text, width in zip(line, widths, strict=True))
        .rstrip()
        for line in lines
    )  # fmt: skip


def cell(value: object) -> str:
    """A value in one line, without anything that a terminal would obey."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    if isinstance(value, dict):
        return "; ".join(f"{name}: {cell(each)}" for name, each in value.items())
    return "".join(char if char.isprintable() else "\ufffd" for char in str(value))


def iso(at_ms: int | None) -> str | None:
    """Epoch milliseconds as ISO 8601 in UTC with milliseconds."""
    return None if at_ms is None else clock.iso(at_ms)


def short_time(at_ms: int) -> str:
    """Epoch milliseconds for a column: month, day and time in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%m-%d %H:%M:%S")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
