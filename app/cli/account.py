"""`gateway account`: customers of the gateway."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app.cli import terms, values
from app.cli.output import Answer, iso, listing, record
from app.cli.parser import Commands, typed
from app.cli.session import opened

if TYPE_CHECKING:
    from models.account import Account

_MOST_MESSAGES = 100_000_000


def _plans() -> list[str]:
    from models.account import Plan

    return [plan.value for plan in Plan]


_PLAN = values.one_of(_plans)
_NAME = values.line(200)
_BUSINESS_NAME = values.line(200, least=0)
_LIMIT = values.or_nothing(values.whole(0, _MOST_MESSAGES), "the plan's")
_SETTABLE = {
    "name": _NAME,
    "business_name": _BUSINESS_NAME,
    "plan": _PLAN,
    "daily_limit": _LIMIT,
    "monthly_limit": _LIMIT,
    "timezone": terms.timezone,
    "module_enabled": values.switch,
    "refuse_marketing": values.switch,
    "blocked_phrases": terms.phrases,
    "keywords": values.or_nothing(terms.keywords, "the default words"),
}


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    account = commands.noun("account", "customers of the gateway")
    create = account.single("create", _create, "make an account")
    create.add_argument("name", metavar="NAME", type=typed(_NAME))
    create.add_argument("--plan", type=typed(_PLAN), help="starter, growth or scale")
    create.add_argument("--timezone", type=typed(terms.timezone), help="e.g. Asia/Riyadh")
    create.add_argument("--business-name", type=typed(_BUSINESS_NAME), help="for templates")
    change = account.single("set", _set, "change an account", f"Keys: {', '.join(_SETTABLE)}.")
    change.add_argument("id", metavar="ID")
    change.add_argument("pairs", metavar="KEY=VALUE", nargs="+")
    account.single("list", _list, "show all accounts")
    account.single("show", _show, "show one account").add_argument("id", metavar="ID")


def _create(options: Namespace) -> Answer:
    from models import provisioning

    given = {name: getattr(options, name) for name in ("plan", "timezone", "business_name")}
    columns = {name: value for name, value in given.items() if value is not None}
    columns.setdefault("business_name", options.name)
    with opened(options):
        return record(_document(provisioning.add_account(options.name, **columns)))


def _set(options: Namespace) -> Answer:
    from models import provisioning

    columns = values.pairs(options.pairs, _SETTABLE)
    with opened(options):
        return record(_document(provisioning.change_account(options.id, columns)))


def _show(options: Namespace) -> Answer:
    from models import provisioning
    from models.account import Account

    with opened(options):
        account = provisioning.find(Account, options.id)
        return record(_document(account) | _used(account))


def _list(options: Namespace) -> Answer:
    from models.account import Account

    with opened(options):
        rows = [_document(each) for each in Account.select().order_by(Account.id)]
    columns = ("account_id", "plan", "timezone", "paused", "name")
    return listing(
        "accounts", rows, columns, "There is no account. Make one: gateway account create"
    )


def _document(account: "Account") -> dict[str, Any]:
    from core import clock

    return {
        "account_id": account.id,
        "name": account.name,
        "business_name": account.business_name,
        "plan": account.plan,
        "daily_limit": account.limits.daily,
        "monthly_limit": account.limits.monthly,
        "timezone": account.zone_at(clock.now_ms()).key,
        "next_timezone": _next_timezone(account, clock.now_ms()),
        "module_enabled": account.module_enabled,
        "refuse_marketing": account.refuse_marketing,
        "blocked_phrases": account.blocked_phrases,
        "keywords": account.keywords,
        "paused": account.pause_reason is not None,
        "pause_reason": account.pause_reason,
        "paused_at": iso(account.paused_at_ms),
        "created_at": iso(account.created_at_ms),
    }


def _next_timezone(account: "Account", now_ms: int) -> str | None:
    from_ms = account.next_timezone_from_ms
    return account.next_timezone if from_ms is not None and now_ms < from_ms else None


def _used(account: "Account") -> dict[str, Any]:
    from core import clock
    from models.usage import Usage

    now = clock.now_ms()
    used = Usage.of(account.id, account.zone_at(now), now)
    return {"used_today": used.daily, "used_this_month": used.monthly}
