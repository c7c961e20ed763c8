"""`gateway up`, started while its disk is full; in a process that may mount one."""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core import clock
from tests.chaos.disk import Disk
from tests.clerk import Clerk
from tests.gateway import Gateway, Served

if TYPE_CHECKING:
    from tests.pbx import Pbx

_OPENS_S = 30.0
_LOOK_S = 1.5  # a running gateway looks for room every second
_SOMETHING = 1_000_000  # a disk of no bytes at all would have no limit


def is_survived() -> bool:
    """See that a full disk costs answers and no process; False where none can be mounted.

    Raises:
        AssertionError: it cost more.
    """
    with ExitStack() as stack:
        disk = stack.enter_context(Disk.mounted())
        if disk is None:
            return False
        gateway = Gateway(disk.path, {"DATA_DIR": str(disk.path / "data")}, ("up",))
        words = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gateway.whatsapp.start()
        gateway.address = ("127.0.0.1", _free_port())
        stack.callback(gateway.whatsapp.stop)
        stack.callback(_stop, gateway)
        _first_start(gateway, disk, words)
        gateway.clerk = Clerk(gateway._environment, words)
        stack.callback(gateway.clerk.stop)
        _later_start(gateway, disk, words)
    return True


def _first_start(gateway: Gateway, disk: Disk, words: Path) -> None:
    (disk.path / "something").write_bytes(bytes(_SOMETHING))
    disk.fill()
    up = _started(gateway, words)
    assert gateway.get("/readyz").status == 503
    assert not up.has_ended
    disk.free()
    gateway.wait_until(lambda: _is_ready(gateway), _OPENS_S)


def _later_start(gateway: Gateway, disk: Disk, words: Path) -> None:
    pbx = gateway.pbx()
    assert pbx.outcome().json()["state"] == "sent"
    _stop(gateway)
    disk.fill()
    up = _started(gateway, words)
    assert pbx.post().refusal == (503, "service_unavailable")
    assert _status_for_meta(pbx) == 503
    assert not up.has_ended
    disk.free()
    clock.sleep(_LOOK_S)
    assert pbx.outcome().json()["state"] == "sent"
    assert len(pbx.events()) == 2, "what was answered 503 was not kept"


def _stop(gateway: Gateway) -> None:
    for process in gateway._processes:
        process.stop()


def _started(gateway: Gateway, words: Path) -> Served:
    gateway._environment["PORT"] = str(gateway.address[1])
    up = Served("up", words, gateway._environment)
    gateway._processes = [up]
    up.start(lambda: _answers(gateway))
    return up


def _answers(gateway: Gateway) -> bool:
    with suppress(OSError):
        return gateway.get("/healthz").status == 200
    return False


def _is_ready(gateway: Gateway) -> bool:
    with suppress(OSError):
        return gateway.get("/readyz").status == 200
    return False


def _status_for_meta(pbx: Pbx) -> int:
    said = {"type": "text", "text": {"body": "STOP"}}
    _, reply = pbx.gateway.whatsapp.write(pbx.phone_number_id, pbx.customer, said)
    return reply.status


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
