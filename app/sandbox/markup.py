"""HTML pieces. Whatever is not already Html is escaped, so customers' text stays text."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from app.sandbox.chat import Direction, Message, Status, is_user_id

_HERE = Path(__file__).parent
_TICKS = {
    Status.ACCEPTED: "on its way",
    Status.SENT: "✓ sent",
    Status.DELIVERED: "✓✓ delivered",
    Status.READ: "✓✓ read",
    Status.FAILED: "✕ never arrived: error {error}",
    Status.POSTED: "on its way",
    Status.TAKEN: "✓ at the gateway",
    Status.UNTAKEN: "✕ the gateway did not take it",
}


class Html(str):
    """Text that is already HTML."""

    __slots__ = ()

    def join(self, parts: Iterable[str], /) -> "Html":
        """Join pieces of HTML."""
        return Html(super().join(parts))


def fill(template: str, **values: str) -> Html:
    """A template with its values, each escaped unless it is Html."""
    safe = {
        name: value if isinstance(value, Html) else escape(value) for name, value in values.items()
    }
    return Html(_template(template).substitute(safe))


def message(each: Message) -> Html:
    """One bubble of a chat."""
    mine = each.direction is Direction.IN
    kind = "" if each.type == "text" else each.type.replace("_", " ").capitalize()
    return fill(
        "message",
        wamid=each.wamid,
        side="mine" if mine else "theirs",
        author="Customer" if mine else "Business",
        kind=Html(f'<span class="kind">{escape(kind)}</span>') if kind else "",
        text=each.text,
        status=each.status,
        tick=_TICKS[each.status].format(error=each.fails),
        time=times(each.at_ms),
    )


def person(key: str, name: str, last: Message | None, url: str, *, here: bool) -> Html:
    """One customer of the list."""
    return fill(
        "person",
        key=key,
        state=f"{last.wamid if last else ''} {name}",
        link=url,
        current=Html(' aria-current="page"') if here else "",
        name=name or address(key),
        last=(last.text or last.type) if last else "",
        time=times(last.at_ms) if last else Html(""),
    )


def link(url: str, words: str, *, here: bool) -> Html:
    """A link, marked when it leads to where one is."""
    current = ' aria-current="page"' if here else ""
    return Html(f'<a href="{escape(url)}"{current}>{escape(words)}</a>')


def times(at_ms: int, *, seconds: bool = False) -> Html:
    """A time of the day in UTC, which the script turns into the local one."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return fill(
        "time",
        iso=moment.isoformat(timespec="seconds"),
        precise="seconds" if seconds else "minutes",
        clock=f"{moment:%H:%M:%S} UTC" if seconds else f"{moment:%H:%M} UTC",
    )


def address(customer: str) -> str:
    """A customer's address as people write it."""
    return customer if is_user_id(customer) else f"+{customer}"


def read(name: str) -> str:
    """A file that belongs to the page."""
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    return Template(read(f"templates/{name}.html").rstrip("\n"))
