"""Wrong use of the command line: exit status 2, and one line that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.app.cli.console import NUMBER

if TYPE_CHECKING:
    from tests.app.cli.console import Console

MISSING = "acc_00000000000000000000000000"
CREATE = ("instance", "create", "--account", MISSING, *NUMBER)
SECRET = "not a secret that fits"
WRONG = [
    ([], "gateway needs one of up, web, worker, migrate, account"),
    (["frob"], "There is no command 'frob'; there are up, web"),
    (["account"], "gateway account needs one of create, set, list, show."),
    (["account", "frob"], "There is no command 'frob'; there are create, set, list, show."),
    (["account", "create"], "gateway account create needs NAME."),
    (["account", "create", " "], "NAME is ' ', and must be a line of 1 to 200 characters."),
    (["account", "create", "a\nb"], "NAME is 'a\\nb', and must be a line"),
    (["account", "create", "A", "--plan", "gold"], "--plan is 'gold', and must be one of starter"),
    (["account", "create", "A", "--plan"], "--plan needs a value."),
    (["account", "create", "A", "--pl", "starter"], "gateway account create does not know '--pl'."),
    (
        ["account", "create", "A", "--timezone", "Asia/Riyad"],
        "--timezone is 'Asia/Riyad', and must",
    ),
    (["account", "create", "A", "--timezone", "../../etc/passwd"], "must be a time zone such as"),
    (["account", "list", "--json=yes"], "--json takes no value, and got 'yes'."),
    (["account", "list", "--data-dir", ""], "--data-dir needs a value."),
    (["account", "show", MISSING], f"There is no account {MISSING}."),
    (["account", "set", MISSING], "gateway account set needs KEY=VALUE."),
    (["account", "set", MISSING, "plan=growth"], f"There is no account {MISSING}."),
    (["account", "set", MISSING, "plan"], "plan has no value: write plan=VALUE."),
    (
        ["account", "set", MISSING, "plan="],
        "plan is '', and must be one of starter, growth, scale.",
    ),
    (["account", "set", MISSING, "plan=scale", "plan=scale"], "plan is given twice."),
    (["account", "set", MISSING, "colour=red"], "There is no 'colour' to set; there are name,"),
    (["account", "set", MISSING, "id=acc_x"], "There is no 'id' to set; there are name,"),
    (["account", "set", MISSING, "daily_limit=-1"], "daily_limit is '-1', and must be a whole"),
    (["account", "set", MISSING, "daily_limit=1e3"], "or empty for the plan's."),
    (["account", "set", MISSING, "module_enabled=maybe"], "must be true or false"),
    (["account", "set", MISSING, "blocked_phrases=[1]"], "must be a JSON list of texts"),
    (["account", "set", MISSING, 'blocked_phrases=["a"'], "must be a JSON list of texts"),
    (["account", "set", MISSING, "keywords=STOP"], "must be JSON such as"),
    (["account", "set", MISSING, 'keywords={"stop":["!"]}'], "at least one word to stop"),
    (["account", "set", MISSING, "keywords=" + "[" * 100_000], "must be JSON such as"),
    (["instance", "create"], "needs --account, --phone-number-id, --access-token"),
    (CREATE, f"There is no account {MISSING}."),
    (
        [*CREATE, "--phone-number-id", "+966"],
        "--phone-number-id is '+966', and must be the phone number ID",
    ),
    ([*CREATE, "--base-url", "ftp://x"], "--base-url is 'ftp://x', and must be a URL"),
    ([*CREATE, "--base-url", "https://"], "must be a URL such as https://graph.facebook.com."),
    ([*CREATE, "--base-url", "https://a:99999"], "must be a URL such as"),
    ([*CREATE, "--base-url", "https://u:p@a"], "must be a URL such as"),
    ([*CREATE, "--graph-version", "26"], "--graph-version is '26', and must be a version"),
    ([*CREATE, "--provider", "pigeon"], "--provider is 'pigeon', and must be one of cloud."),
    ([*CREATE, "--messages-per-second", "0"], "must be a whole number from 1 to 1000."),
    ([*CREATE, "--display-phone-number", "0112345678"], "must be an international number"),
    ([*CREATE, "--access-token", SECRET], "--access-token is a value that is not shown, and must"),
    ([*CREATE, "--access-token", "-"], "access_token on standard input is a value that is not"),
    (
        ["instance", "set", "ins_x", f"app_secret={SECRET}"],
        "app_secret is a value that is not shown",
    ),
    (["integration", "set", "int_x", "enabled=on"], "There is no integration int_x."),
    (["integration", "set", "int_x", "allowed_ips=10.0.0.256"], "must be IP addresses or CIDR"),
    (["integration", "set", "int_x", "allowed_ips=fe80::1%eth0"], "must be IP addresses or CIDR"),
    (["integration", "set", "int_x", "default_region=XX"], "must be a region of two letters"),
    (["integration", "set", "int_x", "default_purpose=marketing"], "must be one of support,"),
    (
        ["integration", "set", "int_x", "auth_mode=none"],
        "must be one of secret, secret_and_signatu",
    ),
    (["integration", "set", "int_x", "validity=9"], "validity is '9', and must be a time from 10s"),
    (["integration", "set", "int_x", "validity=25h"], "must be a time from 10s to 24h"),
    (["secret", "rotate", "int_x"], "There is no integration int_x."),
    (["secret", "rotate", "int_x", "--grace", "24"], "--grace is '24', and must be a time from 0"),
    (["secret", "rotate", "int_x", "--grace", "8d"], "--grace is '8d', and must be a time from 0"),
    (["suppression", "add", "0512345678", "--account", MISSING], "PHONE is not an international"),
    (["suppression", "list"], "gateway suppression list needs --account."),
    (["suppression", "list", "--account", MISSING], f"There is no account {MISSING}."),
    (["pause", "customer", "x"], "must be one of account, instance, integration."),
    (["pause", "instance", "ins_x"], "There is no instance ins_x."),
    (["event", "list", "--state", "lost"], "--state is 'lost', and must be one of received, valid"),
    (["event", "list", "--error", "oops"], "--error is 'oops', and must be one of payload_too_lar"),
    (["event", "list", "--limit", "0"], "--limit is '0', and must be a whole number from 1"),
    (["event", "show", "evt_\x1b[2Jx"], "There is no event 'evt_\\x1b[2Jx'."),
    (["event", "requeue", "evt_x"], "There is no event evt_x."),
    (["up", "--port", "99999"], "--port is '99999', and must be a whole number from 0 to 65535."),
    (["web", "--threads", "0"], "--threads is '0', and must be a whole number from 1 to 256."),
    (["web"], "`gateway web` needs DATABASE_URL and REDIS_URL"),
    (["worker", "--queues", "outbound,parcels"], "--queues is 'outbound,parcels', and must be of"),
    (["keys", "generate", "\udcff"], "The command line holds something that is not UTF-8."),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[" ".join(a)[:60] for a, _ in WRONG])
def test_wrong_use_ends_with_2_and_one_line_that_says_what_was_wrong(
    console: Console, arguments: list[str], words: str
) -> None:
    said = console.run(*arguments)
    assert words in said.err
    assert said.err.startswith("gateway: ")
    assert said.err.count("\n") == 1
    assert (said.status, said.out) == (2, "")
    assert SECRET not in said.err


def test_with_json_the_refusal_is_a_document_too(console: Console) -> None:
    said = console.run("--json", "account", "show", MISSING)
    words = f"There is no account {MISSING}."
    assert said.status == 2
    assert said.document == {"success": False, "error": "usage", "message": words}
    assert said.err == f"gateway: {words}\n"


def test_a_wrong_variable_is_named_with_what_it_got_and_what_it_wants(console: Console) -> None:
    console.variables["PORT"] = "http"
    said = console.run("account", "list")
    assert said.status == 2
    assert said.err == "gateway: PORT is 'http', and must be a whole number from 0 to 65535.\n"


def test_nothing_is_stored_by_a_command_that_is_refused(console: Console) -> None:
    site = console.site()
    before = console.json("integration", "show", site["integration_id"])
    refused = console.run(
        "integration", "set", site["integration_id"], "enabled=off", "validity=never"
    )
    assert refused.status == 2
    assert console.json("integration", "show", site["integration_id"]) == before


def test_an_instance_of_another_account_is_refused(console: Console) -> None:
    site, other = console.site(), console.site()
    said = console.run(
        *("integration", "create", "--account", site["account_id"]),
        *("--instance", other["instance_id"]),
    )
    assert said.status == 2
    assert "belongs to another account" in said.err
    said = console.run(
        "integration", "set", site["integration_id"], f"instance={other['instance_id']}"
    )
    assert said.status == 2
    assert "belongs to another account" in said.err


@pytest.mark.parametrize("command", [["--help"], ["account", "--help"], ["event", "list", "-h"]])
def test_help_is_printed_where_it_is_asked_for(console: Console, command: list[str]) -> None:
    said = console.run(*command)
    assert said.status == 0
    assert "--data-dir" in said.out
