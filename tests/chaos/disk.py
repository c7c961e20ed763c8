"""A disk of our own, small enough to be full."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS, unshare(2)
_ROOM = "4g"
_TRIES = 20


class Disk:
    """A file system in memory; it takes no more of that than is written to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def mounted(cls) -> Iterator[Self | None]:
        """A disk for as long as the block runs; None where we have no right to mount one.

        Only this process and those that it starts see it, so that it ends with them. To be called
        before there are threads.
        """
        path = Path(tempfile.mkdtemp(prefix="gateway-disk-"))
        mount = ["-t", "tmpfs", "-o", f"size={_ROOM},mode=755", "tmpfs", str(path)]
        try:
            if not _own_mounts() or not _mount(*mount):
                yield None
                return
            try:
                yield cls(path)
            finally:
                subprocess.run(["umount", "--lazy", str(path)], check=True)
        finally:
            path.rmdir()

    def fill(self) -> None:
        """Let it be full from now on: it shrinks to what it holds."""
        for _ in range(_TRIES):
            held = os.statvfs(self.path)
            size = (held.f_blocks - held.f_bfree) * held.f_frsize
            if _mount("-o", f"remount,size={size}", str(self.path)):
                return
        raise OSError("the disk grows faster than it can be filled")

    def free(self) -> None:
        """Let there be room again."""
        _mount("-o", f"remount,size={_ROOM}", str(self.path))


def _own_mounts() -> bool:
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(_NEW_MOUNTS) != 0:
        return False
    return _mount("--make-rprivate", "/")


def _mount(*arguments: str) -> bool:
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    return done.returncode == 0
