"""What every way to 3CX takes, gives back and raises."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workers.retry_after import retry_after_ms
from workers.wire import Answer, WireError

_TOLD_TO_WAIT = frozenset({408, 425, 429})
_THIS_ONE = frozenset({400, 406, 409, 413, 415, 422})
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Target:
    """What a destination's file needs to know of it.

    `did` is the number of the trunk under which agents see the conversation, E.164.
    """

    destination_id: str
    url: str = field(repr=False)
    secret: str | None = field(repr=False)
    did: str | None


@dataclass(frozen=True, slots=True)
class Telling:
    """One piece of news, as one request or several tell it; the same id on every try.

    `content` has our words: `event`, `instance_id`, `from` (E.164 or null), `user_id`,
    `customer_name`, `text` (a line to read), `type`, `media`, `conversation_id`, `sent_at_ms` and
    what else belongs to the event.
    """

    id: str
    received_at_ms: int
    content: Mapping[str, Any] = field(repr=False)


@dataclass(eq=False)
class DestinationError(Exception):
    """Something was not taken; `summary` is safe to show.

    `permanent`: it never will be. `broken`: the destination as a whole does not work, whatever it
    is told, so that the failure says nothing of this piece of news.
    """

    summary: str
    status: int | None = None
    permanent: bool = False
    broken: bool = False
    retry_after_ms: int | None = None

    def __str__(self) -> str:
        return self.summary if self.status is None else f"{self.summary} ({self.status})"


class Destination(Protocol):
    """A way into a 3CX, or to a webhook beside it."""

    def deliver(
        self,
        target: Target,
        telling: Telling,
        deadline: float,
        before_bytes: Callable[[], None] | None = None,
    ) -> int:
        """Tell it, in one request.

        Args:
            target: whom.
            telling: what.
            deadline: when the whole call has to be over, in `clock.monotonic()` seconds.
            before_bytes: called right before the first byte is written; what it raises comes out.

        Returns:
            The HTTP status of the answer that took it, 200 to 299.

        Raises:
            DestinationError: for everything else that can go wrong.
        """
        ...


def judge(answer: Answer) -> int:
    """The status of an answer that took it.

    A redirect is not followed: it could lead anywhere. An address that is gone, forbidden or
    redirected is broken for everything, until somebody mends it.

    Raises:
        DestinationError: it was not taken.
    """
    status = answer.status
    if status in _SUCCESS:
        return status
    wait_ms = retry_after_ms(answer.headers.get("Retry-After"))
    if status in _TOLD_TO_WAIT:
        # Though it does not say how long: that alone refuses nothing for its own sake.
        raise DestinationError("it asks to wait", status, retry_after_ms=wait_ms or 0)
    if status in _THIS_ONE:
        raise DestinationError("it refuses this one", status)
    if status // 100 == 3:  # noqa: PLR2004 (RFC 9110, 15.4)
        raise DestinationError("it redirects, which is not followed", status, broken=True)
    if status // 100 == 4:  # noqa: PLR2004 (RFC 9110, 15.5)
        raise DestinationError("its address or credentials are not accepted", status, broken=True)
    raise DestinationError("it failed", status, broken=True, retry_after_ms=wait_ms)


def unanswered(failure: WireError) -> DestinationError:
    """What it means that there was no answer."""
    return DestinationError(str(failure), broken=True)
