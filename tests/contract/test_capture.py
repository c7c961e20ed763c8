"""What a PBX sent can be looked at, without what it said, over real sockets."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.gateway import PROGRAM

if TYPE_CHECKING:
    from tests.gateway import Gateway
    from tests.pbx import Pbx
    from tests.wire import Answer

SECRET = "whsec_planted-Secret-0123456789"
SIGNATURE = "sha256=" + "5ec4e7" * 10 + "5ec4"
TEXT = "planted words to a customer"


def inspected(pbx: Pbx, count: int) -> list[dict[str, Any]]:
    """What `gateway integration inspect` shows, once so many requests are written."""
    found: list[dict[str, Any]] = []

    def all_are_there() -> bool:
        command = ("integration", "inspect", pbx.integration_id)
        found[:] = pbx.gateway.command(*command)["requests"]
        return len(found) >= count

    pbx.gateway.wait_until(all_are_there)
    assert len(found) == count
    return found


def test_what_a_bad_pbx_sent_is_seen_and_nothing_that_is_secret(gateway: Gateway) -> None:
    pbx = gateway.pbx(auth_mode="secret_and_signature")
    fine = json.dumps(pbx.reply(message_text=TEXT)).encode()
    broken = f'{{"to": "{pbx.customer}", "message_text": "say "{TEXT}""}}'.encode()
    unfilled = json.dumps(pbx.reply(to="[Number]", message_text=TEXT, oddity=TEXT)).encode()
    answers: list[Answer] = [
        pbx.post(body=fine, headers=pbx.signed(fine)),
        pbx.post(body=broken, headers=pbx.signed(broken)),
        pbx.post(body=unfilled, headers=pbx.signed(unfilled)),
        pbx.post(body=fine, headers=[("X-WhatsApp-Gateway-Secret", SECRET)]),
        pbx.post(body=fine, headers=[("X-WhatsApp-Gateway-3CX-Secret", SECRET)]),
        pbx.post(body=fine, headers=pbx.signed(fine, at_s=1)),
        pbx.post(body=fine, headers=[*pbx.signed(fine)[:-1],
                                     ("X-WhatsApp-Gateway-Signature", SIGNATURE)]),
        pbx.post(body=b"x" * 262_145, headers=pbx.signed(b"")),
        pbx.post(body=fine, headers=pbx.signed(fine), path=f"{pbx.path}/"),
        pbx.post(body=fine, path=f"/integrations/3cx/{pbx.integration_id}/sms/{SECRET}"),
    ]  # fmt: skip
    found = list(reversed(inspected(pbx, len(answers))))

    assert [each["status"] for each in found] == [each.status for each in answers]
    seen = [(each["door"], each["error"], each["reason"]) for each in found]
    refused = "invalid_3cx_webhook"
    assert seen == [
        ("webhook", None, None),
        ("webhook", "invalid_json", None),
        ("webhook", None, None),
        ("webhook", refused, "secret_missing"),
        ("webhook", refused, "secret_wrong"),
        ("webhook", refused, "timestamp_stale"),
        ("webhook", refused, "signature_wrong"),
        ("webhook", "payload_too_large", None),
        ("no such address", refused, "unknown_integration"),
        ("sms", refused, "secret_wrong"),
    ]
    assert [each["authenticated"] for each in found] == [True] * 3 + [False] * 7
    assert found[0]["body"]["json"]["event_type"] == "outbound_message"
    assert found[0]["body"]["json"]["to"] == "+••••••••••" + pbx.customer[-2:]
    assert found[1]["body"]["broken"].startswith("unexpected character")
    assert found[2]["body"]["json"]["to"] == "[Number]"
    assert "x-whatsapp-gateway-secret" in found[3]["headers"]
    assert found[7]["body"] is None

    shown = subprocess.run(
        [*PROGRAM, "integration", "inspect", pbx.integration_id],
        cwd=gateway._folder, env=gateway._environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "POST webhook from 127.0.0.1" in shown
    assert "401 invalid_3cx_webhook: signature_wrong" in shown
    assert shown.index("sms") < shown.index("payload_too_large"), "the newest stands first"
    planted = (SECRET, SIGNATURE[7:], TEXT, pbx.secret, pbx.customer[1:-2])
    for hidden in planted:
        assert hidden not in json.dumps(found, ensure_ascii=False) + shown


def test_an_attacker_who_knows_the_id_pushes_nothing_out(pbx: Pbx) -> None:
    assert pbx.post().status == 202
    for _ in range(40):
        pbx.post(headers=[("X-WhatsApp-Gateway-3CX-Secret", SECRET)])
    found = inspected(pbx, 11)
    assert [each["authenticated"] for each in found] == [False] * 10 + [True]
