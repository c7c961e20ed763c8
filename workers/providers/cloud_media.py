"""Files of Meta's Cloud API: given to it with `/media`, and had from the address that it names.

Source: Media in Meta's Cloud API reference. An id of an uploaded file lives 30 days, one in a
webhook 7 days, and the address of a file 5 minutes.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from workers import wire
from workers.providers.errors import judge, unanswered
from workers.providers.provider import MediaError, Sender, Upload

_SUCCESS = range(200, 300)
_NO_SUCH_OBJECT = (100, 33)  # code and subcode of an id that is unknown, or has expired
_MEDIA_IS_GONE = 131052
_GONE = frozenset({404, 410})
_PORTS = {"http": 80, "https": 443}


def upload(sender: Sender, file: Upload, deadline: float) -> str:
    """Give Meta a file.

    Returns:
        Meta's id of it.

    Raises:
        ProviderError: Meta did not take it.
    """
    boundary = secrets.token_hex(16)
    head, tail = _form(file, boundary)
    headers = _headers(sender) | {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + file.size + len(tail)),
    }

    def body() -> Iterator[bytes]:
        yield head
        yield from file.pieces
        yield tail

    try:
        url = _url(sender, sender.phone_number_id, "media")
        answer = wire.post(url, headers, body(), deadline)
    except wire.WireError as failure:
        error = unanswered(failure)
    else:
        media_id = _read(answer.body).get("id") if answer.status in _SUCCESS else None
        if isinstance(media_id, str) and media_id:
            return media_id
        error = judge(answer.status, answer.headers, answer.body)
    raise error


@contextmanager
def download(sender: Sender, media_id: str, deadline: float) -> Iterator[wire.Stream]:
    """Ask where a file is, and open it there.

    It must be https and public; only what the instance itself points to may be elsewhere.

    Raises:
        MediaError: Meta does not have it, or cannot be asked.
    """
    address = _address_of(sender, media_id, deadline)
    ours = _origin(address) == _origin(sender.base_url)
    if not ours and not address.startswith("https://"):
        raise MediaError("WhatsApp names an address that is not https")
    try:
        with wire.stream(address, _headers(sender), deadline, guarded=not ours) as found:
            if found.status not in _SUCCESS:
                raise MediaError("WhatsApp does not give the file", gone=found.status in _GONE)
            yield found
    except wire.WireError as failure:
        error = MediaError(str(failure))
    else:
        return
    # Out here no context drags the address, which opens the file, into a traceback.
    raise error


def _address_of(sender: Sender, media_id: str, deadline: float) -> str:
    try:
        answer = wire.get(_url(sender, media_id), _headers(sender), deadline)
    except wire.WireError as failure:
        error = MediaError(str(failure))
    else:
        address = _read(answer.body).get("url")
        if answer.status in _SUCCESS and isinstance(address, str):
            return address
        error = _refused(answer)
    raise error


def _refused(answer: wire.Answer) -> MediaError:
    error = _read(answer.body).get("error")
    said = error if isinstance(error, dict) else {}
    codes = said.get("code"), said.get("error_subcode")
    gone = codes == _NO_SUCH_OBJECT or codes[0] == _MEDIA_IS_GONE or answer.status in _GONE
    means = judge(answer.status, answer.headers, answer.body)
    return MediaError("WhatsApp does not have the file any more" if gone else str(means), gone=gone)


def _headers(sender: Sender) -> dict[str, str]:
    return {"Authorization": f"Bearer {sender.access_token}", "User-Agent": "whatsapp-gateway"}


def _url(sender: Sender, *path: str) -> str:
    parts = (sender.graph_version, *path)
    return "/".join((sender.base_url.rstrip("/"), *(quote(part, safe="") for part in parts)))


def _origin(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _form(file: Upload, boundary: str) -> tuple[bytes, bytes]:
    """What stands before and after the bytes of a file (RFC 7578)."""
    # Meta goes by the type; the name that the customer sees is sent with the message.
    ending = "".join(filter(str.isalnum, file.filename.rpartition(".")[2]))[:8]
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("messaging_product", "whatsapp"), ("type", file.mime_type))
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file.{ending}"\r\n'
        f"Content-Type: {file.mime_type}\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()
