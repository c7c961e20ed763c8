"""The page: plain HTML with forms, which a few lines of script keep fresh."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import falcon

from app.sandbox import markup
from app.sandbox.api import Desk, not_taken
from app.sandbox.asked import read_body
from app.sandbox.chat import customer_key
from app.sandbox.guard import Refused, loopback_only
from app.sandbox.request import TEXT_CHARACTERS
from app.sandbox.screen import PANES, Screen, View

if TYPE_CHECKING:
    from app.sandbox.sandbox import Sandbox

_STATIC = {"phone.css": "text/css; charset=utf-8", "phone.js": "text/javascript; charset=utf-8"}
_FORM_FIELDS = 10


@falcon.before(loopback_only)
class Static:
    """The page's style and script."""

    def __init__(self) -> None:
        self._files = {name: markup.read(f"static/{name}") for name in _STATIC}

    def on_get(self, _req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Answer one of the two files."""
        if name not in self._files:
            raise Refused(404, "not_found", "No such file.")
        resp.content_type = _STATIC[name]
        resp.text = self._files[name]


@falcon.before(loopback_only)
class Phone:
    """The page of a chat, `?customer=` with `&number=`; without them, only who there is."""

    def __init__(self, sandbox: "Sandbox", desk: Desk, screen: Screen) -> None:
        self._sandbox, self._desk, self._screen = sandbox, desk, screen

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the phone; looking at a chat reads what was delivered into it."""
        resp.content_type = falcon.MEDIA_HTML
        written = _parameter(req, "customer")
        if customer_key(written) is None:
            problem = "That is not an international phone number." if written else ""
            resp.status = falcon.HTTP_400 if written else falcon.HTTP_200
            resp.text = self._screen.nobody(problem)
            return
        view = view_of(req, self._sandbox)
        self._sandbox.customer_reads(view.customer, view.number)
        resp.text = self._screen.show(view)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Write as the customer, then show the chat again."""
        view, form = view_of(req, self._sandbox), form_of(req)
        text, name = text_of(form), form.get("name", "")
        try:
            self._write(view, text, name)
        except Refused as refused:
            show_refusal(resp, refused, self._screen, view, form)
        else:
            raise falcon.HTTPSeeOther(self._screen.link(view.customer, view.number) + "#newest")

    def _write(self, view: View, text: str, name: str) -> None:
        require_text(text)
        node = {"type": "text", "text": {"body": text}}
        wamid, reply = self._desk.write(view.number or None, view.customer, node, name=name)
        if not reply.taken:
            raise not_taken(reply, wamid)


def view_of(req: falcon.Request, sandbox: "Sandbox", pane: str = "") -> View:
    """The chat that a request is about; raises Refused.

    Its number is the one asked for, else where the customer wrote last, else the first.
    """
    customer = customer_key(_parameter(req, "customer"))
    if customer is None:
        raise Refused(400, "invalid_request", "Which customer?")
    number = _parameter(req, "number")
    if number not in sandbox.numbers:
        chat = sandbox.phones.chat(customer)
        last = [chat[-1].phone_number_id] if chat else []
        number = next(iter([*last, *sandbox.numbers]), "")
    pane = pane or _parameter(req, "pane")
    name = _parameter(req, "name")
    return View(customer, number, pane if pane in PANES else PANES[0], name)


def form_of(req: falcon.Request) -> dict[str, str]:
    """The fields of a posted form; raises Refused."""
    try:
        fields = parse_qs(
            read_body(req).decode(),
            strict_parsing=True,
            errors="strict",
            max_num_fields=_FORM_FIELDS,
        )
    except ValueError:
        raise Refused(400, "invalid_request", "The body is not a form.") from None
    return {name: values[0] for name, values in fields.items()}


def text_of(form: Mapping[str, str]) -> str:
    """What was written: browsers send line ends as CR LF, a phone does not."""
    return form.get("text", "").replace("\r\n", "\n").strip()


def require_text(text: str) -> None:
    """A message has something to say, and not too much; raises Refused."""
    if not 0 < len(text) <= TEXT_CHARACTERS:
        raise Refused(400, "invalid_request", f"A message has 1 to {TEXT_CHARACTERS:,} characters.")


def show_refusal(
    resp: falcon.Response, refused: Refused, screen: Screen, view: View, form: Mapping[str, str]
) -> None:
    """Show the page again with what went wrong, and with what was written."""
    resp.status = refused.status
    resp.content_type = falcon.MEDIA_HTML
    said = {"problem": str(refused.media["message"]), "draft": text_of(form)}
    resp.text = screen.show(replace(view, name=form.get("name", ""), **said))


def _parameter(req: falcon.Request, name: str) -> str:
    value: Any = req.params.get(name, "")
    return value if isinstance(value, str) else ""
