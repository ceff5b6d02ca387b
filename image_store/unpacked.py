"""The content of a layer while it is unpacked: decompressed, counted, hashed, and cut off where it grows too large.

Blocking: for threads.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable
from typing import IO

import zstandard

from image_store.tar_stream import BrokenArchive, Readable

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED = tuple(bytes([0x50 + number, 0x2A, 0x4D, 0x18]) for number in range(16))
_PIECE = 1 << 18


class TooLarge(Exception):
    """The content has more bytes than it may have."""


class Unpacked:
    """``file``: of the blob; its first bytes tell how it is compressed. ``check`` raises to give up."""

    def __init__(self, file: IO[bytes], limit: int, check: Callable[[], None] = lambda: None) -> None:
        self._source = _decompressed(file)
        self._limit = limit
        self._check = check
        self._count = 0
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """Raises BrokenArchive, TooLarge."""
        self._check()
        try:
            data = self._source.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError, zstandard.ZstdError) as error:
            raise BrokenArchive(f"it cannot be decompressed: {error}") from error
        self._count += len(data)
        if self._count > self._limit:
            raise TooLarge
        self._hash.update(data)
        return data

    def diff_id(self) -> str:
        """Digest of all of it. What is behind the archive's end belongs to it."""
        while self.read(_PIECE):
            pass
        return f"sha256:{self._hash.hexdigest()}"


def _decompressed(file: IO[bytes]) -> Readable:
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if start == _ZSTD or start in _ZSTD_SKIPPED:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
    return file
