"""`gateway instance`: WhatsApp numbers and what is behind them."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli import terms, values
from app.cli.output import Answer, iso, listing, record
from app.cli.parser import Commands, typed
from app.cli.session import opened
from core.errors import UsageError

if TYPE_CHECKING:
    from core.config import Settings
    from models.instance import Instance


def _providers() -> list[str]:
    from workers.providers import PROVIDERS

    return list(PROVIDERS)


_SECRETS = ("access_token", "app_secret", "verify_token")
_REQUIRED = ("phone_number_id", *_SECRETS)
_SETTABLE = {
    "phone_number_id": terms.phone_number_id,
    "access_token": terms.credential,
    "app_secret": terms.credential,
    "verify_token": terms.credential,
    "base_url": terms.url,
    "graph_version": terms.graph_version,
    "provider": values.one_of(_providers),
    "messages_per_second": values.whole(1, 1_000),
    "display_phone_number": values.or_nothing(terms.own_number, "unknown"),
}
_STDIN = (
    "A secret that is given as - is read from standard input, a line each, in the order of the "
    "keys:\n" + ", ".join(_SECRETS) + ". Other users of this machine can see arguments."
)


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    instance = commands.noun("instance", "WhatsApp numbers")
    create = instance.single("create", _create, "make an instance", _STDIN)
    create.add_argument("--account", metavar="ID", required=True)
    for name, parse in _SETTABLE.items():
        create.add_argument(
            f"--{name.replace('_', '-')}",
            required=name in _REQUIRED,
            type=typed(parse, secret=name in _SECRETS),
        )
    change = instance.single(
        "set", _set, "change an instance", f"Keys: {', '.join(_SETTABLE)}.\n{_STDIN}"
    )
    change.add_argument("id", metavar="ID")
    change.add_argument("pairs", metavar="KEY=VALUE", nargs="+")
    instance.single("list", _list, "show all instances")
    instance.single("show", _show, "show one instance").add_argument("id", metavar="ID")


def _create(options: Namespace) -> Answer:
    from models import provisioning

    given = {name: getattr(options, name) for name in _SETTABLE}
    columns = _with_standard_input({name: each for name, each in given.items() if each is not None})
    with opened(options) as settings:
        return record(_document(provisioning.add_instance(options.account, **columns), settings))


def _set(options: Namespace) -> Answer:
    from models import provisioning

    columns = _with_standard_input(values.pairs(options.pairs, _SETTABLE, _SECRETS))
    with opened(options) as settings:
        instance = provisioning.change_instance(options.id, columns)
        remarks = [] if instance.pause_reason is None else [_still_paused(instance)]
        return record(_document(instance, settings), *remarks)


def _show(options: Namespace) -> Answer:
    from models import provisioning
    from models.instance import Instance

    with opened(options) as settings:
        instance = provisioning.find(Instance, options.id)
        return record(_document(instance, settings) | {"breaker": _breaker(instance)})


def _list(options: Namespace) -> Answer:
    from models.instance import Instance

    with opened(options) as settings:
        rows = [_document(each, settings) for each in Instance.select().order_by(Instance.id)]
    columns = ("instance_id", "account_id", "phone_number_id", "paused", "provider")
    return listing(
        "instances", rows, columns, "There is no instance. Make one: gateway instance create"
    )


def _with_standard_input(columns: dict[str, Any]) -> dict[str, Any]:
    for name in _SECRETS:
        if columns.get(name) == "-":
            line = sys.stdin.readline().strip()
            try:
                columns[name] = terms.credential(line)
            except values.Wrong as wrong:
                raise UsageError(
                    f"{name} on standard input is {values.shown(line, secret=True)}, "
                    f"and must be {wrong}."
                ) from None
            if line == "-":
                raise UsageError(f"{name} on standard input is - itself.")
    return columns


def _still_paused(instance: "Instance") -> str:
    return f"It is paused. When all is well: gateway resume instance {instance.id}"


def _document(instance: "Instance", settings: "Settings") -> dict[str, Any]:
    from app.cli.links import whatsapp_webhook_url

    return {
        "instance_id": instance.id,
        "account_id": instance.account_id,
        "provider": instance.provider,
        "phone_number_id": instance.phone_number_id,
        "display_phone_number": instance.display_phone_number,
        "whatsapp_webhook_url": whatsapp_webhook_url(settings, instance.id),
        "base_url": instance.base_url,
        "graph_version": instance.graph_version,
        "messages_per_second": instance.messages_per_second,
        "paused": instance.pause_reason is not None,
        "pause_reason": instance.pause_reason,
        "paused_at": iso(instance.paused_at_ms),
        "created_at": iso(instance.created_at_ms),
    }


def _breaker(instance: "Instance") -> dict[str, Any]:
    from core import clock
    from models.breaker import Breaker

    breaker = Breaker.of(instance.id)
    return {
        "state": breaker.position(clock.now_ms()).value,
        "failures": breaker.failures,
        "open_until": iso(breaker.open_until_ms),
    }
