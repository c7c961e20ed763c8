"""`gateway integration inspect`: the last requests of an integration, redacted."""

import json
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli.output import Answer, cell, fields, iso
from app.cli.parser import Commands
from app.cli.session import opened

if TYPE_CHECKING:
    from models.capture import Capture

_MEANS = (
    "Of a number the last two digits are shown, of a text its length, of secrets that they were "
    "there."
)


def add_to(commands: Commands) -> None:
    """Declare the command, beside the others of its noun."""
    inspect = commands.verbs_of("integration").single(
        "inspect", _inspect, "show what a PBX sent lately, redacted, the newest first", _MEANS
    )
    inspect.add_argument("id", metavar="ID")


def _inspect(options: Namespace) -> Answer:
    from app.cli.links import webhook_url
    from models import provisioning
    from models.capture import Capture
    from models.integration import Integration

    with opened(options) as settings:
        integration = provisioning.find(Integration, options.id)
        found = [_document(each) for each in Capture.of(integration.id)]
        url = webhook_url(settings, integration.id)
    nothing = f"Nothing has come for this integration yet. 3CX posts its webhooks to {url}"
    text = "\n\n".join(map(_told, found)) if found else nothing
    return Answer({"integration_id": options.id, "requests": found}, text)


def _document(capture: "Capture") -> dict[str, Any]:
    return {
        "at": iso(capture.at_ms),
        "door": capture.door,
        "status": capture.status,
        "error": capture.error,
        "reason": capture.reason,
        "authenticated": capture.proven,
        "address": capture.address,
        **capture.content,
    }


def _told(request: dict[str, Any]) -> str:
    body = request["body"] or {}
    outcome = " ".join(map(str, filter(None, (request["status"], request["error"]))))
    about = {
        "request": f"{request['method']} {request['door']} from {request['address']}",
        "answer": f"{outcome}: {request['reason']}" if request["reason"] else outcome,
        "headers": request["headers"],
        "query": request["query"],
        "body": f"{body['length']} bytes" if body else "not read",
        "broken": body.get("broken"),
        "around": body.get("around"),
    }
    lines = fields({name: each for name, each in about.items() if each}).splitlines()
    if "json" in body:
        shown = json.dumps(body["json"], indent=2, ensure_ascii=False)
        lines += map(cell, shown.splitlines())
    return "\n  ".join([request["at"], *lines])
