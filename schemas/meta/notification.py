"""Takes a notification of Meta's apart: every entry, change, message, status and error by itself.

Source: Meta's webhook reference, in the shapes of 2025 and 2026.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.meta import content, document
from schemas.meta.fields import (
    Code,
    Instant,
    Lenient,
    Node,
    Objects,
    Phone,
    Raw,
    Text,
    UserId,
    as_instant_ms,
    as_object,
    as_objects,
    as_text,
)
from schemas.meta.items import IdentityChange, InboundMessage, Item, Other, StatusUpdate

# What a customer does without writing. An edit or a revoke may still arrive as `unsupported`
# (Meta's reference says so), so that type counts only where it names another kind of message.
_SILENT = frozenset({"reaction", "edit", "revoke", "system", "request_welcome"})
_IDENTITY_NOTICES = frozenset({"user_changed_number", "user_changed_user_id"})


class _Metadata(Lenient):
    phone_number_id = Text()
    display_phone_number = Text()


class _Value(Lenient):
    metadata = Node(_Metadata())
    contacts = Objects()
    messages = Objects()
    statuses = Objects()
    errors = Objects()
    user_id_update = Objects()


class _Profile(Lenient):
    name = Text()


class _Contact(Lenient):
    phone = Phone("wa_id")
    user_id = UserId()
    profile = Node(_Profile())


class _Notice(Lenient):
    type = Text()
    phone = Phone("wa_id")
    user_id = UserId()
    previous_user_id = UserId()


class _Unsupported(Lenient):
    type = Text()


class _Message(Lenient):
    message_id = Text("id")
    phone = Phone("from")
    user_id = UserId("from_user_id")
    sent_at_ms = Instant("timestamp")
    type = Text()
    group_id = Text()
    system = Raw()
    unsupported = Raw()


class _Status(Lenient):
    message_id = Text("id")
    status = Text()
    at_ms = Instant("timestamp")
    recipient = Phone("recipient_id")
    recipient_user_id = UserId()
    correlation = Text("biz_opaque_callback_data")
    errors = Objects()


class _Error(Lenient):
    code = Code()


class _Ids(Lenient):
    previous = UserId()
    current = UserId()


class _UserIdUpdate(Lenient):
    phone = Phone("wa_id")
    user_id = Node(_Ids())
    at_ms = Instant("timestamp")


_VALUE, _CONTACT, _MESSAGE, _STATUS, _ERROR = _Value(), _Contact(), _Message(), _Status(), _Error()
_NOTICE, _UNSUPPORTED, _USER_ID_UPDATE = _Notice(), _Unsupported(), _UserIdUpdate()
_NAMES, _ONLY = ("phone", "user_id"), ""
_NOBODY: dict[str, Any] = _CONTACT.load({})


@dataclass(frozen=True, slots=True)
class _Context:
    """What the items of one change share."""

    field: str
    at_ms: int | None
    phone_number_id: str | None
    display_phone_number: str | None
    contacts: Mapping[str, dict[str, Any]]

    def other(self, part: str, raw: dict[str, Any]) -> Other:
        name = f"{self.field}.{part}" if part else self.field
        return Other(name, self.phone_number_id, self.at_ms, raw)

    def person(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The contact a message is from; a message that names nobody is from the only one."""
        names = [message[key] for key in _NAMES if message[key]] or [_ONLY]
        return next((self.contacts[name] for name in names if name in self.contacts), _NOBODY)


def _people(contacts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The contacts by each of their names."""
    loaded = [_CONTACT.load(contact) for contact in contacts]
    people = {contact[key]: contact for contact in loaded for key in _NAMES if contact[key]}
    return people | {_ONLY: loaded[0]} if len(loaded) == 1 else people


def items(body: bytes) -> Iterator[Item]:
    """Everything a webhook's body tells, in its order; what cannot be read costs nothing else.

    Args:
        body: the raw bytes, their signature verified, at most 3 MB.

    Raises:
        MalformedWebhook: at once, when the body is not a JSON object.
    """
    return _entries(document.read(body))


def _entries(envelope: dict[str, Any]) -> Iterator[Item]:
    for entry in as_objects(envelope.get("entry")):
        for change in as_objects(entry.get("changes")):
            yield from _change(change, as_instant_ms(entry.get("time")))


def _change(change: dict[str, Any], at_ms: int | None) -> Iterator[Item]:
    value = _VALUE.load(as_object(change.get("value")))
    metadata = value["metadata"]
    context = _Context(
        field=as_text(change.get("field")) or "",
        at_ms=at_ms,
        phone_number_id=metadata["phone_number_id"],
        display_phone_number=metadata["display_phone_number"],
        contacts=_people(value["contacts"]),
    )
    found = False
    for part, read in _PARTS.get(context.field, {}).items():
        for item in value[part]:
            found = True
            yield read(context, item)
    if not found:
        yield context.other("", change)


def _message(context: _Context, raw: dict[str, Any]) -> Item:
    message = _MESSAGE.load(raw)
    if not message["message_id"]:
        return context.other("messages", raw)
    kind = message["type"] or "unknown"
    if kind == "system":
        notice = _NOTICE.load(message["system"])
        if notice["type"] in _IDENTITY_NOTICES:
            return _identity(context, message, notice)
    person = context.person(message)
    text, commands = content.words(kind, raw)
    return InboundMessage(
        phone_number_id=context.phone_number_id,
        display_phone_number=context.display_phone_number,
        message_id=message["message_id"],
        from_phone=message["phone"] or person["phone"],
        user_id=message["user_id"] or person["user_id"],
        contact_name=person["profile"]["name"],
        sent_at_ms=message["sent_at_ms"],
        type=kind,
        text=text,
        opt_out_candidates=commands,
        opens_window=_is_own_words(kind, message),
        raw=raw,
    )


def _is_own_words(kind: str, message: Mapping[str, Any]) -> bool:
    """Whether this is a message the customer wrote to us, not to a group."""
    if kind in _SILENT or message["group_id"]:
        return False
    if kind in {"unsupported", "unknown"}:
        named = _UNSUPPORTED.load(message["unsupported"])["type"]
        return bool(named) and named not in {*_SILENT, "unknown", "unsupported"}
    return True


def _identity(
    context: _Context, message: Mapping[str, Any], notice: Mapping[str, Any]
) -> IdentityChange:
    return IdentityChange(
        phone_number_id=context.phone_number_id,
        old_phone=message["phone"],
        old_user_id=notice["previous_user_id"] or message["user_id"],
        new_phone=notice["phone"],
        new_user_id=notice["user_id"],
        at_ms=message["sent_at_ms"],
    )


def _status(context: _Context, raw: dict[str, Any]) -> Item:
    status = _STATUS.load(raw)
    if not status["message_id"] or not status["status"]:
        return context.other("statuses", raw)
    codes = (_ERROR.load(error)["code"] for error in status["errors"])
    return StatusUpdate(
        phone_number_id=context.phone_number_id,
        provider_message_id=status["message_id"],
        status=status["status"],
        at_ms=status["at_ms"],
        recipient=status["recipient"],
        recipient_user_id=status["recipient_user_id"],
        correlation=status["correlation"],
        errors=tuple(code for code in codes if code is not None),
    )


def _error(context: _Context, raw: dict[str, Any]) -> Item:
    return context.other("errors", raw)


def _user_id_update(context: _Context, raw: dict[str, Any]) -> Item:
    update = _USER_ID_UPDATE.load(raw)
    return IdentityChange(
        phone_number_id=context.phone_number_id,
        old_phone=None,
        old_user_id=update["user_id"]["previous"],
        new_phone=update["phone"],
        new_user_id=update["user_id"]["current"],
        at_ms=update["at_ms"],
    )


# Which lists of a field hold what; any other field is kept as it came.
_PARTS: Mapping[str, Mapping[str, Callable[[_Context, dict[str, Any]], Item]]] = {
    "messages": {"messages": _message, "statuses": _status, "errors": _error},
    "user_id_update": {"user_id_update": _user_id_update},
}
