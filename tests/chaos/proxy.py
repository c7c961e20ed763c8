"""A stretch of network between two programs, which can be cut, go silent, or become slow."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

_PIECE_BYTES = 65_536
_END_S = 5
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time at all


class Proxy:
    """Passes TCP on to a port of this machine, from a port of its own on loopback.

    A thread of its own does the passing, until `close`.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._delay_s = 0.0
        self._is_cut = False
        self._open: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._listener = self._do(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port: int = self._listener.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset every connection, and each new one, until it heals."""

        async def cut() -> None:
            self._is_cut = True
            for end in list(self._open):
                _reset(end)

        self._do(cut())

    def silence(self) -> None:
        """Let connections stand, and carry nothing until it heals; nothing of it is lost."""

        async def silence() -> None:
            self._flows.clear()

        self._do(silence())

    def slow(self, delay_s: float) -> None:
        """Hold every piece back for so long, in both directions."""
        self._delay_s = delay_s

    def heal(self) -> None:
        """Pass everything on at once again."""

        async def heal() -> None:
            self._is_cut, self._delay_s = False, 0.0
            self._flows.set()

        self._do(heal())

    def close(self) -> None:
        """End every connection, and the thread."""

        async def close() -> None:
            self._listener.close()
            self._is_cut = True
            self._flows.set()
            for end in list(self._open):
                _reset(end)
            carrying = asyncio.all_tasks() - {asyncio.current_task()}
            if carrying:
                await asyncio.wait(carrying, timeout=_END_S)

        self._do(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, errand: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(errand, self._loop).result()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._is_cut:
                raise ConnectionAbortedError
            onward_reader, onward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer.transport)
            return
        ends = {writer.transport, onward.transport}
        self._open |= ends
        try:
            await asyncio.gather(self._pass(reader, onward), self._pass(onward_reader, writer))
        except OSError:
            for end in ends:
                _reset(end)
        finally:
            self._open -= ends

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE_BYTES):
            await self._flows.wait()
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            writer.write(piece)
            await writer.drain()
        writer.close()


def _reset(end: asyncio.Transport) -> None:
    with suppress(OSError):  # it may be closed already
        end.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
        )
    end.abort()
