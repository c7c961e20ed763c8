"""What every way to WhatsApp takes, gives back and raises."""

import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol

from workers.wire import Stream

SECOND_MS = 1_000
LONGEST_WAIT_MS = 60_000
LONGEST_PAIR_WAIT_MS = 86_400_000


class Backoff(StrEnum):
    """Whom a failure tells to slow down, beyond the message that met it."""

    NONE = "none"
    RECIPIENT = "recipient"
    INSTANCE = "instance"


class Way(StrEnum):
    """What an outcome tells of the way to WhatsApp, whatever became of the message."""

    UNTRIED = "untried"
    WORKS = "works"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Sender:
    """What a provider needs to know of an Instance."""

    instance_id: str
    phone_number_id: str
    access_token: str = field(repr=False)
    base_url: str
    graph_version: str


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text for one person.

    `to` is E.164 with `+`, or a business-scoped user id; `text` at most 4,096 characters;
    `correlation`, at most 512 characters, comes back on every status of this message.
    """

    to: str = field(repr=False)
    text: str = field(repr=False)
    correlation: str


@dataclass(frozen=True, slots=True)
class MediaMessage:
    """A file for one person, by the id under which the provider has it.

    `kind` is image, audio, video, document or sticker; only a document shows its `filename`. The
    rest is as in a TextMessage.
    """

    to: str = field(repr=False)
    kind: str
    media_id: str = field(repr=False)
    filename: str | None = field(repr=False)
    correlation: str


Message = TextMessage | MediaMessage


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way to the provider: its media type, its bytes in pieces, and how many."""

    mime_type: str
    filename: str = field(repr=False)
    pieces: Iterable[bytes] = field(repr=False)
    size: int


@dataclass(eq=False)
class MediaError(Exception):
    """A customer's file cannot be had; `gone` when it never will be. `summary` is safe to show."""

    summary: str
    gone: bool = False

    def __str__(self) -> str:
        return self.summary


@dataclass(frozen=True, slots=True)
class Receipt:
    """WhatsApp accepted the message, which is not yet delivered.

    The message id is kept out of the repr, since Meta's ids hold the customer's number in base64.
    `wa_id` is E.164 with `+` and may differ from the number that was sent to.
    """

    provider_message_id: str = field(repr=False)
    wa_id: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    way: ClassVar[Way] = Way.WORKS


@dataclass(eq=False)
class ProviderError(Exception):
    """A message did not go out, or nobody can tell whether it did.

    `summary` is safe to show and to log: it holds nothing of the message or the person.
    `maybe_sent` outranks the rest: such a message is never repeated by itself. `pause` asks for
    a person: the instance stops and the message waits. `max_retries` of None means: as long as
    the message is valid. `code` is the provider's own. `way` is UNTRIED when no request was made.
    """

    summary: str
    permanent: bool = False
    retry_after_ms: int | None = None
    backoff: Backoff = Backoff.NONE
    pause: bool = False
    maybe_sent: bool = False
    code: int | None = None
    max_retries: int | None = None
    suppress: bool = False
    window_closed: bool = False
    pair_backoff: bool = False
    least_wait_ms: int = 0
    way: Way = Way.UNTRIED

    def __str__(self) -> str:
        return self.summary if self.code is None else f"{self.summary} ({self.code})"

    @property
    def kind(self) -> str:
        """What it is about: each kind's failures are counted apart, for `gives_up` and `wait_ms`.

        So a message that was told to wait has all its tries left for a failure of its own.
        """
        if self.pause:
            return "pause"
        if self.backoff is not Backoff.NONE:
            return self.backoff.value
        return "way" if self.way is Way.BROKEN else "message"

    def gives_up(self, tries: int) -> bool:
        """Whether a message that has been retried `tries` times must not be tried again.

        Args:
            tries: earlier failures of the same kind.
        """
        return self.permanent or (self.max_retries is not None and tries >= self.max_retries)

    def wait_ms(self, tries: int, draw: Callable[[], float] = random.random) -> int:
        """How long to wait before the next try, in ms.

        Doubles from 1 s to 60 s with full jitter, so that messages which failed together do not
        return together. Meta asks for 4^n s, n from 0, once the pair limit is hit. What the
        provider named is always a lower bound.

        Args:
            tries: earlier failures of the same kind, 0 after the first.
            draw: gives a number in [0, 1).
        """
        least = max(self.least_wait_ms, self.retry_after_ms or 0)
        if self.pair_backoff:
            # The exponent is bounded before the power, so that no count makes a giant number.
            return max(least, min(SECOND_MS << 2 * min(tries, 9), LONGEST_PAIR_WAIT_MS))
        ceiling = min(SECOND_MS << min(tries, 6), LONGEST_WAIT_MS)
        return max(least, int(draw() * ceiling))


class Provider(Protocol):
    """A way to WhatsApp."""

    enforces_window: bool
    """Whether the provider itself refuses a text outside the 24-hour window."""

    def send(
        self,
        sender: Sender,
        message: Message,
        deadline: float,
        before_bytes: Callable[[], None] | None = None,
    ) -> Receipt:
        """Hand one message to WhatsApp, once.

        Args:
            sender: the number to send from.
            message: whom to tell what.
            deadline: when the whole call has to be over, in `clock.monotonic()` seconds.
            before_bytes: called once, connected, right before the first byte is written. When it
                raises, nothing has been written and its exception comes out untouched.

        Raises:
            ProviderError: for everything else that can go wrong.
        """
        ...

    def mark_read(self, sender: Sender, message_id: str, deadline: float, *, typing: bool) -> None:
        """Show the customer that their message was read, and maybe that somebody is typing.

        Args:
            sender: the number that they wrote to.
            message_id: of their message; those before it become read with it.
            deadline: as in `send`.
            typing: whether they see it, until the reply comes or for 25 s.

        Raises:
            ProviderError: it was not taken.
        """
        ...

    def upload(self, sender: Sender, file: Upload, deadline: float) -> str:
        """Give the provider a file to send later; it is seen by nobody until then.

        Args:
            sender: the number that will send it.
            file: what it is.
            deadline: as in `send`.

        Returns:
            The id by which a MediaMessage names it.

        Raises:
            ProviderError: `maybe_sent` has no meaning here, for a file may be given twice.
            Exception: whatever reading the pieces raised.
        """
        ...

    def media(
        self, sender: Sender, media_id: str, deadline: float
    ) -> AbstractContextManager[Stream]:
        """Open a customer's file, whose bytes come while it is held open.

        Args:
            sender: the number that received it.
            media_id: as its message told.
            deadline: when the last byte has to be there, in `clock.monotonic()` seconds.

        Raises:
            MediaError: it cannot be had.
        """
        ...
