"""What the page shows of a customer: the phone, the gateway, and the agents' chat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app.sandbox import markup, playground_markup, playground_stories
from app.sandbox.markup import Html, fill
from app.sandbox.playground import HEALTH, WEATHER, Playground, weather
from core import clock

if TYPE_CHECKING:
    from app.sandbox.sandbox import Sandbox

PANES = ("phone", "gateway", "agent")
_NOTHING = Html("")


@dataclass(frozen=True, slots=True)
class View:
    """Whose chat with which number is shown, and what went wrong in which pane."""

    customer: str = field(repr=False)
    number: str
    pane: str = PANES[0]
    name: str = field(default="", repr=False)
    draft: str = field(default="", repr=False)
    problem: str = field(default="", repr=False)

    def problem_in(self, pane: str) -> Html:
        """What went wrong in this pane, if anything did."""
        return problem(self.problem if pane == self.pane else "")

    def draft_in(self, pane: str) -> str:
        """What was written in this pane and not sent."""
        return self.draft if pane == self.pane else ""


class Screen:
    """Turns a view into HTML."""

    def __init__(self, sandbox: "Sandbox", prefix: str) -> None:
        self._sandbox, self._prefix = sandbox, prefix

    def nobody(self, words: str) -> Html:
        """The page of who has chosen no customer; `words` say what was wrong."""
        return self._page(None, fill("nobody", problem=problem(words)))

    def show(self, view: View) -> Html:
        """The page of a customer."""
        play = self._sandbox.playground
        panes = [self._phone(view)]
        if play is not None:
            panes += [self._gateway(view, play), self._agent(view, play)]
        return self._page(view, _NOTHING.join(panes))

    def link(self, customer: str, number: str = "", pane: str = "", deed: str = "") -> str:
        """The address of a customer's page, or of what is done there."""
        given = {"customer": customer, "number": number, "pane": pane}
        path = f"do/{deed}" if deed else ""
        query = urlencode({key: value for key, value in given.items() if value})
        return f"{self._prefix}/{path}?{query}"

    def _page(self, view: View | None, panes: Html) -> Html:
        customer = view.customer if view else None
        playing = self._sandbox.playground is not None
        people = (
            markup.person(key, name, last, self.link(key) + "#newest", here=key == customer)
            for key, name, last in self._sandbox.phones.everybody()
        )
        heading = "Playground" if playing else "The customers’ phones"  # noqa: RUF001
        return fill(
            "page",
            title=heading if view is None else f"{self._name(view)} · {heading}",
            heading=heading,
            and_3cx=" and for 3CX" if playing else "",
            prefix=self._prefix,
            view=f"{'choosing' if view is None else 'chatting'} {'playing' if playing else ''}",
            open=Html(" open") if view is None else "",
            who="Choose a customer" if view is None else self._name(view),
            people=_NOTHING.join(people),
            tabs=_tabs(view.pane) if view and playing else _NOTHING,
            panes=panes,
        )

    def _phone(self, view: View) -> Html:
        phones = self._sandbox.phones
        customer, number = view.customer, view.number
        messages = phones.chat(customer, number)
        here = self.link(customer, number)
        playing = self._sandbox.playground is not None
        return fill(
            "chat",
            name=self._name(view),
            given_name=view.name,
            presence=self._presence(customer, number),
            numbers=self._numbers(customer, number),
            here=here,
            later=fill("later", action=self._deed(view, "later")) if playing else _NOTHING,
            words=fill("words", here=here) if playing else _NOTHING,
            empty="" if messages else "Nothing here yet. The business may answer once you wrote.",
            messages=_NOTHING.join(markup.message(each) for each in messages),
            problem=view.problem_in("phone"),
            draft=view.draft_in("phone"),
        )

    def _gateway(self, view: View, play: Playground) -> Html:
        stories = playground_stories.of(view.number, markup.address(view.customer))
        weathers = {name: words for name, (words, _) in WEATHER.items()}
        return fill(
            "gateway",
            weather=self._deed(view, "weather"),
            weathers=_choices("weather", weathers, weather(self._sandbox.faults)),
            health=self._deed(view, "health"),
            healths=_choices("health", HEALTH, play.pbx.health),
            problem=view.problem_in("gateway"),
            empty="" if stories else "Write as the customer or as the agent, and see it here.",
            stories=playground_markup.told(
                stories, play.deeds(view.customer), playground_stories.AT_MOST
            ),
        )

    def _agent(self, view: View, play: Playground) -> Html:
        address = markup.address(view.customer)
        lines = play.pbx.chats.of(address)
        trunk = play.pbx.trunk
        return fill(
            "agent",
            customer=address,
            trunk=f"SMS chat of the DID {trunk.did}" if trunk else "The trunk is being set up …",
            call=self._deed(view, "call"),
            reply=self._deed(view, "reply"),
            empty="" if lines else "No chat yet. It begins when the customer writes.",
            lines=_NOTHING.join(map(playground_markup.line, lines)),
            problem=view.problem_in("agent"),
            draft=view.draft_in("agent"),
        )

    def _deed(self, view: View, deed: str) -> str:
        return self.link(view.customer, view.number, deed=deed)

    def _name(self, view: View) -> str:
        known = self._sandbox.phones.name_of(view.customer)
        return known or view.name or markup.address(view.customer)

    def _presence(self, customer: str, number: str) -> Html:
        if self._sandbox.phones.is_typing(customer, number):
            return Html("The business is typing…")
        until_ms = self._sandbox.phones.window_until_ms(customer, number)
        left_ms = (until_ms or 0) - clock.now_ms()
        state = f"window: {_duration(left_ms)} left" if left_ms > 0 else "window closed"
        return fill("presence", address=markup.address(customer), state=state)

    def _numbers(self, customer: str, number: str) -> Html:
        numbers = list(self._sandbox.numbers.values())
        if len(numbers) <= 1:
            return _NOTHING
        links = (
            markup.link(
                self.link(customer, each.phone_number_id),
                each.display_phone_number,
                here=each.phone_number_id == number,
            )
            for each in numbers
        )
        return Html(f'<nav class="numbers" aria-label="Business numbers">{"".join(links)}</nav>')


def problem(words: str) -> Html:
    """An alert with these words, or nothing."""
    return fill("problem", words=words) if words else _NOTHING


def _duration(ms: int) -> str:
    minutes = -(-ms // 60_000)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"  # noqa: PLR2004 (an hour)


def _tabs(shown: str) -> Html:
    checked = {pane: Html(" checked") if pane == shown else "" for pane in PANES}
    return fill("tabs", **checked)


def _choices(name: str, words: Mapping[str, str], pressed: str | None) -> Html:
    return _NOTHING.join(
        fill(
            "choice",
            id=f"{name}-{value}",
            name=name,
            value=value,
            pressed="true" if value == pressed else "false",
            words=each,
        )
        for value, each in words.items()
    )
