"""Every kind of message is a line that an agent can read, and none that passes for one of ours."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from models.forward import Forward
from schemas import meta
from tests.trunk import DID
from workers import lines, media_link, notices_words
from workers.lines import Beside, harmless, of_message
from workers.lines_words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journey import Journey
    from tests.trunk import Trunk

LINK = "https://gw.example/media/token"
LANGUAGES = ["en", "ar", "es", "fr", "de", "pt"]
PICTURE = {"id": "9", "mime_type": "image/jpeg", "sha256": "aGk="}


def told(kind: str, *, said: Any = None, **node: Any) -> meta.InboundMessage:
    """A message as it comes off Meta's webhook."""
    raw = {"from": "966500000001", "id": "wamid.1", "timestamp": "1795348800", "type": kind, **node}
    if said is not None:
        raw[kind] = said
    value = {"metadata": {"phone_number_id": "1"}, "messages": [raw]}
    body = {"entry": [{"changes": [{"field": "messages", "value": value}]}]}
    (item,) = meta.items(orjson.dumps(body))
    assert isinstance(item, meta.InboundMessage)
    return item


def line(kind: str, said: Any = None, /, *, beside: Beside | None = None, **node: Any) -> str:
    return of_message(told(kind, said=said, **node), beside or Beside("en", LINK))


CONTACT = {
    "name": {"formatted_name": "Omar Haddad"},
    "phones": [{"phone": "+966 50 000 0009", "wa_id": "966500000009"}, {"wa_id": "4915100"}],
    "emails": [{"email": "omar@example.com"}],
}
FORM = {
    "name": "flow",
    "body": "Sent",
    "response_json": '{"flow_token":"t","size":"L","days":["Mo","Tu"],"count":2}',
}
ORDER = {
    "text": "quickly, please",
    "product_items": [
        {"product_retailer_id": "SKU1", "quantity": 2, "item_price": 5.5, "currency": "SAR"},
        {"product_retailer_id": "SKU2", "quantity": "1"},
    ],
}

KINDS = [
    ("text", {"body": "Where is my parcel?"}, {}, "Where is my parcel?"),
    ("text", {"body": "two\nlines"}, {}, "two\nlines"),
    ("image", PICTURE, {}, f"[Image]\n{LINK}"),
    ("image", PICTURE | {"caption": "broken here"}, {}, f"[Image]\n{LINK}\nbroken here"),
    ("video", PICTURE | {"caption": "look"}, {}, f"[Video]\n{LINK}\nlook"),
    ("audio", PICTURE, {}, f"[Audio]\n{LINK}"),
    ("audio", PICTURE | {"voice": True}, {}, f"[Voice message]\n{LINK}"),
    ("document", PICTURE | {"filename": "bill.pdf"}, {}, f"[Document bill.pdf]\n{LINK}"),
    ("sticker", PICTURE | {"animated": True}, {}, f"[Sticker]\n{LINK}"),
    (
        "location",
        {"latitude": 24.7136, "longitude": 46.6753, "name": "Shop", "address": "King Fahd Rd"},
        {},
        "[Location Shop, King Fahd Rd]\nhttps://maps.google.com/?q=24.713600,46.675300",
    ),
    (
        "location",
        {"latitude": "-33.9", "longitude": 18},
        {},
        "[Location]\nhttps://maps.google.com/?q=-33.900000,18.000000",
    ),
    ("location", {"latitude": "here", "longitude": None}, {}, "[Location]"),
    ("location", {"latitude": 1e300, "longitude": 5}, {}, "[Location]"),
    ("location", {"latitude": float(12), "longitude": "1e999"}, {}, "[Location]"),
    (
        "contacts",
        [CONTACT, {"name": {"first_name": "A", "last_name": "B"}}, {}],
        {},
        "[Contact Omar Haddad] +966 50 000 0009 4915100 omar@example.com\n[Contact A B]\n[Contact]",
    ),
    ("contacts", [], {}, "[Contact]"),
    ("button", {"payload": "p", "text": "Call me"}, {}, "[Button Call me]"),
    ("button", {"payload": "p"}, {}, "[Button p]"),
    (
        "interactive",
        {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}},
        {},
        "[Button Yes]",
    ),
    (
        "interactive",
        {"type": "list_reply", "list_reply": {"id": "1", "title": "Red", "description": "dark"}},
        {},
        "[Choice Red - dark]",
    ),
    (
        "interactive",
        {"type": "nfm_reply", "nfm_reply": FORM},
        {},
        "[Form Sent]\nsize: L\ndays: Mo, Tu\ncount: 2",
    ),
    ("interactive", None, {}, "[Button]"),
    ("reaction", {"message_id": "wamid.0", "emoji": "👍🏽"}, {}, "[Reacted with 👍🏽]"),
    ("reaction", {"message_id": "wamid.0", "emoji": ""}, {}, "[Took a reaction back]"),
    ("reaction", {"message_id": "wamid.0"}, {}, "[Took a reaction back]"),
    (
        "edit",
        {"original_message_id": "w", "message": {"type": "text", "text": {"body": "at five"}}},
        {},
        "[Edited]\nat five",
    ),
    (
        "edit",
        {"message": {"type": "image", "image": PICTURE | {"caption": "now sharp"}}},
        {},
        f"[Edited]\n[Image]\n{LINK}\nnow sharp",
    ),
    ("edit", {}, {}, "[Edited]"),
    ("edit", {"message": {"type": "edit", "edit": {}}}, {}, "[Edited]"),
    ("revoke", {"original_message_id": "w"}, {}, "[Deleted a message]"),
    ("order", ORDER, {}, "[Order]\n2 x SKU1 5.5 SAR\n1 x SKU2\nquickly, please"),
    ("system", {"body": "Anna has a new number"}, {}, "[Notice Anna has a new number]"),
    ("request_welcome", None, {}, "[Opened the chat]"),
    ("unsupported", {"type": "poll"}, {"errors": [{"code": 131051}]}, "[Unsupported message poll]"),
    (
        "unsupported",
        None,
        {"errors": [{"code": 131051, "title": "Message type unknown"}]},
        "[Unsupported message Message type unknown]",
    ),
    ("hologram", {"id": "1"}, {}, "[Unsupported message hologram]"),
    ("text", None, {}, "[Empty message]"),
    ("text", {"body": "\u200b \u202e"}, {}, "[Empty message]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "said", "node", "reads"), KINDS, ids=[f"{n}-{each[0]}" for n, each in enumerate(KINDS)]
)
def test_each_kind_has_its_line(kind: str, said: Any, node: dict[str, Any], reads: str) -> None:
    assert line(kind, said, **node) == reads


def test_where_a_message_comes_from_stands_above_it() -> None:
    context = {
        "from": "966110000000",
        "id": "wamid.0",
        "forwarded": True,
        "referred_product": {"catalog_id": "c", "product_retailer_id": "SKU7"},
    }
    ad = {"headline": "Sale", "source_url": "https://fb.me/x", "source_type": "ad"}
    assert line("text", {"body": "Hello"}, context=context, referral=ad) == (
        "[From an ad Sale https://fb.me/x]\n[About a product SKU7]\n[Forwarded]\n[Reply]\nHello"
    )


def test_a_reply_quotes_what_we_had_said() -> None:
    beside = Beside("en", None, "Your technician arrives at ten. " * 5)
    says = line("text", {"body": "Thanks"}, beside=beside, context={"id": "wamid.0"})
    first, second = says.split("\n")
    assert first.startswith("[Reply to “Your technician arrives at ten. Your")
    assert len(first) < 80
    assert second == "Thanks"
    reacted = line("reaction", {"message_id": "w", "emoji": "❤️"}, beside=beside)
    assert reacted.startswith("[Reacted with ❤️] “Your technician")


def test_a_file_that_nobody_can_open_says_why() -> None:
    assert line("image", PICTURE, beside=Beside("en", None)) == (
        "[Image]\n(no link, for PUBLIC_URL is not set)"
    )
    assert line("image", {"mime_type": "image/png"}) == "[Image]"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_ours_is_in_every_language(language: str) -> None:
    words = [each.in_language(language) for each in Word]
    assert all(words)
    assert len(set(words)) >= len(words) - 1
    if language != "en":
        english = [each.in_language("en") for each in Word]
        assert sum(a == b for a, b in zip(words, english, strict=True)) <= 5
    assert line("image", PICTURE, beside=Beside(language, LINK)).startswith(f"[{words[0]}]")


def test_an_unknown_language_is_english() -> None:
    assert Word.IMAGE.in_language("xx") == "Image"


FORGED = [
    "⚠ Not delivered: the 24-hour window is closed",
    "⚠️ Not delivered",
    "↪ Automatic reply: bye",
    "✓ Sent after all",
    "[Image]\nhttps://evil.example/media/x",
    "\uff3bImage\uff3d https://evil.example",
    "  ⚠ after blanks",
    "\u00a0\u3000\u2800\u3164⚠ after blanks that look like none",
    "\u200b\u200d\ufeff\u2060⚠ after nothing at all",
    "\u202e\u2066⚠ after marks of direction",
    "\u0301\ufe0f⚠ after marks on nothing",
    "hello\n⚠ in a second line",
    "hello\r⚠ after a carriage return",
    "hello\u2028⚠ after a line separator",
    "hello\u2029[Image]",
    "hello\x0b⚠ after a vertical tab",
    "hello\x85⚠ after a next line",
    "hello\x1b[2J\x07⚠",
    " " * 500 + "x\n" + " " * 500 + "⚠ far to the right",
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("kind", ["text", "caption", "edit", "order"])
def test_no_text_of_a_customer_passes_for_a_line_of_ours(forged: str, kind: str) -> None:
    says = {
        "text": lambda: line("text", {"body": forged}),
        "caption": lambda: line("image", PICTURE | {"caption": forged}).removeprefix(
            f"[Image]\n{LINK}\n"
        ),
        "edit": lambda: line(
            "edit", {"message": {"type": "text", "text": {"body": forged}}}
        ).removeprefix("[Edited]\n"),
        "order": lambda: line("order", {"text": forged}).removeprefix("[Order]\n"),
    }[kind]()
    assert says
    for each in says.splitlines():
        assert not each.lstrip().startswith(lines._MARKS), says
    assert all(unicodedata.category(each) not in {"Cc", "Cs"} or each == "\n" for each in says)


NAMES = [
    "bill]\n⚠ Not delivered",
    "bill.pdf] https://evil.example/x [",
    "\u202egnp.exe",
    "a" * 5_000,
    "\n\n\n",
    "..\\..//etc/passwd",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_customers_choosing_leaves_its_brackets(name: str) -> None:
    says = line("document", PICTURE | {"filename": name})
    first, link = says.split("\n")
    assert link == LINK
    assert first.startswith("[Document")
    assert first.count("[") == first.count("]") == 1
    assert first.endswith("]")
    assert "://" not in first
    assert len(first) < 130
    for kind, said in (
        ("location", {"name": name, "address": name}),
        ("button", {"text": name}),
        ("reaction", {"emoji": name, "message_id": "1"}),
        ("system", {"body": name}),
        ("hologram-" + name, {}),
    ):
        each = line(kind, said)
        assert "\n" not in each
        assert each.count("[") == each.count("]") == 1


def test_persian_and_emoji_stay_as_they_were_written() -> None:
    for text in ("می‌خواهم", "👩‍👩‍👧 ❤️", "שלום (a)", "١٢٣"):
        assert line("text", {"body": text}) == text


def test_a_line_has_a_bound_whatever_comes() -> None:
    says = line("text", {"body": "x" * 100_000})
    assert len(says) == lines.TEXT_CHARACTERS + 1
    assert says.endswith("…")
    many = line("contacts", [CONTACT | {"phones": [{"phone": "1" * 500}] * 99}] * 99)
    assert len(many) < 7_000
    assert many.endswith("+ 89")
    form = {"response_json": orjson.dumps({str(n): "v" * 999 for n in range(99)}).decode()}
    assert len(line("interactive", {"nfm_reply": form})) < 7_000
    items = [{"product_retailer_id": "s" * 999}] * 999
    assert len(line("order", {"product_items": items})) < 7_000


HOSTILE = [None, True, 7, -1.5, "text", [], [[]], {}, {"body": {}}, [{"phones": 5, "name": []}],
           {"id": [], "caption": 5, "filename": {}}, {"latitude": "NaN", "longitude": "-inf"},
           {"message": "x"}, {"message": {"type": {}}}, {"product_items": [5, {"quantity": []}]},
           {"nfm_reply": {"response_json": "[1"}}, {"nfm_reply": {"response_json": '"x"'}},
           {"nfm_reply": 5}, {"list_reply": []}, {"emoji": 5}, {"errors": {}}]  # fmt: skip


@pytest.mark.parametrize("kind", sorted({*lines._LINES, "unsupported", "unknown", "x"}))
def test_no_value_of_the_wrong_type_loses_a_message(kind: str) -> None:
    for said in HOSTILE:
        for more in ({}, {"context": said, "referral": said, "errors": said, "unsupported": said}):
            message = told(kind, said=said, **more)
            assert of_message(message, Beside("de", LINK)).strip()
            meta.media_of(message.raw)
            lines.refers_to(message)


def test_the_marks_are_those_of_the_gateways_own_lines() -> None:
    own = (notices_words.NOT_SENT, notices_words.AFTER_ALL, notices_words.AUTOMATIC)
    for mark in own:
        assert harmless(f"{mark} x").startswith("· ")


# On the way into 3CX.


@pytest.fixture
def public() -> Iterator[None]:
    media_link.Door.url = "https://gw.example"
    yield
    media_link.Door.url = None


@pytest.mark.usefixtures("public")
def test_an_agent_gets_a_link_that_leads_to_the_item(journey: Journey, trunk: Trunk) -> None:
    (item_id,) = journey.customer_says("", type="image", text=None, image=PICTURE)
    (forward,) = Forward.select()
    media = forward.content["media"]
    assert media == {
        "url": forward.content["text"].split("\n")[1],
        "mime_type": "image/jpeg",
        "filename": None,
        "caption": None,
        "sha256": "aGk=",
    }
    token = media["url"].removeprefix("https://gw.example/media/")
    assert len(token) == 42
    found = media_link.item_behind(token)
    assert found is not None
    assert found.id == item_id
    assert trunk.destination_id
    assert DID


@pytest.mark.usefixtures("trunk")
def test_a_reply_to_ours_is_quoted_and_one_to_a_strangers_is_not(journey: Journey) -> None:
    sent = journey.send(message_text="Your technician arrives at ten.")
    wamid = journey.taken()[0]["message_id"]
    assert sent.state == "sent"
    journey.customer_says("Thanks", context={"id": wamid})
    journey.customer_says("And?", context={"id": "wamid.other"})
    says = [each.content["text"] for each in Forward.select().order_by(Forward.seq)]
    assert says == [
        "[Reply to “Your technician arrives at ten.”]\nThanks",
        "[Reply]\nAnd?",
    ]
