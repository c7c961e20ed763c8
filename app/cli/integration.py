"""`gateway integration` and `gateway secret`: connections to 3CX and what they prove by."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli import calls, hours, terms, values
from app.cli.output import Answer, iso, listing, record
from app.cli.parser import Commands, typed
from app.cli.session import opened
from core.words import Purpose

if TYPE_CHECKING:
    from core.config import Settings
    from models.integration import Integration

_ONCE = "The secret is shown this once. 3CX sends it as X-WhatsApp-Gateway-3CX-Secret."


def _auth_modes() -> list[str]:
    from models.integration import AuthMode

    return [mode.value for mode in AuthMode]


def _purposes() -> list[str]:
    return [purpose.value for purpose in Purpose]


def _languages() -> list[str]:
    from workers.call_texts import DEFAULTS

    return list(DEFAULTS)


_AUTH_MODE = values.one_of(_auth_modes)
_NAME = values.line(200, least=0)
_REGION = values.or_nothing(terms.region, "none")
_SETTABLE = {
    "enabled": values.switch,
    "inbound": values.switch,
    "outbound": values.switch,
    "call_events": values.switch,
    "auth_mode": _AUTH_MODE,
    "allowed_ips": terms.networks,
    "default_region": _REGION,
    "default_purpose": values.one_of(_purposes),
    "language": values.one_of(_languages),
    "business_hours": hours.business_hours,
    "holidays": hours.holidays,
    "mark_read": values.switch,
    "validity": values.duration("10s", "24h", bare=True),
    "instance": values.line(40),
    "name": _NAME,
}
_GRACE = values.duration("0", "7d", bare=False)


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    integration = commands.noun("integration", "connections to 3CX")
    create = integration.single("create", _create, "make an integration")
    create.add_argument("--account", metavar="ID", required=True)
    create.add_argument("--instance", metavar="ID", required=True)
    create.add_argument("--default-region", type=typed(_REGION), help="e.g. SA")
    create.add_argument("--auth-mode", type=typed(_AUTH_MODE), help="secret, or with signature")
    create.add_argument("--name", type=typed(_NAME))
    change = integration.single(
        "set", _set, "change an integration", f"Keys: {', '.join(_SETTABLE)}."
    )
    change.add_argument("id", metavar="ID")
    change.add_argument("pairs", metavar="KEY=VALUE", nargs="+")
    integration.single("list", _list, "show all integrations")
    integration.single("show", _show, "show one integration").add_argument("id", metavar="ID")
    calls.add_to(integration)
    secret = commands.noun("secret", "webhook secrets")
    rotate = secret.single("rotate", _rotate, "make a new secret; the old one ends after a while")
    rotate.add_argument("id", metavar="ID", help="of the integration")
    rotate.add_argument(
        "--grace", type=typed(_GRACE), default="24h", help="0 to 7d; 24h by default"
    )


def _create(options: Namespace) -> Answer:
    from models import provisioning

    given = {name: getattr(options, name) for name in ("default_region", "auth_mode", "name")}
    columns = {name: value for name, value in given.items() if value is not None}
    with opened(options) as settings:
        made, secret = provisioning.add_integration(options.account, options.instance, **columns)
        document = _document(made, settings)
    first = {name: document.pop(name) for name in ("integration_id", "webhook_url")}
    return _told(first | {"secret": secret} | document, _ONCE)


def _set(options: Namespace) -> Answer:
    from models import provisioning

    columns = values.pairs(options.pairs, _SETTABLE)
    if "validity" in columns:
        columns["validity_s"] = columns.pop("validity")
    with opened(options) as settings:
        changed = provisioning.change_integration(options.id, columns)
        return _told(_document(changed, settings))


def _show(options: Namespace) -> Answer:
    from models import provisioning
    from models.integration import Integration

    with opened(options) as settings:
        return _told(_document(provisioning.find(Integration, options.id), settings))


def _list(options: Namespace) -> Answer:
    from models.integration import Integration

    with opened(options) as settings:
        found = Integration.select().order_by(Integration.id)
        rows = [_document(each, settings) for each in found]
    columns = ("integration_id", "instance_id", "enabled", "paused", "name")
    return listing(
        "integrations",
        rows,
        columns,
        "There is no integration. Make one: gateway integration create",
    )


def _rotate(options: Namespace) -> Answer:
    from models import provisioning

    with opened(options):
        secret = provisioning.rotate(options.id, options.grace * 1000)
    document = {"integration_id": options.id, "secret": secret, "grace_s": options.grace}
    return record(document, _ONCE)


def _told(document: dict[str, Any], *remarks: str) -> Answer:
    words = {
        "call_templates": calls.in_words(document["call_templates"]),
        "business_hours": hours.in_words(document["business_hours"]),
    }
    return Answer(document, record(document | words, *remarks).text)


def _document(integration: "Integration", settings: "Settings") -> dict[str, Any]:
    from app.cli.links import webhook_url

    return {
        "integration_id": integration.id,
        "webhook_url": webhook_url(settings, integration.id),
        "account_id": integration.account_id,
        "instance_id": integration.instance_id,
        "name": integration.name,
        "enabled": integration.enabled,
        "inbound": integration.inbound,
        "outbound": integration.outbound,
        "call_events": integration.call_events,
        "auth_mode": integration.auth_mode,
        "allowed_ips": integration.allowed_ips,
        "call_templates": calls.documents(integration),
        "business_hours": integration.business_hours,
        "holidays": integration.holidays,
        "language": integration.language,
        "mark_read": integration.mark_read,
        "default_region": integration.default_region,
        "default_purpose": integration.default_purpose,
        "validity_s": integration.validity_s,
        "paused": integration.pause_reason is not None,
        "pause_reason": integration.pause_reason,
        "paused_at": iso(integration.paused_at_ms),
        "created_at": iso(integration.created_at_ms),
    }
