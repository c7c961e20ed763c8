"""What a message says, by its type: which strings a person reads, and which may be commands."""

from collections.abc import Mapping
from typing import Any, ClassVar

from schemas.meta.fields import Lenient, Node, Text, as_object


class _Content(Lenient):
    says: ClassVar[tuple[str, ...]] = ()
    """Where the words stand; the first that has some is what the customer said."""
    commands: ClassVar[tuple[str, ...]] = ()
    """Where a whole string may be a word to stop or start."""


class _TextBody(_Content):
    says = commands = ("body",)
    body = Text()


class _Button(_Content):
    says = ("text", "payload")
    commands = ("payload", "text")
    payload = Text()
    text = Text()


class _Reply(Lenient):
    id = Text()
    title = Text()


class _Form(Lenient):
    body = Text()


class _Interactive(_Content):
    commands = ("button_reply.title", "button_reply.id", "list_reply.title", "list_reply.id")
    says = (*commands, "nfm_reply.body")
    button_reply = Node(_Reply())
    list_reply = Node(_Reply())
    nfm_reply = Node(_Form())


class _Media(_Content):
    says = ("caption",)
    caption = Text()


class _Location(_Content):
    says = ("name", "address")
    name = Text()
    address = Text()


class _Reaction(_Content):
    says = ("emoji",)
    emoji = Text()


class _Notice(_Content):
    says = ("body",)
    body = Text()


class _Order(_Content):
    says = ("text",)
    text = Text()


_CONTENT: Mapping[str, _Content] = {
    "text": _TextBody(),
    "button": _Button(),
    "interactive": _Interactive(),
    "image": _Media(),
    "video": _Media(),
    "audio": _Media(),
    "document": _Media(),
    "sticker": _Media(),
    "location": _Location(),
    "reaction": _Reaction(),
    "system": _Notice(),
    "order": _Order(),
}


def words(kind: str, message: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """What a message says, and the strings in it that may be a word to stop or start.

    An edit says what the message says now.
    """
    if kind == "edit":
        message = as_object(as_object(message.get("edit")).get("message"))
        kind = str(message.get("type"))
    schema = _CONTENT.get(kind)
    if schema is None:
        return "", ()
    content = schema.load(as_object(message.get(kind)))
    said = _strings(content, schema.says)
    return said[0] if said else "", _strings(content, schema.commands)


def _strings(content: Mapping[str, Any], paths: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for path in paths:
        value: Any = content
        for name in path.split("."):
            value = value[name]
        if value:
            found.append(value)
    return tuple(found)
