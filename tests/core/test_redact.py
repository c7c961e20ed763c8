import json
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from core import ids, phone, redact

EVENT_ID = "evt_01kb3w5m2n7qa8z0c4d6e9f1gh"
HEX = "b6978b21c4467654c466607663db9b43fae44b71083568df403e0a077089208e"

SCRUBBED = [
    ("to +966512345678 now", "to [phone] now"),
    ("+966 51 234-5678", "[phone]"),
    ("call (415) 555-2671.", "call [phone]."),
    ("00966/51/2345678", "[phone]"),
    ("n=0512345678;", "n=[phone];"),
    ("phone966512345678x", "phone[phone]x"),
    ("٠٥١٢٣٤٥٦٧٨", "[phone]"),
    ("\u202a+966\u00a051\u2011234\u200e5678\u202c", "\u202a[phone]\u202c"),
    ("966512345678@s.whatsapp.net", "[email]"),
    ("ann.lee+x@mail.example.com wrote", "[email] wrote"),
    ("key whsec_0aB-9_z is wrong", "key [secret] is wrong"),
    (f"sha256={HEX} differs", "sha256=[secret] differs"),
    (f"got {HEX}", "got [secret]"),
    (f"sig{HEX}", "sig[secret]"),
    (HEX.upper(), "[secret]"),
    ("Authorization: Bearer abcdefgh", "Authorization: [secret]"),
    ("authorization=Basic dXNlcjpwYXNz", "authorization=[secret]"),
    ("X-WhatsApp-Gateway-3CX-Secret: hunter2", "X-WhatsApp-Gateway-3CX-Secret: [secret]"),
    ("/webhooks?hub.verify_token=abc&x=1", "/webhooks?hub.verify_token=[secret]&x=1"),
    ("/sms?key=abc", "/sms?key=[secret]"),
    ("POST /integrations/3cx/int_1/sms/k3y HTTP", "POST /integrations/3cx/int_1/sms/[secret] HTTP"),
    ("GET /media/c2lnbmVkIGxpbms", "GET /media/[secret]"),
    ('{"app_secret": "s3", "n": 1}', '{"app_secret": "[secret]", "n": 1}'),
    ("--access-token s3 --plan growth", "--access-token [secret] --plan growth"),
    ("postgres://gw:pa55@db:5432/gw", "postgres://[secret]db:5432/gw"),
    ("EAAGm0PX4ZCpsBAKZCZBdeadbeef", "[secret]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[secret]"),
    ("wamid.HBgMOTY2NTEyMzQ1Njc4FQIA=", "[secret]"),
    ("user US.1349abc98765", "user [person]"),
    ('{"message_text": "see \\"you\\" at 5", "queue": "800"}',
     '{"message_text": "[text]", "queue": "800"}'),
    ("{'text': {'body': 'hello'}}", "{'text': {'body': \"[text]\"}}"),
    ('{"body": "cut off in the mid', '{"body": "[text]"'),
]  # fmt: skip

KEPT = [
    EVENT_ID,
    f"event {EVENT_ID} moved",
    f"({EVENT_ID}, int_01kb3w1234567890123456789a)",
    f"secret: {EVENT_ID}",
    "2026-01-05T10:00:00.123Z",
    "2026-01-05 10:00:00,123 INFO 200 12 ms",
    "at 2026-01-05T10:00:00.123456+03:00",
    "took 8080 2026-01-05T10:00:00Z",
    "10:00:00.123456 worker",
    "message 55555555-1234-4444-8888-123456789012",
    "from 192.168.100.200:54321, 10.0.0.1.",
    "0.123456789 s",
    "262144 bytes, 60 in 60 s, code 131056, port 5432, extension 101",
    "basic settings are missing",
    "invalid_3cx_webhook, policy_violation",
    "",
]


@pytest.mark.parametrize(("line", "expected"), SCRUBBED)
def test_what_is_personal_or_secret_is_taken_out(line, expected):
    assert redact.scrub(line) == expected


@pytest.mark.parametrize("line", KEPT)
def test_what_an_operator_needs_stays_readable(line):
    assert redact.scrub(line) == line


@given(st.integers(min_value=0, max_value=2**80 - 1))
def test_every_id_of_ours_stays(chance):
    made = ids.new_id("evt")
    other = (
        made[:14] + f"{chance:016d}"[-16:]
    )  # the digits of a phone number, and an id all the same

    assert redact.scrub(f"[{made}] {other}") == f"[{made}] {other}"


def test_a_fernet_token_is_taken_out():
    token = Fernet(Fernet.generate_key()).encrypt(b"hello").decode()

    assert redact.scrub(f"sealed {token}.") == "sealed [secret]."


@given(st.text())
def test_scrubbing_twice_changes_nothing_more(text):
    once = redact.scrub(text)

    assert redact.scrub(once) == once


@given(
    st.text(),
    st.integers(min_value=10**9, max_value=10**13).map(lambda digits: f"+{digits}"),
    st.text(),
)
def test_a_number_never_survives_whatever_stands_around_it(before, number, after):
    assert number not in redact.scrub(f"{before} {number} {after}")


@given(st.text(alphabet="0123456789 ()-.+", max_size=30))
def test_what_reads_as_a_number_is_taken_out(text):
    if phone.normalise(text, None):
        assert redact.scrub(text) != text


def test_keys_tell_what_their_values_are():
    value = {
        "event_id": EVENT_ID,
        "to": "ann",
        "from": {"phone_number": "x"},
        "caller": ["a", "b"],
        "customer_phone": 5,
        "message": "See you at five",
        "message_text": "See you at five",
        "X-Hub-Signature-256": "abc",
        "headers": [("Authorization", "abc"), ("Accept", "application/json")],
        "argv": ["gateway", "instance", "create", "--access-token", "abc", "--plan", "growth"],
        "is_signature_valid": False,
        "token": None,
        "tries": 2,
    }

    assert redact.scrub_any(value) == {
        "event_id": EVENT_ID,
        "to": "[personal]",
        "from": "[personal]",
        "caller": "[personal]",
        "customer_phone": "[personal]",
        "message": "[personal]",
        "message_text": "[personal]",
        "X-Hub-Signature-256": "[secret]",
        "headers": [["Authorization", "[secret]"], ["Accept", "application/json"]],
        "argv": ["gateway", "instance", "create", "--access-token", "[secret]", "--plan", "growth"],
        "is_signature_valid": False,
        "token": None,
        "tries": 2,
    }


def test_a_message_that_is_no_payload_is_a_line_of_ours():
    assert redact.scrub_any({"message": "sent to +966512345678"}) == {"message": "sent to [phone]"}


def test_numbers_that_may_be_phones_go_and_measures_stay():
    value = {
        "extra": [966512345678, 966512345678.0, 512345678],
        "received_at_ms": 1767225600000,
        "timestamp": 1767225600.0,
        "status": 202,
        "seconds": 0.25,
        "odd": [float("inf"), -1],
    }

    assert redact.scrub_any(value) == value | {"extra": ["[phone]"] * 3}


def test_what_sentry_needs_to_file_an_event_stays():
    trace = {
        "event_id": "0123456789" + "a" * 22,
        "trace_id": "1" * 32,
        "span_id": "1234567890123456",
    }

    assert redact.scrub_any({"contexts": {"trace": trace}}) == {"contexts": {"trace": trace}}
    assert redact.scrub_any({"event_id": "+966512345678"}) == {"event_id": "[phone]"}


def test_a_number_in_a_key_goes_too():
    assert redact.scrub_any({"+966512345678": 1, 966512345678: 2}) == {"[phone]": 2}


def test_other_types_leave_no_more_than_their_name():
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)

    value = [b"secret", at, UUID(int=1), ValueError("+966512345678"), {"a"}, None]

    assert redact.scrub_any(value) == [
        "[6 bytes]",
        "2026-01-05T10:00:00+00:00",
        "[UUID]",
        "[ValueError]",
        ["a"],
        None,
    ]


def test_a_value_without_end_ends():
    ring: dict[str, object] = {"wide": list(range(1000)), "long": "go " * 50_000}
    ring["again"] = [ring] * 150

    started = time.perf_counter()
    clean = redact.scrub_any(ring)

    assert time.perf_counter() - started < 5
    assert clean["wide"][199:] == [199, "[cut]"]
    assert clean["long"] == ("go " * 50_000)[: 8_192 - 64] + "[cut]"
    assert len(json.dumps(redact.scrub_any({str(at): at for at in range(1000)}))) < 5_000


def test_a_secret_that_is_cut_at_the_end_of_a_long_text_does_not_show():
    long = "go " * 2_728 + " +966512345678"

    assert "9665" not in str(redact.scrub_any(long))


@pytest.mark.parametrize(
    "unit",
    ["a", "1", "1 ", "a@", "a.", "-", "--", "ab-", "eyJ-", "EAA", "gAAAAA", "whsec", "Bearer ",
     "0.", "2026-01-05 ", "1.1.1.", "evt_", "0a", "A1-", "://", "token", "token=", '"text":"',
     "\\", "US.", "secret: ", "basic ", "(", "+(1", "é",
     "\u200e1", "wamid.", "10:00:", "/sms/", "key=", "--token ", "sha256=", '"body":\'\\'],
)  # fmt: skip
def test_a_hostile_text_is_scrubbed_in_linear_time(unit):
    text = unit * (65_536 // len(unit))

    started = time.perf_counter()
    redact.scrub(text)
    redact.scrub(text + "\x00")
    redact.scrub(text + "@")

    assert time.perf_counter() - started < 1.5
