"""`gateway destination`: where an integration's news go, and whether they arrive there."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.cli import terms, values
from app.cli.output import Answer, iso, listing, record
from app.cli.parser import Commands, typed
from app.cli.session import opened
from core.errors import UsageError

if TYPE_CHECKING:
    from core.config import Settings
    from models.destination import Destination, Kind, News, Route

_KINDS = ("threecx_sms", "webhook")
_STDIN = (
    "An address or a secret that is given as - is read from standard input, a line each, the "
    "address first.\nWhat is set again replaces what was set, but for a webhook's secret."
)
_ONCE = "The secret is shown this once. Every event is signed with it, as 3CX's webhooks are."


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    destination = commands.noun("destination", "where customers' messages go")
    change = destination.single("set", _set, "have an integration's news told", _STDIN)
    change.add_argument("integration", metavar="INTEGRATION")
    change.add_argument("kind", metavar="|".join(_KINDS), choices=_KINDS)
    change.add_argument("--url", type=typed(_address, secret=True), required=True)
    change.add_argument(
        "--did",
        type=typed(terms.route),
        action="append",
        help="of the trunk: +DID, or +DID=INSTANCE, or +DID=INSTANCE/QUEUE; may be repeated",
    )
    change.add_argument("--events", type=typed(_events), help="of a webhook; all by default")
    change.add_argument(
        "--secret",
        type=typed(terms.signing_secret, secret=True),
        help="of a webhook; without it one is made, or kept",
    )
    destination.single("list", _list, "show all destinations")
    for name, run, words in (
        ("show", _show, "show one destination and how it is doing"),
        ("enable", _switch, "have it told again, with what waited"),
        ("disable", _switch, "have it told nothing; what is on its way waits"),
        ("remove", _remove, "forget it; what is on its way fails"),
        ("test", _test, "tell it something now, and say what came of it"),
    ):
        command = destination.single(name, run, words)
        command.add_argument("id", metavar="ID")
        if name == "test":
            command.add_argument(
                "--customer",
                type=typed(terms.own_number),
                help="whose chat the test appears in; for threecx_sms",
            )


def _set(options: Namespace) -> Answer:
    from app.cli import reach
    from models import provisioning
    from models.destination import Kind
    from models.integration import Integration
    from models.secret import new_secret

    kind = Kind(options.kind)
    _check_kind(options, kind)
    url = _typed_in("--url", options.url, _address)
    secret = _typed_in("--secret", options.secret, terms.signing_secret)
    with opened(options) as settings:
        integration = provisioning.find(Integration, options.integration)
        remarks = reach.remarks(url, settings)
        routes = _routes(options.did or [], integration.instance_id)
        fresh = new_secret()
        destination = provisioning.set_destination(
            integration.id,
            kind,
            url,
            routes=routes,
            events=options.events,
            secret=secret,
            first_secret=fresh,
        )
        document = _document(destination)
        if destination.secret == fresh:
            document = {"destination_id": destination.id, "secret": fresh} | document
            remarks.append(_ONCE)
        return record(document, *remarks, _next(destination, settings))


def _check_kind(options: Namespace, kind: "Kind") -> None:
    chat = kind.value == "threecx_sms"
    if chat and not options.did:
        raise UsageError(
            "threecx_sms needs --did: the number of the 3CX trunk by which agents see the chats."
        )
    for option in ("events", "secret") if chat else ("did",):
        if getattr(options, option) is not None:
            raise UsageError(f"--{option} is not for {kind.value}.")


def _routes(given: list[tuple[str, str | None, str | None]], own: str) -> list["Route"]:
    from models.destination import Route

    if len(given) > 1 and any(instance is None for _, instance, _ in given):
        raise UsageError("With several --did, each names its instance: --did +DID=INSTANCE")
    return [Route(did, instance or own, queue) for did, instance, queue in given]


def _list(options: Namespace) -> Answer:
    from models.destination import Destination

    with opened(options):
        rows = [_document(each) for each in Destination.select().order_by(Destination.id)]
    columns = ("destination_id", "integration_id", "kind", "enabled", "url")
    return listing(
        "destinations",
        rows,
        columns,
        "There is no destination. Set one: gateway destination set",
    )


def _show(options: Namespace) -> Answer:
    from app.cli import wayside
    from models import provisioning

    with opened(options):
        destination = provisioning.find_destination(options.id)
        return record(_document(destination) | wayside.state_of(destination))


def _switch(options: Namespace) -> Answer:
    from models import provisioning

    with opened(options):
        provisioning.switch_destination(options.id, enabled=options.verb == "enable")
        return record(_document(provisioning.find_destination(options.id)))


def _remove(options: Namespace) -> Answer:
    from models import provisioning

    with opened(options):
        lost = provisioning.remove_destination(options.id)
    document = {"destination_id": options.id, "removed": True, "undelivered": lost}
    if not lost:
        return record(document)
    return record(
        document,
        f"{lost} that were not delivered to it are lost. To give a destination another address and "
        "keep what waits, set it again instead.",
    )


def _test(options: Namespace) -> Answer:
    from app.cli import wayside
    from models import provisioning

    with opened(options) as settings:
        destination = provisioning.find_destination(options.id)
        return wayside.test(destination, options.customer, settings)


def _address(text: str) -> str:
    return text if text == "-" else terms.destination_url(text)


def _events(text: str) -> list["News"]:
    from models.destination import News

    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names or not set(names) <= set(News):
        raise values.Wrong("of " + ", ".join(News) + ", with commas between")
    return [News(each) for each in names]


def _typed_in(option: str, given: str | None, parse: values.Parse) -> Any:
    if given != "-":
        return given
    line = sys.stdin.readline().strip()
    try:
        if line == "-":
            raise values.Wrong("something else than -")  # noqa: TRY301 (worded like the others)
        return parse(line)
    except values.Wrong as wrong:
        shown = values.shown(line, secret=True)
        raise UsageError(f"{option} on standard input is {shown}, and must be {wrong}.") from None


def _document(destination: "Destination") -> dict[str, Any]:
    return {
        "destination_id": destination.id,
        "integration_id": destination.integration_id,
        "account_id": destination.account_id,
        "kind": destination.kind,
        "url": _shown(destination),
        "enabled": destination.enabled,
        "dids": [
            f"{each.did}={each.instance_id}" + (f"/{each.queue}" if each.queue else "")
            for each in destination.ways
        ],
        "events": destination.events,
        "created_at": iso(destination.created_at_ms),
    }


def _shown(destination: "Destination") -> str:
    parts = urlsplit(str(destination.url))
    origin = f"{parts.scheme}://{parts.netloc}"
    if destination.kind == "threecx_sms":
        return f"{origin}/…"
    return origin + parts.path + ("?…" if parts.query else "")


def _next(destination: "Destination", settings: "Settings") -> str:
    from app.cli.links import sms_url

    if destination.kind != "threecx_sms":
        return f"Try it: gateway destination test {destination.id}"
    remark = (
        "PUBLIC_URL is not set: the address below holds on this machine only.\n"
        if not settings.public_url
        else ""
    )
    dids = ", ".join(dict.fromkeys(each.did for each in destination.ways))
    return remark + "\n".join(
        (
            "In 3CX: the trunk, SMS, provider Generic.",
            f"  Provider URL  {sms_url(settings, destination.integration_id)}",
            "  API key       the integration's secret (gateway secret rotate makes a new one)",
            f"  DIDs          {dids}: each needs an inbound route to its queue or extension",
            f"Try it: gateway destination test {destination.id} --customer +NUMBER",
        )
    )
