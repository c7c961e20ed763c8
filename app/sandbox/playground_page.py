"""What a person does on the page beside writing as the customer."""

from typing import TYPE_CHECKING

import falcon

from app.sandbox import markup
from app.sandbox.chat import is_user_id
from app.sandbox.guard import Refused, loopback_only
from app.sandbox.page import form_of, require_text, show_refusal, text_of, view_of
from app.sandbox.playground import HEALTH, Playground, set_weather
from app.sandbox.screen import Screen, View
from app.sandbox.threecx import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.sandbox.sandbox import Sandbox

Form = dict[str, str]


@falcon.before(loopback_only)
class Deeds:
    """`POST do/{deed}`: one of the table below, then the page again."""

    def __init__(self, sandbox: "Sandbox", playground: Playground, screen: Screen) -> None:
        self._sandbox, self._playground, self._screen = sandbox, playground, screen
        # The deed, and the pane that it is done in.
        self._deeds: Mapping[str, tuple[Callable[[View, Form], None], str]] = {
            "reply": (self._reply, "agent"),
            "call": (self._call, "agent"),
            "later": (self._later, "phone"),
            "weather": (self._weather, "gateway"),
            "health": (self._health, "gateway"),
        }

    def on_post(self, req: falcon.Request, resp: falcon.Response, deed: str) -> None:
        """Do it; what cannot be done is said on the page."""
        if deed not in self._deeds:
            raise Refused(404, "not_found", "Nothing of that name can be done.")
        do, pane = self._deeds[deed]
        view, form = view_of(req, self._sandbox, pane), _form(req)
        try:
            do(view, form)
        except Refused as refused:
            show_refusal(resp, refused, self._screen, view, form)
        else:
            raise falcon.HTTPSeeOther(self._screen.link(view.customer, view.number, pane))

    def _reply(self, view: View, form: Form) -> None:
        text = text_of(form)
        require_text(text)
        self._playground.pbx.reply(markup.address(view.customer), text)

    def _call(self, view: View, _form: Form) -> None:
        if is_user_id(view.customer):
            raise Refused(400, "invalid_request", "Who has no phone number cannot call.")
        self._playground.pbx.miss_call(markup.address(view.customer))

    def _later(self, view: View, _form: Form) -> None:
        self._sandbox.close_window(view.number, view.customer)
        self._playground.note(
            "You let 24 hours pass: the customer's last message is now that much older, "
            "for WhatsApp and for the gateway.",
            view.customer,
        )

    def _weather(self, _view: View, form: Form) -> None:
        try:
            words = set_weather(self._sandbox.faults, form.get("weather", ""))
        except KeyError:
            raise Refused(400, "invalid_request", "WhatsApp knows no such trouble.") from None
        self._playground.note(f"WhatsApp from now on: {words.lower()}.")

    def _health(self, _view: View, form: Form) -> None:
        try:
            health = Health(form.get("health", ""))
        except ValueError:
            raise Refused(400, "invalid_request", "3CX knows no such trouble.") from None
        self._playground.pbx.health = health
        self._playground.note(f"3CX from now on: {HEALTH[health].lower()}.")


def _form(req: falcon.Request) -> Form:
    # A form whose only field is its button has no body when it is sent by the keyboard.
    return form_of(req) if req.content_length else {}
