"""`gateway suppression`: people of an account to whom nothing may be sent."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli import values
from app.cli.output import Answer, iso, listing, record
from app.cli.parser import Commands, typed
from app.cli.session import opened
from core import phone
from core.errors import UsageError

if TYPE_CHECKING:
    from models.suppression import Suppression

_SOURCE = values.line(100)


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    suppression = commands.noun("suppression", "people to whom nothing may be sent")
    add = suppression.single("add", _add, "block a number")
    add.add_argument("phone", metavar="PHONE", help="international, e.g. +966512345678")
    add.add_argument(
        "--source", type=typed(_SOURCE), default="administrator", help="who or what says so"
    )
    remove = suppression.single("remove", _remove, "lift the opt-out and the block of a number")
    remove.add_argument("phone", metavar="PHONE", help="international, e.g. +966512345678")
    show = suppression.single("list", _list, "show the suppressions of an account")
    show.add_argument("--reveal", action="store_true", help="show whole numbers")
    for command in (add, remove, show):
        command.add_argument("--account", metavar="ID", required=True)


def _add(options: Namespace) -> Answer:
    from models import provisioning
    from models.account import Account
    from models.suppression import Kind, Suppression

    number = _number(options.phone)
    with opened(options):
        provisioning.find(Account, options.account)
        added = Suppression.add(options.account, number, Kind.BLOCK, options.source)
    document = {
        "account_id": options.account,
        "phone": phone.mask(number),
        "kind": Kind.BLOCK.value,
        "added": added,
    }
    return record(document, *([] if added else ["The number was blocked already."]))


def _remove(options: Namespace) -> Answer:
    from models import provisioning
    from models.account import Account
    from models.suppression import Kind, Suppression

    number = _number(options.phone)
    with opened(options):
        provisioning.find(Account, options.account)
        lifted = Suppression.lift(options.account, number, *Kind)
    return record({"account_id": options.account, "phone": phone.mask(number), "lifted": lifted})


def _list(options: Namespace) -> Answer:
    from models import provisioning
    from models.account import Account
    from models.suppression import Suppression

    with opened(options):
        provisioning.find(Account, options.account)
        found = (
            Suppression.select()
            .where(Suppression.account == options.account)
            .order_by(Suppression.created_at_ms)
        )
        rows = [_document(each, reveal=options.reveal) for each in found]
    columns = ("phone", "kind", "created_at", "source")
    return listing("suppressions", rows, columns, "Nobody is suppressed.")


def _document(suppression: "Suppression", *, reveal: bool) -> dict[str, Any]:
    # A person may be known by a user id instead of a number.
    address = suppression.phone or ""
    return {
        "phone": address if reveal else phone.mask(address),
        "kind": suppression.kind,
        "source": suppression.source,
        "created_at": iso(suppression.created_at_ms),
    }


def _number(given: str) -> str:
    number = phone.normalise(given, None)
    if number is None:
        raise UsageError("PHONE is not an international number: write it as +966512345678.")
    return number
