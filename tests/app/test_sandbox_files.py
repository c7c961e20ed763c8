"""Files in the emulator: given, looked up and had as at Meta, and sent by a customer's phone."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from app.sandbox.files import FILE_BYTES
from tests.app.sandbox_world import CUSTOMER, NUMBER_ID, TOKEN, World, a_world

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n\r\n--" + bytes(range(256))
MINE = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as one:
        yield one


def upload(world: World, content: bytes = PNG, *, token: str = TOKEN, **changes: Any) -> Any:
    fields = {
        "messaging_product": "whatsapp",
        "type": "image/png",
        "file": ("a.png", content, "image/png"),
        **changes,
    }
    return world.http.request(
        "POST",
        f"{world.sandbox.base_url}/v26.0/{NUMBER_ID}/media",
        fields={name: value for name, value in fields.items() if value is not None},
        headers={"Authorization": f"Bearer {token}"},
    )


def get(world: World, url: str, token: str = TOKEN) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return world.http.request("GET", url, headers=headers)


def looked_up(world: World, media_id: str) -> Any:
    return get(world, f"{world.sandbox.base_url}/v26.0/{media_id}")


def test_a_file_that_was_given_is_had_again_byte_for_byte(world: World) -> None:
    media_id = upload(world).json()["id"]
    said = looked_up(world, media_id).json()
    assert (said["id"], said["mime_type"], said["file_size"]) == (media_id, "image/png", len(PNG))
    had = get(world, said["url"])
    assert (had.status, had.data) == (200, PNG)
    assert had.headers["Content-Type"] == "image/png"


def test_nobody_has_it_without_the_token(world: World) -> None:
    media_id = upload(world).json()["id"]
    url = looked_up(world, media_id).json()["url"]
    assert get(world, url, "other").status == 401
    assert get(world, f"{world.sandbox.base_url}/v26.0/{media_id}", "other").status == 401
    assert upload(world, token="other").status == 401


def test_an_id_that_has_expired_is_an_unknown_object(world: World) -> None:
    media_id = upload(world).json()["id"]
    url = looked_up(world, media_id).json()["url"]
    world.sandbox.files.forget(media_id)
    error = looked_up(world, media_id).json()["error"]
    assert (error["code"], error["error_subcode"]) == (100, 33)
    assert get(world, url).status == 404
    assert get(world, f"{world.sandbox.base_url}/files/x").status == 404


@pytest.mark.parametrize(
    "changes",
    [{"messaging_product": None}, {"file": None}, {"type": "nonsense"}],
    ids=["no product", "no file", "no type"],
)
def test_a_form_that_lacks_something_is_refused_as_meta_does(
    world: World, changes: dict[str, Any]
) -> None:
    answer = upload(world, **changes)
    assert (answer.status, answer.json()["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "multipart/form-data;"]
)
def test_what_is_no_form_is_refused(world: World, kind: str) -> None:
    url = f"{world.sandbox.base_url}/v26.0/{NUMBER_ID}/media"
    headers = MINE | {"Content-Type": kind}
    answer = world.http.request("POST", url, body=b"{}", headers=headers)
    assert (answer.status, answer.json()["error"]["code"]) == (400, 100)


def test_a_file_beyond_its_bound_is_refused_unread(world: World) -> None:
    url = f"{world.sandbox.base_url}/v26.0/{NUMBER_ID}/media"
    headers = MINE | {"Content-Length": str(FILE_BYTES + 1)}
    assert world.http.request("POST", url, body=b"", headers=headers).status == 400


def test_a_sent_file_stands_in_the_chat_as_a_line(world: World) -> None:
    world.write()
    media_id = upload(world).json()["id"]
    for kind in ("image", "sticker", "document"):
        node = {"id": media_id} | ({"filename": "bill.pdf"} if kind == "document" else {})
        assert world.send(type=kind, text=None, **{kind: node}).status == 200
    lines = [(each["type"], each["text"]) for each in world.chat()[-3:]]
    assert lines == [("image", "[image]"), ("sticker", "[sticker]"), ("document", "bill.pdf")]


def sends(world: World, node: Any, kind: str = "image") -> Any:
    path = f"api/customers/{quote(CUSTOMER)}/messages"
    return world.api("POST", path, {kind: node})


def test_a_customer_sends_a_picture_and_its_business_can_have_it(world: World) -> None:
    data = base64.b64encode(PNG).decode()
    node = {"data": data, "mime_type": "image/png", "caption": "broken"}
    assert sends(world, node).status == 201
    told = world.gateway.values("messages")[-1]["image"]
    assert "data" not in told
    assert (told["mime_type"], told["caption"]) == ("image/png", "broken")
    url = looked_up(world, told["id"]).json()["url"]
    assert get(world, url).data == PNG
    assert world.chat()[-1]["text"] == "broken"


def test_a_picture_of_nothing_is_one_of_a_dot(world: World) -> None:
    assert sends(world, {}).status == 201
    told = world.gateway.values("messages")[-1]["image"]
    had = get(world, looked_up(world, told["id"]).json()["url"])
    assert had.data.startswith(b"\x89PNG")
    assert world.chat()[-1]["text"] == "[image]"


@pytest.mark.parametrize("data", ["!!", 5, None, "äö"])
def test_data_that_is_not_base64_is_said_to_be(world: World, data: Any) -> None:
    answer = sends(world, {"data": data})
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
