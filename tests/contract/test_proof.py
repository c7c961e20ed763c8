"""Who may post: every failure looks alike, down to the byte, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core import clock
from tests.pbx import SECRET, SIGNATURE, TIMESTAMP, encoded
from tests.wire import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer, Headers

REFUSAL = (
    b'{"success":false,"error":"invalid_3cx_webhook","message":"Invalid 3CX webhook request."}'
)


def is_refused_as_any_stranger(pbx: Pbx, answer: Answer) -> bool:
    """Whether an answer is, but for its Date, what somebody gets who knows nothing at all."""
    stranger = ask(pbx.gateway.address, "POST", "/integrations/3cx/webhook/int_nobody", [], b"{}")
    assert (stranger.status, stranger.body) == (401, REFUSAL)
    assert answer.timeless == stranger.timeless
    return pbx.left_no_trace()


@pytest.fixture
def signing(gateway: Gateway) -> Pbx:
    return gateway.pbx(auth_mode="secret_and_signature")


BAD_SECRETS: dict[str, Callable[[str], list[str | bytes]]] = {
    "missing": lambda _: [],
    "empty": lambda _: [""],
    "wrong": lambda _: ["whsec_wrong"],
    "cut": lambda secret: [secret[:-1]],
    "longer": lambda secret: [secret + "x"],
    "upper case": lambda secret: [secret.upper()],
    "quoted": lambda secret: [f'"{secret}"'],
    "twice": lambda secret: [secret, secret],
    "right and wrong": lambda secret: [secret, "wrong"],
    "wrong and right": lambda secret: ["wrong", secret],
    "non-ASCII": lambda _: ["gé".encode("latin-1")],
    "UTF-8": lambda _: ["سر".encode()],
    "raw bytes": lambda _: [bytes(range(128, 256))],
    "the right one and non-ASCII": lambda secret: [secret.encode() + b"\xe9"],
    "10,000 characters": lambda _: ["x" * 10_000],
}


@pytest.mark.parametrize("secrets", BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_a_wrong_secret_is_refused(pbx: Pbx, secrets: Callable[[str], list[str | bytes]]) -> None:
    answer = pbx.post(headers=[(SECRET, each) for each in secrets(pbx.secret)])
    assert is_refused_as_any_stranger(pbx, answer)


BAD_IDS = {
    "unknown": "int_00000000000000000000000000",
    "short": "x",
    "empty": "",
    "with a slash": "{id}/",
    "with more behind it": "{id}/more/still",
    "slashes": "a/b/c",
    "encoded slash": "%2F",
    "encoded slash behind it": "{id}%2F",
    "NUL": "%00",
    "NUL behind it": "{id}%00",
    "line break": "%0A",
    "line break behind it": "{id}%0A",
    "line break among slashes": "a/b%0Ac",
    "blank behind it": "{id}%20",
    "dots": "..%2F..%2Fetc%2Fpasswd",
    "percent": "%25",
    "half an escape": "%",
    "not UTF-8": "%FF%FE",
    "emoji": "%F0%9F%98%80",
    "10,000 characters": "x" * 10_000,
    "10,000 slashes": "/" * 10_000,
    "upper case": "{ID}",
    "SQL": "%27%20OR%201%3D1--",
}


@pytest.mark.parametrize("given", BAD_IDS.values(), ids=BAD_IDS)
def test_an_integration_that_is_not_there_is_refused_as_a_wrong_secret(
    pbx: Pbx, given: str
) -> None:
    known = pbx.integration_id
    path = "/integrations/3cx/webhook/" + given.format(id=known, ID=known.upper())
    assert is_refused_as_any_stranger(pbx, pbx.post(path=path))


def test_an_integration_that_is_switched_off_is_refused(gateway: Gateway) -> None:
    pbx = gateway.pbx(enabled=False)
    assert is_refused_as_any_stranger(pbx, pbx.post())


def test_the_secret_of_another_integration_is_refused(gateway: Gateway, pbx: Pbx) -> None:
    other = gateway.pbx()
    assert is_refused_as_any_stranger(pbx, pbx.post(headers=other.proof))


def test_a_body_that_is_no_json_makes_no_difference(pbx: Pbx) -> None:
    answer = pbx.post(headers=[(SECRET, "wrong")], body=b"\xff")
    assert is_refused_as_any_stranger(pbx, answer)


def test_a_status_is_refused_alike(pbx: Pbx) -> None:
    answer = pbx.status("evt_00000000000000000000000000", headers=[(SECRET, "wrong")])
    assert is_refused_as_any_stranger(pbx, answer)


def test_the_secret_alone_is_enough_where_no_signature_is_asked_for(pbx: Pbx) -> None:
    headers = [*pbx.proof, (TIMESTAMP, "0"), (SIGNATURE, "nonsense")]
    assert pbx.post(headers=headers).status == 202


@pytest.mark.parametrize("form", ["sha256={}", "{}"])
@pytest.mark.parametrize("age_s", [0, 299, -299])
def test_a_signature_is_accepted_with_and_without_its_name(
    signing: Pbx, form: str, age_s: int
) -> None:
    body = encoded(signing.reply())
    at_s = int(clock.now_ms() / 1000) - age_s
    assert signing.post(body=body, headers=signing.signed(body, at_s=at_s, form=form)).status == 202


def test_the_case_of_a_signature_s_hex_does_not_matter(signing: Pbx) -> None:
    body = encoded(signing.reply())
    *rest, (name, signature) = signing.signed(body)
    assert signing.post(body=body, headers=[*rest, (name, str(signature).upper())]).status == 202


def test_a_signature_covers_the_very_bytes(signing: Pbx) -> None:
    body = b'  {"event_type" :  "call_started", "note": "\\u0645 \xd9\x85"}\n'
    assert signing.post(body=body, headers=signing.signed(body)).status == 202


BAD_SIGNATURES = {
    "empty": "",
    "63 digits": "0" * 63,
    "65 digits": "0" * 65,
    "64 digits": "0" * 64,
    "named and short": "sha256=00",
    "only its name": "sha256=",
    "another name": "sha1={}",
    "its name twice": "sha256=sha256={}",
    "cut": "sha256={}0",
    "not hex": "sha256=" + "g" * 64,
    "full-width digits": "\uff10" * 64,
    "10,000 digits": "0" * 10_000,
}


@pytest.mark.parametrize("form", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
def test_a_wrong_signature_is_refused(signing: Pbx, form: str) -> None:
    body = encoded(signing.reply())
    *rest, (name, signature) = signing.signed(body, form=form)
    headers = [*rest, (name, str(signature).encode())]
    assert is_refused_as_any_stranger(signing, signing.post(body=body, headers=headers))


def now_s() -> int:
    return int(clock.now_ms() / 1000)


BAD_TIMESTAMPS: dict[str, Callable[[], str]] = {
    "0": lambda: "0",
    "negative": lambda: f"-{now_s()}",
    "301 s old": lambda: str(now_s() - 301),
    "302 s early": lambda: str(now_s() + 302),
    "in milliseconds": lambda: str(now_s() * 1000),
    "not a number": lambda: "yesterday",
    "a fraction": lambda: f"{now_s()}.5",
    "an exponent": lambda: "1.8e9",
    "a sign": lambda: f"+{now_s()}",
    "hex": lambda: hex(now_s()),
    "empty": lambda: "",
    "underscores": lambda: f"{now_s():_}",
    "10,000 digits": lambda: "9" * 10_000,
}


@pytest.mark.parametrize("given", BAD_TIMESTAMPS.values(), ids=BAD_TIMESTAMPS)
def test_a_wrong_timestamp_is_refused_even_if_it_is_signed(
    signing: Pbx, given: Callable[[], str]
) -> None:
    body = encoded(signing.reply())
    answer = signing.post(body=body, headers=signing.signed(body, at_s=given()))
    assert is_refused_as_any_stranger(signing, answer)


def test_digits_of_another_script_are_no_timestamp(signing: Pbx) -> None:
    body = encoded(signing.reply())
    arabic = str(now_s()).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")).encode()
    secret, kind, _, signature = signing.signed(body)
    answer = signing.post(body=body, headers=[secret, kind, (TIMESTAMP, arabic), signature])
    assert is_refused_as_any_stranger(signing, answer)


TAMPERED: dict[str, Callable[[Pbx, bytes], Headers]] = {
    "another body": lambda pbx, body: pbx.signed(body + b" "),
    "no signature": lambda pbx, body: pbx.signed(body)[:3],
    "no timestamp": lambda pbx, body: [*pbx.proof, pbx.signed(body)[3]],
    "a later timestamp": lambda pbx, body: [
        *pbx.proof,
        (TIMESTAMP, str(now_s() + 1)),
        pbx.signed(body)[3],
    ],
    "two signatures": lambda pbx, body: [*pbx.signed(body), (SIGNATURE, "0" * 64)],
    "two timestamps": lambda pbx, body: [*pbx.signed(body), (TIMESTAMP, "0")],
    "a wrong secret": lambda pbx, body: [(SECRET, "wrong"), *pbx.signed(body)[1:]],
    "no secret": lambda pbx, body: pbx.signed(body)[1:],
}


@pytest.mark.parametrize("headers", TAMPERED.values(), ids=TAMPERED)
def test_a_signed_request_that_was_tampered_with_is_refused(
    signing: Pbx, headers: Callable[[Pbx, bytes], Headers]
) -> None:
    body = encoded(signing.reply())
    answer = signing.post(body=body, headers=headers(signing, body))
    assert is_refused_as_any_stranger(signing, answer)


def knows(pbx: Pbx, secret: str) -> bool:
    """Whether a secret is good; asking for a status costs nothing of the 60 a minute."""
    return pbx.status("evt_x", headers=[(SECRET, secret)]).status == 404


def test_after_a_rotation_the_old_secret_lives_on_for_its_grace(pbx: Pbx) -> None:
    new = pbx.gateway.clerk.do("rotate", integration_id=pbx.integration_id, grace_ms=3_600_000)
    pbx.gateway.wait_until(lambda: knows(pbx, new), seconds=2)
    newest = pbx.gateway.clerk.do("rotate", integration_id=pbx.integration_id, grace_ms=3_600_000)
    pbx.gateway.wait_until(lambda: knows(pbx, newest), seconds=2)
    for secret in (pbx.secret, new, newest):
        assert pbx.post(headers=[(SECRET, secret)]).status == 202


def test_a_rotation_without_grace_ends_the_old_secret(pbx: Pbx) -> None:
    assert knows(pbx, pbx.secret)
    new = pbx.gateway.clerk.do("rotate", integration_id=pbx.integration_id, grace_ms=0)
    pbx.gateway.wait_until(lambda: not knows(pbx, pbx.secret), seconds=2)
    assert is_refused_as_any_stranger(pbx, pbx.post())
    assert pbx.post(headers=[(SECRET, new)]).status == 202


def test_a_grace_that_runs_out_ends_the_old_secret(pbx: Pbx) -> None:
    new = pbx.gateway.clerk.do("rotate", integration_id=pbx.integration_id, grace_ms=1_500)
    pbx.gateway.wait_until(lambda: knows(pbx, new), seconds=1.2)
    assert knows(pbx, pbx.secret)
    pbx.gateway.wait_until(lambda: not knows(pbx, pbx.secret), seconds=2)
    assert knows(pbx, new)


def test_each_living_secret_signs(signing: Pbx) -> None:
    new = signing.gateway.clerk.do(
        "rotate", integration_id=signing.integration_id, grace_ms=3_600_000
    )
    old, signing.secret = signing.secret, new
    signing.gateway.wait_until(lambda: signing.status("x", signing.signed(b"")).status == 404, 2)
    for secret in (old, new):
        signing.secret = secret
        body = encoded(signing.reply(note=secret[-4:]))
        assert signing.post(body=body, headers=signing.signed(body)).status == 202


def test_the_secret_of_the_header_must_be_the_one_that_signs(signing: Pbx) -> None:
    new = signing.gateway.clerk.do(
        "rotate", integration_id=signing.integration_id, grace_ms=3_600_000
    )
    body = encoded(signing.reply())
    headers = [(SECRET, new), *signing.signed(body)[1:]]
    assert is_refused_as_any_stranger(signing, signing.post(body=body, headers=headers))


def test_switching_an_integration_off_takes_effect_within_two_seconds(pbx: Pbx) -> None:
    assert knows(pbx, pbx.secret)
    pbx.gateway.clerk.do(
        "change", table="integration", row_id=pbx.integration_id, values={"enabled": False}
    )
    pbx.gateway.wait_until(lambda: not knows(pbx, pbx.secret), seconds=2)
