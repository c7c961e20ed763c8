"""A platform that asks twice is answered as one that asks once: what is in hand is finished."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from core import clock
from tests.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SLOWLY_MS = 2_000


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """`gateway up` on a folder of its own."""
    started = Gateway.embedded(tmp_path)
    yield started
    started.stop()


def test_a_second_sigterm_does_not_break_off_the_drain(gateway: Gateway) -> None:
    pbx = gateway.pbx()
    gateway.whatsapp.faults.set([{"delay_ms": _SLOWLY_MS}])
    event_id = pbx.post().json()["event_id"]
    gateway.wait_until(lambda: pbx.status(event_id).json()["state"] == "sending")
    (process,) = gateway._processes
    assert process.pid is not None
    for _ in range(3):
        os.kill(process.pid, signal.SIGTERM)
        clock.sleep(0.2)
    process.stop()
    gateway.start()
    assert pbx.ended(event_id)["state"] == "sent"
    assert len(pbx.received()) == 1
