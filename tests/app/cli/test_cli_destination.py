"""Setting destinations up, trying them, and looking after their news by the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from app.cli.output import WIDTH
from core import clock
from core.config import Settings
from tests.trunk import Trunk
from workers import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app.cli.console import Console

DID, CUSTOMER = "+966112345678", "+966512345678"
CHAT_URL = "http://127.0.0.1:9/sms/hush-hush?key=hush"
DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def pbx() -> Iterator[Trunk]:
    """A 3CX that listens."""
    pbx = Trunk()
    yield pbx
    pbx.close()


@pytest.fixture
def site(console: Console) -> Iterator[dict[str, str]]:
    """An integration beside whose gateway destinations may lie on loopback."""
    console.variables["SANDBOX_HOSTS"] = "127.0.0.1"
    yield console.site()
    # A command of this process has set them.
    wire.Outside.hosts, wire.Outside.private = frozenset(), ()


@contextmanager
def models_of(console: Console) -> Iterator[None]:
    import models

    models.start(Settings.from_environment(console.variables), migrating=True)
    try:
        yield
    finally:
        models.stop()


def chat(console: Console, site: dict[str, str], url: str = CHAT_URL) -> str:
    made = console.json(
        *("destination", "set", site["integration_id"], "threecx_sms", "--url", url, "--did", DID)
    )
    return str(made["destination_id"])


def test_agents_chat_is_set_up_by_one_command_that_says_what_to_do_next(
    console: Console, site: dict[str, str]
) -> None:
    said = console.run(
        *("destination", "set", site["integration_id"], "threecx_sms"),
        *("--url", CHAT_URL, "--did", "00966 11 234 5678"),
    )
    assert said.status == 0, said.err
    assert f"/integrations/3cx/{site['integration_id']}/sms" in said.out
    assert f"{DID}: each needs an inbound route" in said.out
    assert "gateway destination test dst_" in said.out
    (shown,) = console.json("destination", "list")["destinations"]
    assert shown["dids"] == [f"{DID}={site['instance_id']}"]
    assert shown["events"] == ["message.received", "reply.not_sent", "message.automatic_sent"]
    assert shown["url"] == "http://127.0.0.1:9/…"


def test_the_address_of_agents_chat_is_never_shown(console: Console, site: dict[str, str]) -> None:
    destination_id = chat(console, site)
    everything = [
        console.run("destination", *verb, *form)
        for verb in (["list"], ["show", destination_id], ["test", destination_id])
        for form in ([], ["--json"])
    ]
    everything.append(console.run("destination", "set", site["integration_id"], "threecx_sms",
                                  "--url", "ftp://hush", "--did", DID))  # fmt: skip
    assert all("hush" not in said.out + said.err for said in everything)
    with closing(sqlite3.connect(console.data_dir / "gateway.sqlite3")) as file:
        (row,) = file.execute("SELECT * FROM destination").fetchall()
    assert b"hush" not in repr(row).encode()


def test_several_dids_stand_for_instances_and_queues(
    console: Console, site: dict[str, str]
) -> None:
    own = site["instance_id"]
    made = console.json(
        *("destination", "set", site["integration_id"], "threecx_sms", "--url", CHAT_URL),
        *("--did", f"{DID}={own}", "--did", f"+966112345679={own}/800"),
    )
    assert made["dids"] == [f"{DID}={own}", f"+966112345679={own}/800"]


def test_a_webhook_gets_a_secret_that_is_shown_once_and_kept(
    console: Console, site: dict[str, str]
) -> None:
    command = ("destination", "set", site["integration_id"], "webhook", "--url")
    made = console.json(*command, "http://127.0.0.1:9/hook?token=hush")
    assert made["secret"].startswith("whsec_")
    assert made["url"] == "http://127.0.0.1:9/hook?…"
    assert "recipient.opted_out" in made["events"]
    again = console.json(*command, "http://127.0.0.1:9/other", "--events", "message.received")
    assert "secret" not in again
    assert again["destination_id"] == made["destination_id"]
    assert again["events"] == ["message.received"]
    assert secret_of(console) == made["secret"]
    console.json(
        *command,
        "-",
        "--secret",
        "-",
        typing="http://127.0.0.1:9/third\nmine-is-as-long-as-it-must-be\n",
    )
    assert secret_of(console) == "mine-is-as-long-as-it-must-be"
    assert made["secret"] not in console.run("destination", "show", made["destination_id"]).out


def secret_of(console: Console) -> str | None:
    from models.destination import Destination

    with models_of(console):
        found: str | None = Destination.get().secret
    return found


WITHIN = (
    ("http://127.0.0.1/x", "127.0.0.1"),
    ("http://localhost/x", "127.0.0.1"),
    ("http://2130706433/x", "127.0.0.1"),
    ("http://0x7f.1/x", "127.0.0.1"),
    ("http://[::1]:81/x", "::1"),
    ("http://[::ffff:127.0.0.1]/x", "::ffff:7f00:1"),
    ("https://169.254.169.254/latest", "169.254.169.254"),
    ("https://10.1.2.3/x", "10.1.2.3"),
    ("http://0.0.0.0/x", "0.0.0.0"),
)


def test_an_address_within_is_refused_when_it_is_set(console: Console) -> None:
    console.variables["PRIVATE_NETWORKS"] = "192.168.0.0/16,127.0.0.0/8,169.254.0.0/16"
    integration = console.site()["integration_id"]
    for url, address in WITHIN:
        said = console.run("destination", "set", integration, "webhook", "--url", url)
        assert said.status == 2
        assert f"--url leads to {address}, which is not public." in said.err
        assert "PRIVATE_NETWORKS" in said.err
    assert console.json("destination", "list")["destinations"] == []


def test_an_address_that_may_be_asked_is_taken_with_what_to_know(console: Console) -> None:
    console.variables["PRIVATE_NETWORKS"] = "192.168.0.0/16"
    integration = console.site()["integration_id"]
    for url, words in (
        ("https://192.168.7.7/x", ""),
        ("http://192.168.7.7/x", ""),
        ("https://1.1.1.1/x", ""),
        ("http://1.1.1.1/x", "It is http to a public address"),
        ("https://pbx.invalid/x", "Its host name is not known at the moment."),
    ):
        said = console.run("destination", "set", integration, "webhook", "--url", url)
        assert said.status == 0, said.err
        assert words in said.out
        assert ("It is http" in said.out or "Its host" in said.out) == bool(words), url


KEYS = ("--url", "https://1.1.1.1/x")
WRONG: list[tuple[tuple[str, ...], str]] = [
    (("pigeon", *KEYS), "must be one of threecx_sms, webhook."),
    (("webhook",), "gateway destination set needs --url."),
    (("webhook", "--url", "ftp://x"), "--url is a value that is not shown, and must be a URL"),
    (("webhook", "--url", "https://u:p@x/"), "without a user"),
    (("webhook", "--url", "https://x/#a"), "a fragment"),
    (("webhook", "--url", "https://x:0/"), "must be a URL"),
    (("webhook", "--url", "https://x\\@127.0.0.1/"), "must be a URL"),
    (("webhook", "--url", "https://x/" + "y" * 2_000), "must be a URL"),
    (("webhook", "--url", "-"), "--url on standard input is a value that is not shown"),
    (("webhook", *KEYS, "--did", DID), "--did is not for webhook."),
    (("webhook", *KEYS, "--events", "gossip"), "--events is 'gossip', and must be of message.rec"),
    (("webhook", *KEYS, "--events", ""), "must be of message.received"),
    (("webhook", *KEYS, "--secret", "a b"), "--secret is a value that is not shown"),
    (("webhook", *KEYS, "--secret", "a" * 15), "--secret is a value that is not shown"),
    (("threecx_sms", *KEYS), "threecx_sms needs --did"),
    (("threecx_sms", *KEYS, "--did", "0112345678"), "must be a DID such as"),
    (("threecx_sms", *KEYS, "--did", f"{DID}="), "must be a DID such as"),
    (("threecx_sms", *KEYS, "--did", f"{DID}=ins_x/"), "must be a DID such as"),
    (("threecx_sms", *KEYS, "--did", DID, "--secret", "x" * 16), "--secret is not for"),
    (("threecx_sms", *KEYS, "--did", DID, "--events", "message.received"), "--events is not for"),
    (("threecx_sms", *KEYS, "--did", DID), "There is no integration int_x."),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[" ".join(a)[:60] for a, _ in WRONG])
def test_what_cannot_be_a_destination_is_refused_in_one_line(
    console: Console, arguments: tuple[str, ...], words: str
) -> None:
    said = console.run("destination", "set", "int_x", *arguments)
    assert (said.status, said.out) == (2, "")
    assert words in said.err
    assert said.err.count("\n") == 1


def test_a_did_stands_for_one_number_of_the_same_account(
    console: Console, site: dict[str, str]
) -> None:
    foreign = console.site()["instance_id"]
    command = ("destination", "set", site["integration_id"], "threecx_sms", "--url", CHAT_URL)
    for dids, words in (
        ((f"{DID}=ins_x",), "There is no instance ins_x."),
        ((f"{DID}={foreign}",), "belongs to another account"),
        ((DID, DID), "each names its instance"),
        ((f"{DID}={site['instance_id']}",) * 2, "one is given twice"),
    ):
        said = console.run(*command, *(each for did in dids for each in ("--did", did)))
        assert said.status == 2
        assert words in said.err
    assert console.json("destination", "list")["destinations"] == []


@pytest.mark.parametrize(
    "command",
    [
        ["destination", "show", "dst_x"],
        ["destination", "enable", "dst_x"],
        ["destination", "remove", "dst_x"],
        ["destination", "test", "dst_x"],
        ["forward", "requeue", "--failed", "--destination", "dst_x"],
    ],
)
def test_a_destination_that_is_not_there_is_named(console: Console, command: list[str]) -> None:
    said = console.run(*command)
    assert (said.status, said.err) == (2, "gateway: There is no destination dst_x.\n")


def test_a_destination_is_switched_off_and_on_and_removed(
    console: Console, site: dict[str, str]
) -> None:
    destination_id = chat(console, site)
    assert console.json("destination", "disable", destination_id)["enabled"] is False
    assert console.json("destination", "enable", destination_id)["enabled"] is True
    assert console.json("destination", "remove", destination_id)["removed"] is True
    assert console.json("destination", "list")["destinations"] == []


def test_a_test_puts_one_line_into_the_chat_and_keeps_nothing(
    console: Console, site: dict[str, str], pbx: Trunk
) -> None:
    destination_id = chat(console, site, pbx.url)
    said = console.run("destination", "test", destination_id)
    assert (said.status, pbx.heard) == (2, [])
    assert "needs --customer NUMBER" in said.err
    tried = console.json("destination", "test", destination_id, "--customer", CUSTOMER)
    assert (tried["taken"], tried["status"]) == (True, 200)
    (heard,) = pbx.heard
    payload = heard.body["data"]["payload"]
    assert payload["from"] == {"phone_number": CUSTOMER}
    assert payload["to"] == [{"phone_number": DID}]
    assert "Nothing was sent to the customer" in payload["text"]
    assert console.json("forward", "list")["forwards"] == []
    assert console.json("destination", "show", destination_id)["breaker"]["failures"] == 0


def test_a_test_of_a_webhook_is_signed(console: Console, site: dict[str, str], pbx: Trunk) -> None:
    made = console.json(
        *("destination", "set", site["integration_id"], "webhook", "--url", pbx.url)
    )
    assert console.json("destination", "test", made["destination_id"])["taken"] is True
    (heard,) = pbx.heard
    assert heard.body["event"] == "test"
    from core.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

    timestamp = heard.headers[TIMESTAMP_HEADER]
    signed = signature(made["secret"].encode(), timestamp, heard.raw)
    assert heard.headers[SIGNATURE_HEADER] == f"sha256={signed}"


FAILURES = (
    (301, "it redirects, which is not followed", "Set the address that it redirects to"),
    (401, "its address or credentials are not accepted", "Copy its address again"),
    (422, "it refuses this one", "Copy its address again"),
    (500, "it failed", "Look at its own logs"),
)


def test_a_test_that_is_not_taken_says_why_and_what_to_do(
    console: Console, site: dict[str, str], pbx: Trunk
) -> None:
    destination_id = chat(console, site, pbx.url)
    command = ("destination", "test", destination_id, "--customer", CUSTOMER)
    for answer, words, fix in FAILURES:
        pbx.answers = [answer]
        said = console.run(*command, "--json")
        assert (said.status, said.document["success"], said.document["taken"]) == (1, False, False)
        assert (said.document["status"], said.document["words"]) == (answer, words)
        assert fix in said.document["fix"]
    pbx.answers = [500]
    told = console.run(*command)
    assert told.status == 1
    assert "To mend it: It answers and fails." in told.out


def test_a_test_goes_nowhere_that_is_not_allowed_any_more(
    console: Console, site: dict[str, str], pbx: Trunk
) -> None:
    destination_id = chat(console, site, pbx.url)
    console.variables["SANDBOX_HOSTS"] = ""
    said = console.run("destination", "test", destination_id, "--customer", CUSTOMER, "--json")
    assert (said.status, pbx.heard) == (1, [])
    assert "PRIVATE_NETWORKS" in said.document["words"]


def news(console: Console, destination_id: str, state: str = "failed", **columns: Any) -> str:
    """Keep news for a destination that has come as far as this."""
    from models import lanes
    from models.database import transaction
    from models.destination import Destination, News
    from models.forward import Forward

    with models_of(console):
        forward_id = lanes.keep(
            Destination.get_by_id(destination_id),
            News.MESSAGE_RECEIVED,
            {"text": "a text that is hushed", "from": CUSTOMER},
            source_id="inb_1",
            instance_id="ins_1",
            conversation_key="key",
            turn=0,
        )
        ended = {"finished_at_ms": clock.now_ms()} if state == "failed" else {}
        usual = {"state": state, "words": "it failed (500)", "seated": False} | ended
        change = Forward.update(**usual | columns).where(Forward.id == forward_id)
        transaction(change.execute)()
    return forward_id


def test_news_is_listed_the_newest_first_without_who_and_what(
    console: Console, site: dict[str, str]
) -> None:
    destination_id = chat(console, site)
    failed = news(console, destination_id)
    waits = news(console, destination_id, "waiting", words=None, waiting_for="outage")
    for filters, found in (
        ((), [waits, failed]),
        (("--limit", "1"), [waits]),
        (("--state", "failed"), [failed]),
        (("--destination", destination_id), [waits, failed]),
        (("--destination", "dst_x"), []),
    ):
        listed = console.json("forward", "list", *filters)["forwards"]
        assert [each["forward_id"] for each in listed] == found
    told = console.run("forward", "list").out
    lines = told.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [line.split(None, 4)[-1] for line in lines[1:]] == [
        "waiting: waits for outage",
        "failed: it failed (500)",
    ]
    told += console.run("forward", "show", failed).out
    story = console.json("forward", "show", failed)
    assert (story["source_id"], story["words"]) == ("inb_1", "it failed (500)")
    assert (story["next_try_at"], story["state"]) == (None, "failed")
    assert console.json("forward", "show", waits)["next_try_at"] is not None
    assert "hush" not in told + str(story)
    assert CUSTOMER[1:] not in told + str(story)


def test_failed_news_begins_anew_one_by_one_or_all_of_it(
    console: Console, site: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import forward

    monkeypatch.setattr(forward, "_BATCH", 2)
    destination_id = chat(console, site)
    first, *others = [news(console, destination_id) for _ in range(6)]
    waits = news(console, destination_id, "waiting")
    said = console.run("forward", "requeue", first, waits)
    assert said.status == 2
    assert f"News {waits} is waiting; only failed ones begin anew." in said.err
    assert console.json("forward", "show", first)["state"] == "failed"
    assert console.json("forward", "requeue", first, first)["requeued"] == 1
    assert console.json("forward", "show", first)["state"] == "waiting"
    assert console.json("destination", "show", destination_id)["failed"] == len(others)
    assert console.json("forward", "requeue", "--failed")["requeued"] == len(others)
    assert console.json("forward", "requeue", "--failed")["requeued"] == 0
    assert console.json("destination", "show", destination_id)["waiting"] == 7


def test_news_for_a_destination_that_is_gone_stays_failed(
    console: Console, site: dict[str, str]
) -> None:
    webhook = ("destination", "set", site["integration_id"], "webhook", "--url", CHAT_URL)
    other = console.json(*webhook)["destination_id"]
    destination_id = chat(console, site)
    lost, kept = news(console, destination_id), news(console, other)
    console.json("destination", "remove", destination_id)
    assert console.run("forward", "requeue", lost).status == 2
    assert console.json("forward", "requeue", "--failed")["requeued"] == 1
    assert console.json("forward", "show", lost)["state"] == "failed"
    assert console.json("forward", "show", kept)["state"] == "waiting"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "needs either IDs or --failed."),
        (("fwd_x", "--failed"), "needs either IDs or --failed."),
        (("fwd_x", "--destination", "dst_x"), "--destination goes with --failed."),
        (("fwd_x",), "There is no news fwd_x."),
    ],
)
def test_what_to_begin_anew_must_be_said(
    console: Console, arguments: tuple[str, ...], words: str
) -> None:
    said = console.run("forward", "requeue", *arguments)
    assert said.status == 2
    assert words in said.err


def finding(console: Console) -> dict[str, str]:
    findings = console.run("doctor", "--json").document["findings"]
    (found,) = [each for each in findings if each["check"] == "destinations"]
    return dict(found)


def test_the_doctor_sees_a_destination_that_takes_nothing_and_news_that_failed(
    console: Console, site: dict[str, str]
) -> None:
    from models.breaker import FAILURES_IN_A_ROW, Breaker

    destination_id = chat(console, site)
    assert finding(console)["verdict"] == "ok"
    news(console, destination_id, finished_at_ms=clock.now_ms() - 2 * DAY_MS)
    assert finding(console)["verdict"] == "ok"
    news(console, destination_id)
    found = finding(console)
    assert (found["verdict"], found["found"]) == (
        "hint", "1 pieces of news failed in the last day"
    )  # fmt: skip
    assert "gateway forward requeue --failed" in found["fix"]
    with models_of(console):
        for _ in range(FAILURES_IN_A_ROW):
            Breaker.failed(destination_id, None)
    found = finding(console)
    assert found["verdict"] == "wrong"
    assert f"{destination_id} takes nothing" in found["found"]
    assert f"gateway destination test {destination_id}" in found["fix"]
    assert console.run("doctor").status == 1
    assert console.json("destination", "show", destination_id)["breaker"]["state"] == "open"
    console.json("destination", "disable", destination_id)
    assert finding(console)["verdict"] == "hint"
