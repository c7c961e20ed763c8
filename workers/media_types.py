"""What WhatsApp takes as a file, how large, and how the first bytes of each type look.

Source: Supported Media Types in Meta's Cloud API reference (Media, of 2026-06), and RFC 2046 and
the formats' own specifications for the bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

HEAD_BYTES = 64  # as many of the first bytes as any look below needs
MEGABYTE = 1024 * 1024
MOST_BYTES = 100 * MEGABYTE
_OOXML = "application/vnd.openxmlformats-officedocument."
_GENERIC = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/opus": "audio/ogg",
    "video/3gp": "video/3gpp",
    "application/zip": "",  # how some servers see what Office writes
}


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type of file.

    Args:
        name: its media type.
        kind: what it is as a message of WhatsApp's: image, audio, video, document or sticker.
        most_bytes: how large it may be.
        endings: of file names, the usual one first.
        begins: whether a file with these first bytes can be of it.
        shown: whether a browser may show it, instead of keeping it as a file.
    """

    name: str
    kind: str
    most_bytes: int
    endings: tuple[str, ...]
    begins: Callable[[bytes], bool]
    shown: bool = True


def _with(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _is_mp4_audio(head: bytes) -> bool:
    return _is_mp4(head) and head[8:12] in {b"M4A ", b"M4B ", b"mp42", b"isom", b"iso2", b"dash"}


def _is_mp3(head: bytes) -> bool:
    # An ID3 tag, or a frame: eleven bits of sync, and a layer, which AAC's frames have not.
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06  # noqa: PLR2004 (bits)
    return head[:3] == b"ID3" or bool(is_frame)


def _is_aac(head: bytes) -> bool:
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0  # noqa: PLR2004 (bits)
    return head[:4] == b"ADIF" or is_frame


def _is_text(head: bytes) -> bool:
    return bool(head) and all(each >= ord(" ") or each in b"\t\n\r\f\x1b" for each in head)


_OLE, _ZIP = _with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), _with(b"PK\x03\x04")


def _document(name: str, ending: str, begins: Callable[[bytes], bool]) -> MediaType:
    return MediaType(name, "document", MOST_BYTES, (ending,), begins, shown=False)


# Where several begin alike, the first is meant by a file that does not say what it is.
TYPES: tuple[MediaType, ...] = (
    MediaType("image/jpeg", "image", 5 * MEGABYTE, ("jpg", "jpeg"), _with(b"\xff\xd8\xff")),
    MediaType("image/png", "image", 5 * MEGABYTE, ("png",), _with(b"\x89PNG\r\n\x1a\n")),
    MediaType("image/webp", "sticker", 500 * 1024, ("webp",), _is_webp),
    MediaType("video/mp4", "video", 16 * MEGABYTE, ("mp4",), _is_mp4),
    MediaType("video/3gpp", "video", 16 * MEGABYTE, ("3gp",), _is_mp4),
    MediaType("audio/mp4", "audio", 16 * MEGABYTE, ("m4a",), _is_mp4_audio),
    MediaType("audio/ogg", "audio", 16 * MEGABYTE, ("ogg", "opus"), _with(b"OggS")),
    MediaType("audio/mpeg", "audio", 16 * MEGABYTE, ("mp3",), _is_mp3),
    MediaType("audio/aac", "audio", 16 * MEGABYTE, ("aac",), _is_aac),
    MediaType("audio/amr", "audio", 16 * MEGABYTE, ("amr",), _with(b"#!AMR")),
    _document("application/pdf", "pdf", _with(b"%PDF-")),
    _document(f"{_OOXML}wordprocessingml.document", "docx", _ZIP),
    _document(f"{_OOXML}spreadsheetml.sheet", "xlsx", _ZIP),
    _document(f"{_OOXML}presentationml.presentation", "pptx", _ZIP),
    _document("application/msword", "doc", _OLE),
    _document("application/vnd.ms-excel", "xls", _OLE),
    _document("application/vnd.ms-powerpoint", "ppt", _OLE),
    _document("text/plain", "txt", _is_text),
)
BY_NAME: Mapping[str, MediaType] = {each.name: each for each in TYPES}
_SURE = frozenset({"image", "sticker", "video", "audio"})


def plain_name(declared: str | None) -> str:
    """A media type without its parameters, by the one name that we know it by."""
    name = (declared or "").partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(name, name)


def agreed(declared: str | None, head: bytes) -> MediaType | None:
    """The type that a file is said to be, if its first bytes agree."""
    found = BY_NAME.get(plain_name(declared))
    return found if found is not None and found.begins(head) else None


def recognised(declared: str | None, filename: str, head: bytes) -> MediaType | None:
    """The type of a file to send; None when WhatsApp takes no such file.

    What it is said to be must agree with its first bytes. What is said to be nothing in particular
    is what these, and the ending of its name, say.
    """
    name = plain_name(declared)
    if name not in _GENERIC:
        return agreed(name, head)
    possible = [each for each in TYPES if each.begins(head)]
    ending = filename.rpartition(".")[2].lower()
    named = next((each for each in possible if ending in each.endings), None)
    # Many things are a zip archive or a text: there, only the ending tells.
    sure = (each for each in possible if each.kind in _SURE or each.name == "application/pdf")
    return named or next(sure, None)
