"""What is well-formed, to be bent: as 3CX, Meta, people and HTTP clients write it."""

from __future__ import annotations

from typing import Any

import orjson

ANNA, ANNA_ID = "966500000001", "SA.13491208655302741918"


def _written(*values: Any) -> tuple[bytes, ...]:
    return tuple(orjson.dumps(value) for value in values)


THREECX = _written(
    {
        "event_type": "outbound_message",
        "to": "+966512345678",
        "message_text": "Your technician arrives at ten.",
        "message_purpose": "support",
        "event_id": "evt-1",
        "agent_extension": "101",
        "queue": "800",
    },
    {
        "event_type": "inbound_reply",
        "customer_phone": "0512345678",
        "message": "We have looked into it.",
        "message_purpose": "transactional",
        "conversation_id": 71,
    },
    {
        "event_type": "missed_call",
        "caller": "[Number]",
        "from": 966512345678,
        "phone": None,
        "call_time": "2026-11-22 10:00:00",
        "call_type": "external",
        "duration_seconds": 14.5,
    },
    {"event_type": "test", "to": "0512345678", "message_text": "x" * 5_000},
)


CHAT = _written(
    {"from": "+966112000000", "to": "+966512345678", "text": "Your technician arrives at ten."},
    {"from": 966112000000, "to": "0512345678", "text": "[ok]", "media_urls": ["https://a.b/c"]},
    {"from": "[DID]", "to": None, "text": 7, "media_urls": "https://a.b/c", "number": "[Number]"},
    {"number": "00966 51 234 5678"},
    {"number": 966512345678},
)


def _notification(*values: dict[str, Any], field: str = "messages") -> dict[str, Any]:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"}
    changes = [
        {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **each}}
        for each in values
    ]
    entry = {"id": "102290129340398", "time": 1_760_000_000, "changes": changes}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _message(kind: str, **content: Any) -> dict[str, Any]:
    head = {"from": ANNA, "from_user_id": ANNA_ID, "id": "wamid.1", "timestamp": "1760000000"}
    return {**head, "type": kind, kind: content}


def _wrote(*messages: dict[str, Any]) -> dict[str, Any]:
    contact = {"profile": {"name": "Anna"}, "wa_id": ANNA, "user_id": ANNA_ID}
    return _notification({"contacts": [contact], "messages": list(messages)})


_STATUS = {
    "id": "wamid.9",
    "status": "delivered",
    "timestamp": "1760000001",
    "recipient_id": ANNA,
    "biz_opaque_callback_data": "evt_01kb3w5m2n7qa8z0c4d6e9f1gh:0",
    "pricing": {"billable": False, "pricing_model": "PMP", "category": "service"},
}
_FAILED = _STATUS | {
    "status": "failed",
    "errors": [{"code": 131047, "title": "Re-engagement", "error_data": {"details": "24 h"}}],
}
META = _written(
    _wrote(_message("text", body="hello")),
    _wrote(_message("text", body="STOP"), _message("image", id="1", caption="a photo")),
    _wrote(_message("interactive", type="list_reply", list_reply={"id": "l", "title": "Stop"})),
    _wrote(_message("button", payload="STOP", text="Stop"), _message("reaction", emoji="x")),
    _wrote(_message("edit", message={"type": "text", "text": {"body": "stop"}})),
    _wrote(_message("unsupported", type="poll"), _message("location", name="Home")),
    _notification({"messages": [_message("system", type="user_changed_number", wa_id="1234567")]}),
    _notification({"statuses": [_STATUS, _FAILED]}, {"errors": [{"code": 130429}]}),
    _notification(
        {"user_id_update": [{"wa_id": ANNA, "user_id": {"previous": ANNA_ID, "current": "SA.2a"}}]},
        field="user_id_update",
    ),
    _notification({"event": "APPROVED", "message_template_id": 1}, field="template_status_update"),
)

ANSWERS = _written(
    {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+966512345678", "wa_id": "966512345678", "user_id": ANNA_ID}],
        "messages": [{"id": "wamid.HBgMOTY2NTEyMzQ1Njc4"}],
    },
    {"messages": [{"id": "wamid.1", "message_status": "accepted"}]},
    {"error": {"message": "(#131047)", "code": 131047, "error_subcode": 33, "fbtrace_id": "A"}},
    {"error": {"message": "no", "type": "OAuthException", "code": "190"}},
    {"error": {"code": 131056, "error_data": {"details": "pair"}}},
)
RETRY_AFTER = (
    "0", "7", "3600", "99999999999999999999", "-1", "1.5", "", " 5 ", "٣", "soon", "1e3",
    "Wed, 21 Oct 2026 07:28:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    "Wed, 21 Oct 99999 07:28:00 GMT", "Wed, 99 Oct 2026 77:28:00 +9999", "21 Oct 2026 -0000",
)  # fmt: skip

NOT_TEXTS = (None, True, False, 0, -1, 1.5, 966512345678.0, float("nan"), [], {}, ["+966512345678"],
             b"+966512345678", 10**30)  # fmt: skip
PREFIXES = ("+", "+", "00", "0", "", "+966", "966", "+1", "+44 (0)", "+39 0", "(0)", "+(", "00 966")
DIGITS = ("0123456789",) * 4 + (
    "٠١٢٣٤٥٦٧٨٩",
    "۰۱۲۳۴۵۶۷۸۹",
    "".join(map(chr, range(0xFF10, 0xFF1A))),
)
GAPS = (" ", " ", "-", ".", "/", "(", ")", "\u00a0", "\u2011", "\u200e", "\u202c", " - ")
BESIDE = ("", " ", "=", ":", ",", '"', "to=", "(", "\t", "#", "é", " 2026-01-05T10:00:00Z",
          " 10:00:00", " 10.0.0.1", " evt_01kb3w5m2n7qa8z0c4d6e9f1gh")  # fmt: skip

UNSEEN = ("", "", "", "", "\u200b", "\u00ad", "\u200e", "\u0301", "\u0640", "\ufe0f", ".", "-")
AROUND = ("", "", " ", "\n", "!", "...", "\u202b", " \u2764\ufe0f ", "\u00a0", "«", '"', "\u3164")

HTTP = (
    b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /integrations/3cx/webhook/int_1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"PUT /x?a=b%00#c HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1",
    b"GET http://a:b@h:99/p HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    b"\r\n\r\nHEAD //a//b;c?d=e&f HTTP/1.1\r\nA: b\r\n  folded\r\n\r\n",
)
HEADERS = (
    b"Content-Length: -1", b"Content-Length: 1e3", b"Content-Length: 99999999999999999999",
    b"Content-Length: 2", b"Content-Length: \xb2", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: \x0bchunked", b"Host: \xff",
    b"X-Forwarded-For: 1.2.3.4, ::1%a, [", b"X-Forwarded-Proto: gopher", b'Forwarded: for="',
    b"Connection: close, \x00", b"No colon", b": no name", b"A b: c", b"\tX: y", b"Expect: 200",
    b"Prefer: wait=99999999999999", b"Idempotency-Key: \xe9", b"X_Under: score",
    b"A: " + b"a" * 9_000,
)  # fmt: skip
