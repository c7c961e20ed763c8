"""The page: a customer's phone, in plain HTML that a few lines of script keep fresh."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import falcon

from app.sandbox import markup
from app.sandbox.api import Desk, not_taken
from app.sandbox.asked import read_body
from app.sandbox.chat import customer_key
from app.sandbox.guard import Refused, loopback_only
from app.sandbox.markup import Html, fill
from app.sandbox.request import TEXT_CHARACTERS

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

    def __init__(self, sandbox: "Sandbox", desk: Desk, prefix: str) -> None:
        self._sandbox, self._desk, self._prefix = sandbox, desk, prefix

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the phone; looking at a chat reads what was delivered into it."""
        written = _parameter(req, "customer")
        customer = customer_key(written)
        if customer is None:
            problem = "That is not an international phone number." if written else ""
            resp.status = falcon.HTTP_400 if written else falcon.HTTP_200
            self._show(resp, None, fill("nobody", problem=_problem(problem)))
            return
        number = self._number(req, customer)
        self._sandbox.customer_reads(customer, number)
        self._show(resp, customer, self._chat(customer, number, name=_parameter(req, "name")))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Write as the customer, then show the chat again."""
        customer = customer_key(_parameter(req, "customer"))
        if customer is None:
            raise Refused(400, "invalid_request", "Which customer?")
        form = _form(req)
        # Browsers send line ends as CR LF; a phone does not.
        text = form.get("text", "").replace("\r\n", "\n").strip()
        number, name = self._number(req, customer), form.get("name", "")
        try:
            self._write(number, customer, text, name)
        except Refused as refused:
            resp.status = refused.status
            problem = str(refused.media["message"])
            chat = self._chat(customer, number, name=name, draft=text, problem=problem)
            self._show(resp, customer, chat)
        else:
            raise falcon.HTTPSeeOther(self._link(customer, number) + "#newest")

    def _write(self, number: str, customer: str, text: str, name: str) -> None:
        if not 0 < len(text) <= TEXT_CHARACTERS:
            words = f"A message has 1 to {TEXT_CHARACTERS:,} characters."
            raise Refused(400, "invalid_request", words)
        node = {"type": "text", "text": {"body": text}}
        wamid, reply = self._desk.write(number or None, customer, node, name=name)
        if not reply.taken:
            raise not_taken(reply, wamid)

    def _chat(
        self, customer: str, number: str, *, name: str, draft: str = "", problem: str = ""
    ) -> Html:
        phones = self._sandbox.phones
        messages = phones.chat(customer, number)
        return fill(
            "chat",
            prefix=self._prefix,
            name=phones.name_of(customer) or name or markup.address(customer),
            given_name=name,
            presence=self._presence(customer, number),
            numbers=self._numbers(customer, number),
            here=self._link(customer, number),
            empty="" if messages else "Nothing here yet. The business may answer once you wrote.",
            messages=Html("").join(markup.message(each) for each in messages),
            problem=_problem(problem),
            draft=draft,
        )

    def _presence(self, customer: str, number: str) -> str:
        if self._sandbox.phones.is_typing(customer, number):
            return "The business is typing…"
        if self._sandbox.phones.window_is_open(customer, number):
            return f"{markup.address(customer)} · window open"
        return f"{markup.address(customer)} · window closed: write first"

    def _numbers(self, customer: str, number: str) -> Html:
        numbers = list(self._sandbox.numbers.values())
        if len(numbers) <= 1:
            return Html("")
        links = (
            markup.link(
                self._link(customer, each.phone_number_id),
                each.display_phone_number,
                here=each.phone_number_id == number,
            )
            for each in numbers
        )
        return Html(f'<nav class="numbers" aria-label="Business numbers">{"".join(links)}</nav>')

    def _show(self, resp: falcon.Response, customer: str | None, chat: Html) -> None:
        people = (
            markup.person(key, name, last, self._link(key) + "#newest", here=key == customer)
            for key, name, last in self._sandbox.phones.everybody()
        )
        resp.content_type = "text/html; charset=utf-8"
        resp.text = fill(
            "page",
            title="WhatsApp sandbox: " + ("customers" if customer is None else "a customer"),
            prefix=self._prefix,
            view="choosing" if customer is None else "chatting",
            people=Html("").join(people),
            chat=chat,
        )

    def _number(self, req: falcon.Request, customer: str) -> str:
        """The business number of the chat: as asked, else where they last wrote, else the first."""
        asked = _parameter(req, "number")
        if asked in self._sandbox.numbers:
            return asked
        chat = self._sandbox.phones.chat(customer)
        last = [chat[-1].phone_number_id] if chat else []
        return next(iter([*last, *self._sandbox.numbers]), "")

    def _link(self, customer: str, number: str = "") -> str:
        parameters = {"customer": customer} | ({"number": number} if number else {})
        return f"{self._prefix}/?{urlencode(parameters)}"


def _parameter(req: falcon.Request, name: str) -> str:
    value: Any = req.params.get(name, "")
    return value if isinstance(value, str) else ""


def _form(req: falcon.Request) -> dict[str, str]:
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


def _problem(words: str) -> Html:
    return fill("problem", words=words) if words else Html("")
