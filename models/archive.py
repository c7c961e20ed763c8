"""A backup's file: a zip of JSON lines, one member a table, and a manifest.

The last 64 bytes are the SHA-256 of all before them, as the zip's comment: any tool opens the file,
and a byte that was changed or is missing shows before the first row is read.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import orjson

from core.errors import UsageError
from models.tables import BLOB, BOOLEAN

FORMAT = 1

_MANIFEST = "manifest.json"
_HASH_BYTES = 64  # in hex
_READ_BYTES = 1 << 20

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Args:
        format: of the file.
        made_at_ms: all that was committed before this time is in it.
        database: which kind it was made of.
        migrations: those that had been applied.
        columns: by table the columns and their kinds (see `models.tables`).
        rows: by table how many.
    """

    format: int
    made_at_ms: int
    database: str
    migrations: list[str]
    columns: dict[str, dict[str, str]]
    rows: dict[str, int]


class Writer:
    """A backup that is being made."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._zip = ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1)

    def add(self, table: str, kinds: Iterable[str], rows: Iterable[Row]) -> int:
        """Write a table's rows, one after the other; returns how many there were."""
        kinds, count = list(kinds), 0
        with self._zip.open(f"{table}.jsonl", "w", force_zip64=True) as member:
            for count, row in enumerate(rows, 1):  # noqa: B007 (the count is wanted)
                portable = [_portable(value, kind) for value, kind in zip(row, kinds, strict=True)]
                member.write(orjson.dumps(portable, option=orjson.OPT_APPEND_NEWLINE))
        return count

    def end(self, manifest: Manifest) -> None:
        """Write the manifest, and the hash of everything."""
        self._zip.writestr(_MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        self._zip.comment = b"0" * _HASH_BYTES
        self._zip.close()
        digest = _digest(self._file)
        self._file.seek(-_HASH_BYTES, os.SEEK_END)
        self._file.write(digest)

    def give_up(self) -> None:
        """Let go of what was begun."""
        with suppress(OSError):
            self._zip.close()


class Archive:
    """A backup that is whole."""

    def __init__(self, archive: ZipFile, manifest: Manifest) -> None:
        self.manifest = manifest
        self._zip = archive

    def batches(self, table: str, at_most: int) -> Iterator[list[list[Any]]]:
        """A table's rows, as the database takes them, so many at a time."""
        kinds = list(self.manifest.columns[table].values())
        with self._zip.open(f"{table}.jsonl") as lines:
            while batch := [_native(line, kinds) for line in islice(lines, at_most)]:
                yield batch


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A file beside `path` that takes its place once it is whole and on the disk.

    Only its owner may read it.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            writer = Writer(file)
            try:
                yield writer
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                writer.give_up()
                raise
        _keep_name(path.parent)
    except OSError as failure:
        raise UsageError(f"'{path}' cannot be written: {failure.strerror}.") from None


@contextmanager
def reading(path: Path) -> Iterator[Archive]:
    """The backup in a file, once it is known to be whole.

    Raises:
        UsageError: it cannot be read, is damaged, or is none that this version can read.
    """
    try:
        file = path.open("rb")
    except OSError as failure:
        raise UsageError(f"'{path}' cannot be read: {failure.strerror}.") from None
    with file:
        if _end(file) != _digest(file):
            raise UsageError(f"'{path}' is damaged, was cut off, or is no backup of the gateway.")
        with ZipFile(file) as archive:
            document = orjson.loads(archive.read(_MANIFEST))
            if document["format"] != FORMAT:
                raise UsageError(
                    f"'{path}' is a backup of format {document['format']}, and this version reads "
                    f"format {FORMAT}. Restore it with the version that made it, and upgrade that."
                )
            yield Archive(archive, Manifest(**document))


def _portable(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == BLOB:
        return base64.b64encode(value).decode()
    return bool(value) if kind == BOOLEAN else value


def _native(line: bytes, kinds: list[str]) -> list[Any]:
    return [
        base64.b64decode(value) if kind == BLOB and value is not None else value
        for value, kind in zip(orjson.loads(line), kinds, strict=True)
    ]


def _digest(file: IO[bytes]) -> bytes:
    left = file.seek(0, os.SEEK_END) - _HASH_BYTES
    file.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (piece := file.read(min(left, _READ_BYTES))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest().encode()


def _end(file: IO[bytes]) -> bytes:
    file.seek(-min(_HASH_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
    return file.read()


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
