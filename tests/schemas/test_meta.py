"""What Meta sends is read as far as it can be, and one bad item never costs its neighbours."""

import copy
import hashlib
import hmac
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import meta
from schemas.meta import IdentityChange, InboundMessage, MalformedWebhook, Other, StatusUpdate

ANNA = "966500000001"
ANNA_ID = "SA.13491208655302741918"
WORDS = "my-private-words"
NO_INSTANTS: list[Any] = [None, "", "soon", 0, -5, "1" * 5000, 10**16, True, [], {}]


def notification(value: Any, field: Any = "messages", **entry: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        metadata = {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    change = {"field": field, "value": value}
    return {"object": "whatsapp_business_account", "entry": [{**entry, "changes": [change]}]}


def text(body: Any = "hello", **more: Any) -> dict[str, Any]:
    head = {"from": ANNA, "id": "wamid.1", "timestamp": "1760000000", "type": "text"}
    return {**head, "text": {"body": body}, **more}


def typed(kind: str, node: Any) -> dict[str, Any]:
    return {"from": ANNA, "id": "wamid.1", "timestamp": "1760000000", "type": kind, kind: node}


def status(**more: Any) -> dict[str, Any]:
    head = {"id": "wamid.9", "status": "delivered", "timestamp": "1760000001"}
    return {**head, "recipient_id": ANNA, "biz_opaque_callback_data": "event-7", **more}


def read_bytes(body: bytes) -> list[Any]:
    return list(meta.items(body))


def read(payload: Any) -> list[Any]:
    return read_bytes(json.dumps(payload).encode())


def only(payload: Any) -> Any:
    (item,) = read(payload)
    return item


def message(raw: dict[str, Any], **value: Any) -> InboundMessage:
    item = only(notification({"messages": [raw], **value}))
    assert isinstance(item, InboundMessage)
    return item


def test_the_signature_is_meta_s_own_vector() -> None:
    body = b'{"object":"whatsapp_business_account"}'
    signature = "sha256=b6978b21c4467654c466607663db9b43fae44b71083568df403e0a077089208e"
    assert meta.verify("test-app-secret", body, signature)
    assert not meta.verify("another-secret", body, signature)
    assert not meta.verify("test-app-secret", body + b" ", signature)


@pytest.mark.parametrize(
    "header", [None, "", "sha256=", "sha1=00", "b6978b21", "sha256=é", "sha256=\udcff", "sha256=00"]
)
def test_what_is_no_signature_verifies_nothing(header: str | None) -> None:
    assert not meta.verify("test-app-secret", b"{}", header)


def test_an_empty_secret_verifies_nothing_although_anybody_can_sign_with_it() -> None:
    signature = hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    assert not meta.verify("", b"{}", f"sha256={signature}")


def test_a_text_message_tells_who_wrote_what_and_when() -> None:
    contacts = [{"profile": {"name": "Anna"}, "wa_id": ANNA, "user_id": ANNA_ID}]
    item = message(text("hello"), contacts=contacts)
    assert item == InboundMessage(
        phone_number_id="106540352242922",
        display_phone_number="15550783881",
        message_id="wamid.1",
        from_phone="+966500000001",
        user_id=ANNA_ID,
        contact_name="Anna",
        sent_at_ms=1_760_000_000_000,
        type="text",
        text="hello",
        opt_out_candidates=("hello",),
        opens_window=True,
        raw=text("hello"),
    )
    assert item.dedup_key == "m:wamid.1"


@pytest.mark.parametrize(
    ("kind", "node", "said", "candidates"),
    [
        ("text", {"body": "STOP"}, "STOP", ("STOP",)),
        ("image", {"id": "1", "caption": "a photo"}, "a photo", ()),
        ("audio", {"id": "1", "voice": True}, "", ()),
        ("document", {"filename": "x.pdf", "caption": "the bill"}, "the bill", ()),
        ("button", {"payload": "STOP-1", "text": "Stop"}, "Stop", ("STOP-1", "Stop")),
        ("button", {"payload": "STOP"}, "STOP", ("STOP",)),
        ("interactive", {"button_reply": {"id": "b", "title": "Bye"}}, "Bye", ("Bye", "b")),
        ("interactive", {"list_reply": {"id": "l", "title": "Lie"}}, "Lie", ("Lie", "l")),
        ("interactive", {"nfm_reply": {"name": "flow", "body": "Sent"}}, "Sent", ()),
        ("location", {"latitude": 1.5, "longitude": 2, "name": "Home"}, "Home", ()),
        ("reaction", {"message_id": "wamid.0", "emoji": "👍"}, "👍", ()),
        ("system", {"type": "something_new", "body": "News"}, "News", ()),
        ("order", {"text": "two please"}, "two please", ()),
        ("edit", {"message": {"type": "text", "text": {"body": "stop"}}}, "stop", ("stop",)),
        ("edit", {"message": {"type": "edit", "edit": {}}}, "", ()),
        ("hologram", {"body": "?"}, "", ()),
    ],
)
def test_what_a_message_says_is_read_by_its_type(
    kind: str, node: Any, said: str, candidates: tuple[str, ...]
) -> None:
    item = message(typed(kind, node))
    assert (item.text, item.opt_out_candidates) == (said, candidates)


def test_an_interactive_message_may_come_without_its_node() -> None:
    bare = {key: value for key, value in text().items() if key != "text"}
    item = message({**bare, "type": "interactive"})
    assert (item.text, item.opens_window) == ("", True)


@pytest.mark.parametrize(
    ("raw", "opens"),
    [
        (text(), True),
        (typed("image", {"id": "1"}), True),
        (typed("button", {"payload": "STOP"}), True),
        (typed("hologram", {}), True),
        (typed("reaction", {"emoji": "👍"}), False),
        (typed("edit", {"message": text()}), False),
        (typed("revoke", {"original_message_id": "wamid.0"}), False),
        (typed("system", {"type": "something_new"}), False),
        (typed("request_welcome", {}), False),
        (text(group_id="group-1"), False),
        # Meta delivers edits as unsupported as well, so a nameless one proves nothing.
        ({**typed("unsupported", None), "errors": [{"code": 131051}]}, False),
        (typed("unsupported", {"type": "edit"}), False),
        (typed("unsupported", {"type": "poll_creation"}), True),
        ({"from": ANNA, "id": "wamid.1"}, False),
    ],
)
def test_only_the_customers_own_message_opens_the_window(
    raw: dict[str, Any], *, opens: bool
) -> None:
    assert message(raw).opens_window is opens


def test_a_person_without_a_number_is_known_by_the_user_id() -> None:
    raw = {key: value for key, value in text().items() if key != "from"}
    contacts = [{"profile": {"username": "anna"}, "user_id": ANNA_ID}]
    named = message({**raw, "from_user_id": ANNA_ID}, contacts=contacts)
    assert (named.from_phone, named.user_id) == (None, ANNA_ID)
    nameless = message(raw, contacts=contacts)
    assert (nameless.from_phone, nameless.user_id) == (None, ANNA_ID)


def test_a_message_is_never_given_to_another_contact() -> None:
    others = [{"profile": {"name": "Ben"}, "wa_id": "966500000002", "user_id": "SA.2"}]
    item = message(text(), contacts=others)
    assert (item.from_phone, item.user_id, item.contact_name) == ("+966500000001", None, None)


@pytest.mark.parametrize(
    ("timestamp", "sent_at_ms"),
    [
        ("1760000000", 1_760_000_000_000),
        (1760000000, 1_760_000_000_000),
        ("1760000000123", 1_760_000_000_123),
        (1760000000.0, 1_760_000_000_000),
        (" 1760000000 ", 1_760_000_000_000),
        *((bad, None) for bad in NO_INSTANTS),
    ],
)
def test_a_timestamp_is_seconds_or_milliseconds_or_nothing(
    timestamp: Any, sent_at_ms: int | None
) -> None:
    assert message(text(timestamp=timestamp)).sent_at_ms == sent_at_ms


@pytest.mark.parametrize(
    ("sender", "phone"),
    [
        (ANNA, "+966500000001"),
        (int(ANNA), "+966500000001"),
        (f"+{ANNA}", "+966500000001"),
        *((bad, None) for bad in ("", "anna", "0500", "1" * 16, None, [ANNA], ANNA_ID)),
    ],
)
def test_a_sender_is_e164_or_nobody(sender: Any, phone: str | None) -> None:
    assert message(text(**{"from": sender})).from_phone == phone


def test_numbers_and_strings_may_be_mixed_up() -> None:
    item = message(text(12345, id=77))
    assert (item.text, item.message_id) == ("12345", "77")


def test_a_status_tells_what_became_of_which_message() -> None:
    item = only(notification({"statuses": [status()]}))
    assert item == StatusUpdate(
        phone_number_id="106540352242922",
        provider_message_id="wamid.9",
        status="delivered",
        at_ms=1_760_000_001_000,
        recipient="+966500000001",
        recipient_user_id=None,
        correlation="event-7",
        errors=(),
    )
    assert item.dedup_key == "s:wamid.9:delivered"


def test_a_failed_status_keeps_every_code_that_can_be_read() -> None:
    errors = [{"code": 131047, "error_data": "text"}, {"code": "131026"}, {"code": None}, "x", None]
    item = only(notification({"statuses": [status(status="failed", errors=errors)]}))
    assert item.errors == (131047, 131026)


def test_a_status_may_name_its_recipient_by_user_id() -> None:
    raw = status(recipient_id=None, recipient_user_id=ANNA_ID)
    item = only(notification({"statuses": [raw]}))
    assert (item.recipient, item.recipient_user_id) == (None, ANNA_ID)


def test_a_changed_number_leads_from_the_old_person_to_the_new() -> None:
    node = {"type": "user_changed_number", "wa_id": "966500000002", "user_id": "SA.2"}
    raw = typed("system", {**node, "previous_user_id": ANNA_ID})
    item = only(notification({"messages": [raw]}))
    assert item == IdentityChange(
        phone_number_id="106540352242922",
        old_phone="+966500000001",
        old_user_id=ANNA_ID,
        new_phone="+966500000002",
        new_user_id="SA.2",
        at_ms=1_760_000_000_000,
    )


def test_a_changed_user_id_may_come_without_any_number() -> None:
    raw = {**typed("system", {"type": "user_changed_user_id", "user_id": "SA.2"}), "from": None}
    item = only(notification({"messages": [{**raw, "from_user_id": ANNA_ID}]}))
    assert (item.old_phone, item.old_user_id) == (None, ANNA_ID)
    assert (item.new_phone, item.new_user_id) == (None, "SA.2")


def test_a_user_id_update_names_both_ids() -> None:
    ids = {"previous": ANNA_ID, "current": "SA.2"}
    update = {"wa_id": ANNA, "user_id": ids, "timestamp": "1760000000"}
    item = only(notification({"user_id_update": [update]}, field="user_id_update"))
    assert (item.old_user_id, item.new_user_id, item.new_phone) == (ANNA_ID, "SA.2", f"+{ANNA}")


@pytest.mark.parametrize("field", ["account_update", "hologram_update", "", None, 7, ["messages"]])
def test_an_unknown_field_is_kept_as_it_came(field: Any) -> None:
    payload = notification({"event": "NEWS"}, field=field, time=1760000000)
    item = only(payload)
    assert isinstance(item, Other)
    assert item.raw == payload["entry"][0]["changes"][0]
    assert (item.phone_number_id, item.at_ms) == ("106540352242922", 1_760_000_000_000)


def test_an_old_conversation_that_is_synchronised_is_not_a_new_message() -> None:
    (item,) = read(notification({"messages": [text()]}, field="history"))
    assert isinstance(item, Other)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"errors": [{"code": 130429}]}, "messages.errors"),
        ({"messages": [{"type": "text"}]}, "messages.messages"),
        ({"statuses": [{"id": "wamid.9"}]}, "messages.statuses"),
        ({}, "messages"),
        (None, "messages"),
    ],
)
def test_what_has_no_name_of_its_own_is_kept_too(value: Any, field: str) -> None:
    item = only(notification(value))
    assert isinstance(item, Other)
    assert item.field == field


def test_the_same_news_again_is_the_same_item_and_later_news_is_not() -> None:
    first, again, later = (
        only(notification({"event": "NEWS"}, field="account_update", time=when))
        for when in (1760000000, 1760000000, 1760009999)
    )
    assert first.dedup_key == again.dedup_key != later.dedup_key


def test_the_order_of_keys_does_not_make_another_item() -> None:
    one = b'{"entry":[{"changes":[{"field":"x","value":{"a":1,"b":2}}]}]}'
    two = b'{"entry":[{"changes":[{"value":{"b":2,"a":1},"field":"x"}]}]}'
    assert [item.dedup_key for item in meta.items(one)] == [
        item.dedup_key for item in meta.items(two)
    ]


def test_a_giant_id_makes_a_short_key() -> None:
    assert len(message(text(id="w" * 100_000)).dedup_key) == 66
    assert len(only(notification({"statuses": [status(status="s" * 500)]})).dedup_key) == 66


def test_every_item_of_a_batch_is_read_whatever_stands_between() -> None:
    junk: list[Any] = [None, 7, "x", [], {}, {"id": None}, {"id": "w", "text": 5, "type": []}]
    wrong: list[Any] = [None, [], "x", {"changes": None}, {"changes": [None, {"value": 3}]}]
    good = notification(
        {
            "contacts": [None, {"profile": 3}],
            "messages": [*junk, text(id="wamid.2"), *junk],
            "statuses": [*junk, status(id="wamid.3")],
        }
    )
    payload = {"entry": [*wrong, *good["entry"], *wrong, *good["entry"]]}
    keys = [item.dedup_key for item in read(payload)]
    assert keys.count("m:wamid.2") == keys.count("s:wamid.3:delivered") == 2


def test_nul_and_lone_surrogates_are_taken_out_of_every_text() -> None:
    raw = orjson.dumps(notification({"messages": [text("HERE")]}))
    (item,) = read_bytes(raw.replace(b"HERE", rb"a\u0000b\ud800c\ud83d\ude00"))
    assert isinstance(item, InboundMessage)
    assert item.text == "ab\ufffdc😀"
    assert b"\\u0000" not in item.to_bytes()


def test_bytes_that_are_no_utf8_cost_only_themselves() -> None:
    raw = orjson.dumps(notification({"messages": [text("HERE"), text("fine", id="wamid.2")]}))
    first, second = read_bytes(b"\xef\xbb\xbf" + raw.replace(b"HERE", b"a\xff\nb"))
    assert (first.text, second.text) == ("a\ufffd\nb", "fine")


@pytest.mark.parametrize("depth", [300, 2_000, 100_000])
def test_deep_nesting_costs_only_itself(depth: int) -> None:
    raw = orjson.dumps(notification({"messages": [text(x="DEEP"), text("fine", id="wamid.2")]}))
    deep = b'[{"a]":' * depth + b"1" + b"}]" * depth
    first, second = read_bytes(raw.replace(b'"DEEP"', deep))
    assert (first.text, second.text) == ("hello", "fine")
    assert meta.from_bytes(first.to_bytes()) == first


@pytest.mark.parametrize("number", [b"9" * 9_000, b"-" + b"9" * 400, b"1e999", b"1e300", b"NaN"])
def test_a_number_no_computer_holds_costs_only_itself(number: bytes) -> None:
    odd = text(timestamp="ODD", id="ODD", x="ODD")
    failed = status(errors=[{"code": "ODD"}, {"code": 131026}])
    payload = notification({"messages": [odd, text()], "statuses": [failed]}, time="ODD")
    *_, good, last = read_bytes(orjson.dumps(payload).replace(b'"ODD"', number))
    assert (good.text, last.errors) == ("hello", (131026,))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"x"', b"7", b"{", b"\xff\xfe", b"NaN", b"[" * 100_000, b'{"a":"\\'],
)
def test_a_body_that_is_no_object_is_malformed_at_once(body: bytes) -> None:
    with pytest.raises(MalformedWebhook) as caught:
        meta.items(body)
    assert str(caught.value) == "the body is not a JSON object"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("body", [b"{}", b'{"entry":{}}', b'{"entry":[[]]}', b'{"entry":null}'])
def test_an_object_that_tells_nothing_holds_no_items(body: bytes) -> None:
    assert list(meta.items(body)) == []


def everything() -> dict[str, Any]:
    contacts = [{"profile": {"name": WORDS}, "wa_id": ANNA, "user_id": ANNA_ID}]
    changed = {"type": "user_changed_number", "wa_id": "966500000002", "user_id": "SA.2"}
    messages = [text(WORDS), typed("button", {"payload": WORDS, "text": "x"})]
    messages += [typed("system", changed), typed("interactive", {"list_reply": {"id": WORDS}})]
    messages += [typed("edit", {"message": text(WORDS)}), typed("unsupported", {"type": "poll"})]
    statuses = [status(recipient_user_id=ANNA_ID, errors=[{"code": 131047}])]
    payload = notification({"contacts": contacts, "messages": messages, "statuses": statuses})
    update = {"wa_id": ANNA, "user_id": {"previous": ANNA_ID, "current": "SA.2"}}
    payload["entry"] += notification({"user_id_update": [update]}, "user_id_update")["entry"]
    payload["entry"] += notification({"secret": WORDS}, "account_update", time=1760000000)["entry"]
    return payload


def test_every_item_survives_being_stored() -> None:
    items = read(everything())
    assert {type(item) for item in items} == {InboundMessage, StatusUpdate, IdentityChange, Other}
    for item in items:
        again = meta.from_bytes(item.to_bytes())
        assert again == item
        assert again.dedup_key == item.dedup_key


def test_no_repr_shows_anything_of_a_person() -> None:
    for item in read(everything()):
        shown = repr(item)
        for secret in (WORDS, ANNA, "966500000002", ANNA_ID, "SA.2", "wamid"):
            assert secret not in shown


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    found = [path] if path else []
    for key, value in inner if isinstance(node, dict | list) else ():
        found += places(value, (*path, key)) if isinstance(value, dict | list) else [(*path, key)]
    return found


PLACES = places(everything())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()))
    | st.sampled_from(
        ["", "0", "-1", "STOP", "\x00", "\ud800", "system", "edit", "1e999", "7" * 99]
    )
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "body", "code", "\x00", "\udfff"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=4))
def test_whatever_stands_anywhere_what_can_be_read_is_read(
    wrongs: list[tuple[tuple[Any, ...], Any]],
) -> None:
    payload = copy.deepcopy(everything())
    for path, junk in wrongs:
        try:
            parent = payload
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = junk
        except (KeyError, IndexError, TypeError):
            continue  # an earlier piece of junk stands where this one would have gone
    neighbour = notification({"messages": [text(id="wamid.neighbour")]})["entry"]
    payload["entry"] = [*payload["entry"], *neighbour] if _is_list(payload["entry"]) else neighbour

    items = list(meta.items(json.dumps(payload).encode()))

    assert "m:wamid.neighbour" in [item.dedup_key for item in items]
    for item in items:
        stored = item.to_bytes()
        assert b"\\u0000" not in stored
        assert meta.from_bytes(stored).dedup_key == item.dedup_key


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_bytes_are_items_or_malformed_and_nothing_else(body: bytes) -> None:
    try:
        list(meta.items(body))
    except MalformedWebhook:
        return


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_body_cut_or_flipped_anywhere_never_breaks_the_reader(data: st.DataObject) -> None:
    body = bytearray(json.dumps(everything()).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    try:
        list(meta.items(bytes(body[: data.draw(st.integers(0, len(body)))])))
    except MalformedWebhook:
        return
