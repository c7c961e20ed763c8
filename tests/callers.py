"""Phone systems that post replies side by side, and write down what they were told."""

from __future__ import annotations

import itertools
import random
import threading
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Self

import orjson

from core import clock
from tests.chaos import checker, history

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from core.config import Settings
    from tests.chaos.history import Line
    from tests.gateway import Gateway
    from tests.pbx import Pbx

_PAUSE_S = 1.1  # an integration may post 60 times a minute
_TRY_AGAIN_S = 0.05

_serial = itertools.count(1)


class Callers:
    """A thread for each phone system; each post comes after the answer to the one before."""

    def __init__(self, pbxs: Sequence[Pbx], path: Path) -> None:
        self._path = path
        self._record = history.Record(path)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(pbx,)) for pbx in pbxs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._record.close()

    @property
    def posts(self) -> list[Line]:
        """What was posted so far, each with its answer: `status` is 0 where there was none."""
        return [orjson.loads(line) for line in self._path.read_bytes().splitlines()]

    def _run(self, pbx: Pbx) -> None:
        pause_s = random.uniform(0, _PAUSE_S)  # they do not all post at the same moment
        while not self._stopping.wait(pause_s):
            pause_s = _PAUSE_S
            number = next(_serial)
            text, key = f"Reply {number}", f"key-{number}"
            while self._post(pbx, text, key) == 0:
                clock.sleep(_TRY_AGAIN_S)

    def _post(self, pbx: Pbx, text: str, key: str) -> int:
        asked_ms, told, status = clock.now_ms(), {}, 0
        payload = pbx.reply(message_text=text)
        try:
            answer = pbx.post(payload, ("Idempotency-Key", key))
        except (OSError, HTTPException):
            pass
        else:
            told, status = answer.json(), answer.status
        ids = {"integration_id": pbx.integration_id, "instance_id": pbx.instance_id}
        self._record.posted(asked_ms, status, told, payload, key=key, **ids)
        return status


def verdict(
    gateway: Gateway,
    settings: Settings,
    posts: Sequence[Line],
    folder: Path,
    counts: Callable[[dict[str, Any]], bool] = lambda _receipt: True,
) -> checker.Report:
    """What the checker says of a gateway that has come to rest.

    Args:
        gateway: whose WhatsApp tells what it received.
        settings: of the database that wrote the history.
        posts: what callers asked for and were told.
        folder: for the files.
        counts: which of WhatsApp's receipts belong to this history.
    """
    callers, journal, told = (folder / name for name in ("posts", "journal", "told"))
    quiet = {"kind": "quiet", "at_ms": clock.now_ms()}
    callers.write_bytes(_as_lines([*posts, quiet]))
    received = gateway.whatsapp.phones.received()
    journal.write_bytes(_as_lines([each for each in received if counts(each)]))
    history.collect(callers, journal, settings, told)
    return checker.check(told)


def _as_lines(entries: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in entries)
