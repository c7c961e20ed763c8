"""Setting the gateway up by its command line."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from app.cli import links
from app.cli.output import WIDTH
from core import clock
from core.config import Settings
from tests.app.cli.console import NUMBER

if TYPE_CHECKING:
    from tests.app.cli.console import Console


def test_three_commands_set_a_connection_up(console: Console) -> None:
    account = console.json("account", "create", "Bakery", "--plan", "growth")
    assert (account["daily_limit"], account["monthly_limit"]) == (500, 10_000)
    instance = console.json("instance", "create", "--account", account["account_id"], *NUMBER)
    assert instance["phone_number_id"] == "123456789012345"
    assert instance["whatsapp_webhook_url"].endswith(
        f"/webhooks/whatsapp/{instance['instance_id']}"
    )
    integration = console.json(
        *("integration", "create", "--account", account["account_id"]),
        *("--instance", instance["instance_id"], "--default-region", "sa"),
    )
    name = integration["integration_id"]
    assert integration["webhook_url"] == f"http://127.0.0.1:8000/integrations/3cx/webhook/{name}"
    assert integration["secret"].startswith("whsec_")
    assert integration["default_region"] == "SA"


def test_secrets_are_never_shown_again(console: Console) -> None:
    site = console.site()
    everything = "".join(
        console.run(noun, verb, *rest, form).out
        for noun in ("account", "instance", "integration")
        for verb, *rest in (["list"], ["show", site[f"{noun}_id"]])
        for form in ("--json", "--data-dir=" + str(console.data_dir))
    )
    assert site["integration_id"] in everything
    for secret in (site["secret"], "EAAtoken", "app-key", "hello"):
        assert secret not in everything


def test_secrets_may_come_on_standard_input_a_line_each(console: Console) -> None:
    account = console.json("account", "create", "A")["account_id"]
    instance = console.json(
        *("instance", "create", "--account", account, "--phone-number-id", "12345"),
        *("--verify-token", "-", "--app-secret", "seen", "--access-token", "-"),
        typing="first\nsecond\n",
    )["instance_id"]
    assert opened(console, instance) == ("first", "seen", "second")
    console.json("instance", "set", instance, "app_secret=-", typing="third\n")
    assert opened(console, instance) == ("first", "third", "second")


def opened(console: Console, instance_id: str) -> tuple[str, str, str]:
    import models
    from models.instance import Instance

    models.start(Settings.from_environment(console.variables))
    row = Instance.get_by_id(instance_id)
    models.stop()
    return row.access_token, row.app_secret, row.verify_token


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ("plan=scale", {"plan": "scale", "daily_limit": 1_500, "monthly_limit": 30_000}),
        ("daily_limit=7", {"daily_limit": 7, "monthly_limit": 2_000}),
        ("daily_limit=", {"daily_limit": 100}),
        ("monthly_limit=0", {"monthly_limit": 0}),
        ("module_enabled=off", {"module_enabled": False}),
        ("refuse_marketing=NO", {"refuse_marketing": False}),
        ("business_name= Bäckerei Süd ", {"business_name": "Bäckerei Süd"}),
        ("name=B", {"name": "B"}),
        ("blocked_phrases=act now, last chance", {"blocked_phrases": ["act now", "last chance"]}),
        ('blocked_phrases=["a, b"]', {"blocked_phrases": ["a, b"]}),
        ("blocked_phrases=", {"blocked_phrases": []}),
        (
            'keywords={"stop": ["ENDE"], "start": ["LOS"]}',
            {"keywords": {"stop": ["ENDE"], "start": ["LOS"]}},
        ),
        ("keywords=", {"keywords": None}),
        ("timezone=Asia/Riyadh", {"timezone": "UTC", "next_timezone": "Asia/Riyadh"}),
        ("timezone=UTC", {"timezone": "UTC", "next_timezone": None}),
    ],
)
def test_an_account_takes_each_setting(console: Console, pair: str, shown: dict[str, Any]) -> None:
    account = console.json("account", "create", "A")["account_id"]
    console.json("account", "set", account, pair)
    now = console.json("account", "show", account)
    assert now | shown == now


def test_a_changed_time_zone_holds_from_the_next_day(console: Console) -> None:
    account = console.json("account", "create", "A")["account_id"]
    console.json("account", "set", account, "timezone=Asia/Riyadh")
    clock.turn(24 * 60 * 60 * 1000)
    try:
        now = console.json("account", "show", account)
    finally:
        clock.reset()
    assert (now["timezone"], now["next_timezone"]) == ("Asia/Riyadh", None)


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ("enabled=false", {"enabled": False}),
        ("inbound=0", {"inbound": False}),
        ("outbound=off", {"outbound": False}),
        ("call_events=yes", {"call_events": True}),
        ("auth_mode=secret_and_signature", {"auth_mode": "secret_and_signature"}),
        (
            "allowed_ips=10.1.2.3/8, 203.0.113.7,::ffff:192.0.2.1,2001:DB8::1/32,203.0.113.7/32",
            {"allowed_ips": ["10.0.0.0/8", "203.0.113.7", "192.0.2.1", "2001:db8::/32"]},
        ),
        ("allowed_ips=::ffff:10.0.0.0/104", {"allowed_ips": ["10.0.0.0/8"]}),
        ("allowed_ips=", {"allowed_ips": []}),
        ("default_region=de", {"default_region": "DE"}),
        ("default_region=", {"default_region": None}),
        ("default_purpose=operational", {"default_purpose": "operational"}),
        ("validity=10", {"validity_s": 10}),
        ("validity=15m", {"validity_s": 900}),
        ("validity=24h", {"validity_s": 86_400}),
        ("name=Reception", {"name": "Reception"}),
    ],
)
def test_an_integration_takes_each_setting(
    console: Console, pair: str, shown: dict[str, Any]
) -> None:
    integration = console.site()["integration_id"]
    changed = console.json("integration", "set", integration, pair)
    assert changed | shown == changed
    assert console.json("integration", "show", integration) == changed


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ("phone_number_id=54321", {"phone_number_id": "54321"}),
        ("base_url=http://127.0.0.1:9/", {"base_url": "http://127.0.0.1:9"}),
        ("graph_version=v27.0", {"graph_version": "v27.0"}),
        ("messages_per_second=1000", {"messages_per_second": 1_000}),
        ("display_phone_number=00966 11 234 5678", {"display_phone_number": "+966112345678"}),
        ("display_phone_number=", {"display_phone_number": None}),
    ],
)
def test_an_instance_takes_each_setting(console: Console, pair: str, shown: dict[str, Any]) -> None:
    instance = console.site()["instance_id"]
    changed = console.json("instance", "set", instance, pair)
    assert changed | shown == changed


@pytest.mark.parametrize(
    ("grace", "grace_s"), [([], 86_400), (["--grace", "90s"], 90), (["--grace", "7d"], 604_800)]
)
def test_an_old_secret_lives_on_for_its_grace(
    console: Console, grace: list[str], grace_s: int
) -> None:
    site = console.site()
    rotated = console.json("secret", "rotate", site["integration_id"], *grace)
    assert rotated["secret"] not in {site["secret"], ""}
    assert rotated["grace_s"] == grace_s
    old, new = ends_in_s(console)
    assert grace_s - 30 < old <= grace_s
    assert new is None


def test_without_grace_only_the_new_secret_is_left(console: Console) -> None:
    console.json("secret", "rotate", console.site()["integration_id"], "--grace", "0")
    assert ends_in_s(console) == [None]


def ends_in_s(console: Console) -> list[Any]:
    with sqlite3.connect(console.data_dir / "gateway.sqlite3") as database:
        rows = database.execute("SELECT expires_at_ms FROM secret ORDER BY id").fetchall()
    database.close()
    return [None if end is None else (end - clock.now_ms()) / 1000 for (end,) in rows]


def test_a_number_is_blocked_listed_and_let_go(console: Console) -> None:
    account = ("--account", console.site()["account_id"])
    added = console.json("suppression", "add", "00966 51 234 5678", *account, "--source", "letter")
    assert (added["added"], added["phone"]) == (True, "+9665•••••78")
    assert console.json("suppression", "add", "+966512345678", *account)["added"] is False
    assert "512345678" not in console.run("suppression", "list", *account).out
    (listed,) = console.json("suppression", "list", *account, "--reveal")["suppressions"]
    assert (listed["phone"], listed["kind"], listed["source"]) == (
        "+966512345678",
        "block",
        "letter",
    )
    assert console.json("suppression", "remove", "+966512345678", *account)["lifted"] == 1
    assert console.json("suppression", "remove", "+966512345678", *account)["lifted"] == 0
    assert console.json("suppression", "list", *account)["suppressions"] == []


@pytest.mark.parametrize("noun", ["account", "instance", "integration"])
def test_a_pause_says_why_and_since_when_until_it_ends(console: Console, noun: str) -> None:
    row_id = console.site()[f"{noun}_id"]
    console.json("pause", noun, row_id, "--reason", "holiday")
    paused = console.json(noun, "show", row_id)
    assert (paused["paused"], paused["pause_reason"]) == (True, "holiday")
    again = console.json("pause", noun, row_id, "--reason", "strike")
    assert (again["paused_at"], again["pause_reason"]) == (paused["paused_at"], "strike")
    assert console.json("resume", noun, row_id)["was_paused"] is True
    assert console.json("resume", noun, row_id)["was_paused"] is False
    assert console.json(noun, "show", row_id)["paused"] is False


def test_options_of_every_command_may_stand_before_and_after_its_name(
    console: Console, tmp_path: Any
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    console.json("account", "create", "A", "--data-dir", elsewhere)
    for arguments in (
        ("--data-dir", elsewhere, "account", "list"),
        ("account", "--data-dir", elsewhere, "list"),
        ("account", "list", "--data-dir", elsewhere),
    ):
        assert len(console.json(*arguments)["accounts"]) == 1
    assert json.loads(console.run("--json", "account", "list").out)["accounts"] == []
    assert json.loads(console.run("account", "--json", "list").out)["accounts"] == []


def test_tables_are_aligned_and_at_most_100_characters_wide(console: Console) -> None:
    site = console.site()
    console.json("account", "create", "A long name, " * 12)
    console.json("integration", "set", site["integration_id"], "name=" + "Reception " * 15)
    for noun in ("account", "instance", "integration"):
        lines = console.run(noun, "list").out.splitlines()
        assert lines[0].startswith(f"{noun}_id ")
        assert max(map(len, lines)) <= WIDTH
        assert site[f"{noun}_id"] in lines[1]
    words = ",".join(["a phrase that is blocked"] * 20)
    shown = console.run("account", "set", site["account_id"], f"blocked_phrases={words}").out
    assert max(map(len, shown.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("variables", "origin"),
    [
        ({"PORT": "8000"}, "http://127.0.0.1:8000"),
        ({"PORT": "81", "HOST": "::1"}, "http://[::1]:81"),
        ({"PORT": "81", "HOST": "::"}, "http://[::1]:81"),
        ({"PORT": "81", "HOST": "0.0.0.0"}, "http://127.0.0.1:81"),
        ({"PORT": "81", "HOST": "pbx.example"}, "http://pbx.example:81"),
        ({"PUBLIC_URL": "https://gw.example/wa/"}, "https://gw.example/wa"),
        (
            {
                "PORT": "81",
                "HOST": "192.0.2.1",
                "ENVIRONMENT": "production",
                "ENCRYPTION_KEYS": "k",
                "HASH_KEY": "k",
            },
            "https://192.0.2.1:81",
        ),
    ],
)
def test_links_name_the_address_by_which_the_gateway_is_reached(
    variables: dict[str, str], origin: str
) -> None:
    settings = Settings.from_environment(variables)
    assert links.webhook_url(settings, "int_1") == f"{origin}/integrations/3cx/webhook/int_1"
    assert links.whatsapp_webhook_url(settings, "ins_1") == f"{origin}/webhooks/whatsapp/ins_1"
