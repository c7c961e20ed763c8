"""What the workers find: each code, with its status for whoever waits, and nothing sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from tests.gateway import Gateway
    from tests.pbx import Pbx

DAY_MS = 24 * 60 * 60 * 1000
LONG_TEXT = "We are closed on Thursday, and open again on Saturday at nine."


def is_refused(pbx: Pbx, status: int, code: str, **changes: Any) -> bool:
    """Whether a reply ends with this code, for whoever waits and for whoever asks later."""
    answer = pbx.outcome(pbx.reply(**changes))
    assert answer.refusal == (status, code)
    said = answer.json()
    assert said["message"] == ErrorCode(code).message
    later = pbx.status(said["details"]["event_id"]).json()
    assert (later["state"], later["error"]) == ("refused", code)
    assert later["message"] == said["message"]
    assert later["finished_at"] is not None
    return not pbx.received()


def wrote(pbx: Pbx, ms_ago: int) -> None:
    pbx.gateway.clerk.do(
        "customer_wrote",
        account_id=pbx.account_id,
        instance_id=pbx.instance_id,
        phone=pbx.customer,
        ms_ago=ms_ago,
    )


def suppress(pbx: Pbx, kind: str) -> None:
    pbx.gateway.clerk.do("suppress", account_id=pbx.account_id, phone=pbx.customer, kind=kind)


@pytest.mark.parametrize("value", [None, "", "[Number]", "nobody", "12", "+", "0" * 70, []])
def test_missing_phone(pbx: Pbx, value: object) -> None:
    assert is_refused(pbx, 422, "missing_phone", to=value)


@pytest.mark.parametrize("text", [None, "", "  \n", "[Message]", True, [], {"a": "b"}])
def test_missing_message_text(pbx: Pbx, text: object) -> None:
    assert is_refused(pbx, 422, "missing_message_text", message_text=text)


@pytest.mark.parametrize(
    "kind", [None, "", "Test", "sms", "outbound", "opt_out_confirmation", "x" * 9_999, 5, [], "نص"]
)
def test_unsupported_event_type(pbx: Pbx, kind: object) -> None:
    assert is_refused(pbx, 422, "unsupported_event_type", event_type=kind)


def test_outbound_disabled(gateway: Gateway) -> None:
    assert is_refused(gateway.pbx(outbound=False), 403, "outbound_disabled")


CALLS = ("missed_call", "voicemail", "call_ended", "queue_callback", "after_hours")


@pytest.mark.parametrize("kind", CALLS)
def test_call_events_disabled(pbx: Pbx, kind: str) -> None:
    assert is_refused(pbx, 403, "call_events_disabled", event_type=kind)


@pytest.mark.parametrize(
    "purpose",
    ["marketing", "promotion", "cold_outreach", "bulk_campaign", "political", "unknown", None, "",
     "[Purpose]", "Support", "support;", "other", 5, True, ["support"]],
)  # fmt: skip
def test_message_purpose_not_allowed(pbx: Pbx, purpose: object) -> None:
    assert is_refused(pbx, 422, "message_purpose_not_allowed", message_purpose=purpose)


@pytest.mark.parametrize("kind", ["opt_out", "block"])
def test_recipient_suppressed(pbx: Pbx, kind: str) -> None:
    suppress(pbx, kind)
    assert is_refused(pbx, 403, "recipient_suppressed")


def test_conversation_window_closed_to_whoever_never_wrote(pbx: Pbx) -> None:
    assert is_refused(pbx, 409, "conversation_window_closed", to="+966599999999")


def test_conversation_window_closed_after_24_hours(pbx: Pbx) -> None:
    wrote(pbx, DAY_MS)
    assert is_refused(pbx, 409, "conversation_window_closed")


def test_the_window_is_open_until_24_hours_are_over(pbx: Pbx) -> None:
    wrote(pbx, DAY_MS - 60_000)
    assert pbx.outcome().status == 200


def test_the_window_of_another_number_is_not_ours(gateway: Gateway) -> None:
    pbx = gateway.pbx()
    assert is_refused(gateway.pbx(), 409, "conversation_window_closed", to=pbx.customer)


@pytest.mark.parametrize("link", ["https://bit.ly/x", "bit.ly/x", "HTTP://TinyURL.com/abc"])
def test_policy_violation_of_a_shortened_link(pbx: Pbx, link: str) -> None:
    assert is_refused(pbx, 403, "policy_violation", message_text=f"Please see {link}")


@pytest.mark.parametrize(
    "text",
    ["Limited time offer! Buy now and save 50%!", "Letzte Chance: 50% Rabatt, jetzt kaufen!"],
)
def test_policy_violation_of_marketing(pbx: Pbx, text: str) -> None:
    assert is_refused(pbx, 403, "policy_violation", message_text=text)


def test_an_account_may_allow_marketing_language(gateway: Gateway) -> None:
    pbx = gateway.pbx(account={"refuse_marketing": False})
    assert pbx.outcome(pbx.reply(message_text="Limited time offer! Buy now!")).status == 200


def test_policy_violation_of_a_phrase_that_the_account_blocks(gateway: Gateway) -> None:
    pbx = gateway.pbx(account={"blocked_phrases": ["crypto wallet"]})
    assert is_refused(pbx, 403, "policy_violation", message_text="Open a Crypto  Wallet with us")
    assert pbx.outcome(pbx.reply(message_text="A crypto question")).status == 200


def test_policy_violation_of_a_broadcast(gateway: Gateway) -> None:
    people = [f"+4915112345{each:03}" for each in range(20)]
    pbx = gateway.pbx(*people)
    for each in people[:19]:
        assert pbx.outcome(pbx.reply(to=each, message_text=LONG_TEXT)).status == 200
    refused = pbx.outcome(pbx.reply(to=people[19], message_text=LONG_TEXT.upper()))
    assert refused.refusal == (403, "policy_violation")
    assert len(pbx.received()) == 19


@pytest.mark.parametrize("limit", ["daily_limit", "monthly_limit"])
def test_daily_message_limit_exceeded(gateway: Gateway, limit: str) -> None:
    pbx = gateway.pbx(account={limit: 2})
    assert [pbx.outcome().status for _ in range(2)] == [200, 200]
    assert pbx.outcome().refusal == (429, "daily_message_limit_exceeded")
    assert len(pbx.received()) == 2


def test_a_limit_of_none_lets_nothing_out(gateway: Gateway) -> None:
    pbx = gateway.pbx(account={"daily_limit": 0})
    assert is_refused(pbx, 429, "daily_message_limit_exceeded")


def test_sending_throttled_when_a_pause_outlasts_the_message(
    gateway: Gateway, crowd: ThreadPoolExecutor
) -> None:
    pause = {"pause_reason": "by a test"}
    paused = [
        gateway.pbx(validity_s=1, **settings)
        for settings in (pause, {"account": pause}, {"instance": pause})
    ]
    assert all(crowd.map(lambda pbx: is_refused(pbx, 429, "sending_throttled"), paused))


def test_gateway_send_failed(pbx: Pbx) -> None:
    pbx.gateway.whatsapp.faults.set([{"error": 131026, "customer": pbx.customer}])
    answer = pbx.outcome()
    assert answer.refusal == (502, "gateway_send_failed")
    assert pbx.status(answer.json()["details"]["event_id"]).json()["delivery"] == "failed"
    assert not pbx.received()


def test_gateway_send_failed_when_whatsapp_stays_away(gateway: Gateway) -> None:
    pbx = gateway.pbx(validity_s=2, instance={"base_url": "http://127.0.0.1:1"})
    assert is_refused(pbx, 502, "gateway_send_failed")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda pbx: pbx.reply(event_type="sms", to=None), "unsupported_event_type"),
        (lambda pbx: pbx.reply(to=None, message_text=None), "missing_phone"),
        (lambda pbx: pbx.reply(message_text=None, message_purpose="x"), "missing_message_text"),
        (lambda pbx: pbx.reply(message_purpose="x", to="+966599999999"),
         "message_purpose_not_allowed"),
        (lambda pbx: pbx.reply(to="+966599999999", message_text="see bit.ly/x"),
         "conversation_window_closed"),
    ],
)  # fmt: skip
def test_of_two_faults_the_earlier_is_named(
    pbx: Pbx, change: Callable[[Pbx], dict[str, Any]], code: str
) -> None:
    assert pbx.outcome(change(pbx)).refusal[1] == code
    assert not pbx.received()


def test_an_opt_out_is_heard_before_a_closed_window(pbx: Pbx) -> None:
    suppress(pbx, "opt_out")
    wrote(pbx, 2 * DAY_MS)
    assert is_refused(pbx, 403, "recipient_suppressed")


def test_a_customer_who_writes_opens_the_window_and_who_says_stop_shuts_it(pbx: Pbx) -> None:
    newcomer = "+966577777777"
    assert is_refused(pbx, 409, "conversation_window_closed", to=newcomer)
    for word, code in (("Hello", None), ("STOP", "recipient_suppressed"), ("START", None)):
        said = {"type": "text", "text": {"body": word}}
        pbx.gateway.whatsapp.write(pbx.phone_number_id, newcomer, said)

        def is_heeded(code: str | None = code) -> bool:
            answer = pbx.outcome(pbx.reply(to=newcomer)).json()
            return bool(answer["error"] == code)

        pbx.gateway.wait_until(is_heeded)
    texts = [each["text"] for each in pbx.received()]
    assert sum("START" in each for each in texts) == 1
