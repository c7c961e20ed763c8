"""The sandbox's routes, as a table."""

from typing import TYPE_CHECKING, Any

import falcon

from app.sandbox import api, page
from app.sandbox.guard import Refused, answer_refusal
from app.sandbox.playground_page import Deeds
from app.sandbox.screen import Screen

if TYPE_CHECKING:
    from app.sandbox.sandbox import Sandbox


def add(app: falcon.App[Any, Any], sandbox: "Sandbox", prefix: str) -> None:
    """Put the page and the API of this sandbox under `prefix`, such as `/sandbox`."""
    desk = api.Desk(sandbox)
    screen = Screen(sandbox, prefix)
    phone = page.Phone(sandbox, desk, screen)
    thread = api.Thread(sandbox, desk)
    app.add_error_handler(Refused, answer_refusal)
    app.add_route(prefix, phone)
    app.add_route(f"{prefix}/", phone)
    app.add_route(f"{prefix}/static/{{name}}", page.Static())
    app.add_route(f"{prefix}/api/customers", api.Customers(sandbox))
    app.add_route(f"{prefix}/api/customers/{{customer}}/messages", thread)
    app.add_route(f"{prefix}/api/customers/{{customer}}/read", api.Reading(sandbox))
    app.add_route(f"{prefix}/api/received", api.Received(sandbox))
    app.add_route(f"{prefix}/api/faults", api.FaultRules(sandbox))
    if sandbox.playground is not None:
        app.add_route(f"{prefix}/do/{{deed}}", Deeds(sandbox, sandbox.playground, screen))
