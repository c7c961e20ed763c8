"""The files of an event become WhatsApp's, before a slot is reserved for any part of it.

Each is handed over once, and its id kept with the event: however often a part is tried, it is the
same file that goes out.
"""

import random
from typing import Any

import orjson

from core import clock
from core.errors import ErrorCode
from core.words import State
from models.account import Account
from models.database import locked, transaction
from models.event import Event, Waiting
from models.instance import Instance
from workers import conclusion, media_files, policy
from workers.media import File, files_of
from workers.media_files import FileRefused, FileUnavailable
from workers.outage import News
from workers.providers import ProviderError
from workers.sending import sender_of

_WORK_MS = int((media_files.FETCH_S + media_files.UPLOAD_S + 5) * 1000)
_FIRST_WAIT_MS, _LONGEST_WAIT_MS = 1_000, 60_000


def is_outstanding(event: Event) -> bool:
    """Whether WhatsApp does not have all files of the event yet."""
    return any(each.media_id is None for each in files_of(event.content))


def hand_over(event: Event) -> bool:
    """Give WhatsApp the files of an allowed event.

    Returns:
        True when it has them all. Otherwise the event was refused, or comes back later.
    """
    try:
        _hand_over(event)
    except FileRefused as refused:
        event.refuse(State.ALLOWED, ErrorCode.MEDIA_NOT_ACCEPTED, reason=str(refused))
    except FileUnavailable as failure:
        tries = event.count_try() - 1
        ceiling = min(_FIRST_WAIT_MS << min(tries, 10), _LONGEST_WAIT_MS)
        # Half is certain, half is drawn: what failed together does not come back together.
        drawn = ceiling // 2 + int(random.random() * ceiling / 2)  # noqa: S311 (spreads, hides nothing)
        _come_back(event, drawn, str(failure))
    except ProviderError as failure:
        for tell in _not_taken(event, failure):
            tell()
    else:
        return True
    return False


def _hand_over(event: Event) -> None:
    content = event.content
    files = files_of(content)
    media_files.require_few(files)
    instance = Instance.get_by_id(event.instance_id)
    sender = sender_of(instance)
    for place, file in enumerate(files):
        if file.media_id is None:
            _keep_others_away(event)
            files[place] = media_files.hand_over(file, instance.provider, sender)
            _keep(event, content, files)


@transaction
def _keep_others_away(event: Event) -> None:
    # The sweep, and whoever has another message of this step, leave it alone for as long.
    due_at_ms = clock.now_ms() + _WORK_MS
    waits = {"due_at_ms": due_at_ms, "waiting_for": Waiting.PROVIDER.value}
    Event.update(**waits).where(Event.id == event.id, Event.state == State.ALLOWED.value).execute()


@transaction
def _keep(event: Event, content: dict[str, Any], files: list[File]) -> None:
    content["media"] = [each.as_json() for each in files]
    kept = orjson.dumps(content).decode()
    Event.update(payload=kept).where(
        Event.id == event.id, Event.state == State.ALLOWED.value
    ).execute()


@transaction
def _not_taken(event: Event, failure: ProviderError) -> list[News]:
    # The account first, as in `settle`: whoever pauses or resumes the instance has it, too.
    locked(Account.select(Account.id).where(Account.id == event.account_id)).first()
    tries = event.count_try() - 1
    if failure.pause:
        look_again_ms = clock.now_ms() + policy.checks.PAUSE_LOOK_MS
        event.defer(State.ALLOWED, look_again_ms, Waiting.PAUSE, keep_seat=False)
        return conclusion.pause_instance(event.instance_id, str(failure))
    if failure.gives_up(tries):
        event.refuse(State.ALLOWED, ErrorCode.MEDIA_NOT_ACCEPTED, reason=str(failure))
    else:
        _come_back(event, failure.wait_ms(tries), str(failure))
    return []


def _come_back(event: Event, wait_ms: int, words: str) -> None:
    until_ms = clock.now_ms() + wait_ms
    if until_ms >= event.expires_at_ms:
        event.refuse(State.ALLOWED, ErrorCode.GATEWAY_SEND_FAILED, reason=words)
    else:
        event.stumble(State.ALLOWED, until_ms)
