"""`gateway integration call-template` and `crm-template`: what calls send, and how 3CX tells."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli import terms, values
from app.cli.output import Answer, record
from app.cli.parser import Commands, typed
from app.cli.session import opened
from core.errors import UsageError
from core.words import CALL_EVENTS, EventType

if TYPE_CHECKING:
    from models.integration import Integration

_KINDS = [each.value for each in EventType if each in CALL_EVENTS]
_NEWLINES = "\n\t"


def add_to(integration: Commands) -> None:
    """Declare the commands among those of an integration."""
    template = integration.single(
        "call-template",
        _template,
        "switch and word what a call event sends",
        "The text may have {{customer_phone}}, {{agent_extension}}, {{queue}}, {{call_time}} and "
        "{{business_name}}. An empty text is ours, in the integration's language.",
    )
    template.add_argument("id", metavar="ID")
    template.add_argument(
        "event_type", metavar="EVENT_TYPE", type=typed(values.one_of(lambda: _KINDS))
    )
    template.add_argument("--on", action="store_true", help="send it")
    template.add_argument("--off", action="store_true", help="send nothing")
    template.add_argument("--text", help="- reads it from standard input")
    crm = integration.single("crm-template", _crm, "print the CRM template that 3CX takes")
    crm.add_argument("id", metavar="ID")
    crm.add_argument(
        "--url", type=typed(terms.url), help="where 3CX reaches the gateway, if not PUBLIC_URL"
    )


def _template(options: Namespace) -> Answer:
    from models import provisioning

    changes: dict[str, Any] = {}
    if options.on or options.off:
        changes["enabled"] = options.on
    if options.text is not None:
        changes["text"] = _worded(options.text)
    if not changes or (options.on and options.off):
        raise UsageError("gateway integration call-template needs --on or --off, or --text.")
    with opened(options):
        kind = options.event_type
        changed = provisioning.change_call_template(options.id, kind, **changes)
        document = {"integration_id": changed.id, "event_type": kind} | documents(changed)[kind]
    off = f"Call events are off: gateway integration set {changed.id} call_events=on"
    return record(document, *([] if changed.call_events else [off]))


def documents(integration: "Integration") -> dict[str, dict[str, Any]]:
    """Each call event's template: whether it is sent, and the text that is."""
    from workers import call_texts

    found = {}
    for kind in _KINDS:
        template = integration.call_templates.get(kind, {})
        own = template.get("text", "")
        found[kind] = {
            "enabled": bool(template.get("enabled")),
            "text": own or call_texts.default(kind, integration.language),
            "own_text": bool(own),
        }
    return found


def in_words(templates: dict[str, dict[str, Any]]) -> str:
    """Which of the templates are sent, in a line."""
    sent = [
        f"{kind} ({'own' if template['own_text'] else 'our'} text)"
        for kind, template in templates.items()
        if template["enabled"]
    ]
    return ", ".join(sent)


def _worded(given: str) -> str:
    from workers import call_texts

    text = (sys.stdin.read() if given == "-" else given).strip()
    unknown = [name for name in call_texts.variables_in(text) if name not in call_texts.VARIABLES]
    if unknown:
        known = ", ".join(call_texts.VARIABLES)
        raise UsageError(f"There is no variable {values.shown(unknown[0])}; there are {known}.")
    if text and not call_texts.fill(text, {}):
        raise UsageError("--text must have words beside its variables.")
    controls = any(each < " " or "\x7f" <= each <= "\x9f" for each in text if each not in _NEWLINES)
    if controls or len(text) > call_texts.LONGEST_TEXT:
        most = f"{call_texts.LONGEST_TEXT:,}"
        raise UsageError(f"--text must have at most {most} characters, and no control characters.")
    return text


def _crm(options: Namespace) -> Answer:
    from app import threecx_template
    from models import provisioning
    from models.integration import AuthMode, Integration

    with opened(options) as settings:
        integration = provisioning.find(Integration, options.id)
    origin = options.url or settings.public_url
    if not origin:
        raise UsageError(
            "3CX must know where the gateway is: set PUBLIC_URL, or give --url https://…"
        )
    if integration.auth_mode != AuthMode.SECRET:
        raise UsageError(
            "3CX cannot sign what its CRM templates post, and this integration wants it signed: "
            f"gateway integration set {integration.id} auth_mode=secret"
        )
    xml = threecx_template.xml(origin, integration.id)
    return Answer({"integration_id": integration.id, "xml": xml}, xml)
