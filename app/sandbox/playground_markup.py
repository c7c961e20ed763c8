"""HTML of the panes beside the phone: the gateway's stories and the agents' chat."""

from app.sandbox.markup import Html, fill, times
from app.sandbox.playground import Deed
from app.sandbox.playground_stories import Step, Story
from app.sandbox.threecx import Line, Who
from workers.notices_words import AFTER_ALL, AUTOMATIC, NOT_SENT

_ARROWS = {"in": "→", "out": "←", "deed": "★"}
_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_OURS = (NOT_SENT, AFTER_ALL, AUTOMATIC)  # how a line begins that the gateway writes to agents


def told(stories: list[Story], deeds: list[Deed], at_most: int) -> Html:
    """Stories and what a person did between them, the newest first."""
    mine = [Story(f"deed-{each.id}", "deed", each.words, each.at_ms) for each in deeds]
    newest = sorted([*stories, *mine], key=lambda story: story.at_ms, reverse=True)
    return Html("").join(map(_story, newest[:at_most]))


def line(each: Line) -> Html:
    """One line of the agents' chat."""
    side, author, tick = "theirs", "Customer", ""
    if each.who is not Who.CUSTOMER:
        side = "mine" if each.who is Who.AGENT else "call"
        author = "Agent" if each.who is Who.AGENT else "3CX"
        tick = _tick(each)
    elif each.text.startswith(_OURS):
        side, author = "theirs notice", "Gateway"
    failed = "untaken" if each.answered is not None and not each.taken else ""
    return fill(
        "line",
        id=each.id,
        side=f"{side} {failed}".strip(),
        state=str(each.answered),
        author=author,
        text=each.text,
        time=times(each.at_ms),
        tick=tick,
    )


def _tick(each: Line) -> str:
    said = "reported" if each.who is Who.CALL else "sent"
    if each.taken:
        return f" · ✓ {said}"
    if each.answered is None:
        return " · …"
    why = f"HTTP {each.answered}" if each.answered else "nobody answers"
    return f" · ✕ not {said} ({why})"


def _story(each: Story) -> Html:
    steps = Html("").join(_step(step, each.at_ms) for step in each.steps)
    return fill(
        "story",
        id=each.id,
        state=str(hash(each)),
        way=each.way,
        arrow=_ARROWS[each.way],
        title=each.title,
        time=times(each.at_ms, seconds=True),
        pill=fill("pill", tone=each.tone, words=each.state) if each.state else Html(""),
        said=fill("said", text=each.said) if each.said else Html(""),
        steps=fill("steps", steps=steps) if each.steps else Html(""),
    )


def _step(step: Step, began_ms: int) -> Html:
    until = Html("")
    if step.until_ms is not None:
        until = fill("until", time=times(step.until_ms, seconds=True))
    return fill(
        "step",
        tone=step.tone,
        after="" if step.at_ms is None else _after(step.at_ms - began_ms),
        words=step.words,
        until=until,
        note=fill("note", words=step.note) if step.note else Html(""),
        more=fill("more", words=step.more) if step.more else Html(""),
    )


def _after(ms: int) -> str:
    if ms < _SECOND_MS:
        return f"+{max(0, ms)} ms"
    if ms < _MINUTE_MS:
        return f"+{ms / _SECOND_MS:.1f} s"
    return f"+{ms // _MINUTE_MS} min"
