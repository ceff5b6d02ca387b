"""The content store: what registries sent, by digest, shared by all images.

A blob is written below ``ingest/``, verified, put on the disk and only then given its name, so that a name always
stands for the whole content. Blocking: for threads.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

from image_store.digests import digest_of_file, hex_of
from image_store.disk import disk_errors, sync_folder
from image_store.errors import DigestMismatch
from image_store.manifest import Descriptor
from image_store.registry import Registry
from image_store.registry_connection import Trouble
from image_store.set_aside import set_aside

_MUCH = 1 << 20

log = structlog.get_logger()


class Blobs:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / "blobs" / "sha256"
        self._ingest = root / "ingest"

    def open(self) -> None:
        """What an interrupted download left is dropped."""
        with disk_errors("blobs"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ingest.mkdir(mode=0o700, exist_ok=True)
            for leftover in self._ingest.iterdir():
                leftover.unlink()

    def path(self, digest: str) -> Path:
        return self.folder / hex_of(digest)

    def size(self, digest: str) -> int | None:
        """None where it is not."""
        try:
            return self.path(digest).stat().st_size
        except OSError:
            return None

    def has(self, digest: str, size: int) -> bool:
        """It is there, whole: reads all of it. One that was damaged is set aside."""
        path = self.path(digest)
        try:
            if path.stat().st_size == size and digest_of_file(path) == digest:
                return True
        except FileNotFoundError:
            return False
        except OSError as error:
            log.warning("a blob cannot be read", blob=digest, error=str(error))
        set_aside(path, self._root, "it does not have its digest")
        return False

    def read(self, digest: str) -> bytes:
        with disk_errors(f"blob {digest}"):
            return self.path(digest).read_bytes()

    def fetch(self, registry: Registry, blob: Descriptor) -> None:
        """Download and verify it. Nothing is left of one that fails. Raises ImageStoreError, Cut."""
        with disk_errors(f"blob {blob.digest}"), self._incoming(blob.digest) as file:
            download = _Download(registry, blob, file)
            registry.persistently(f"blob {blob.digest}", download.go_on)
            download.check()
            self._keep(file, blob.digest)

    @contextmanager
    def _incoming(self, digest: str) -> Iterator[IO[bytes]]:
        path = self._ingest / hex_of(digest)
        with path.open("wb") as file:
            try:
                yield file
            finally:
                path.unlink(missing_ok=True)

    def _keep(self, file: IO[bytes], digest: str) -> None:
        file.flush()
        os.fsync(file.fileno())
        os.replace(file.name, self.path(digest))
        sync_folder(self.folder)


class _Download:
    """Goes on where the last attempt ended, if the registry can."""

    def __init__(self, registry: Registry, blob: Descriptor, file: IO[bytes]) -> None:
        self._registry = registry
        self._blob = blob
        self._file = file
        self._received = 0
        self._furthest = 0
        """How much the best attempt had received."""
        self._hash = hashlib.sha256()

    def go_on(self) -> None:
        if 0 < self._received == self._blob.size:
            # The last attempt broke off after the end.
            return
        try:
            with self._registry.blob(self._blob, self._received) as (start, pieces):
                self._rewind(start)
                for piece in pieces:
                    self._take(piece)
            if self._received < self._blob.size:
                raise Trouble(f"it sent {self._received} of {self._blob.size} bytes")
        except Trouble as trouble:
            trouble.progress = self._received - self._furthest >= _MUCH
            self._furthest = max(self._furthest, self._received)
            raise

    def _rewind(self, start: int) -> None:
        if start != self._received:
            self._file.seek(0)
            self._file.truncate()
            self._received = 0
            self._hash = hashlib.sha256()

    def _take(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._received > self._blob.size:
            raise self._mismatch(f"more than the {self._blob.size} bytes that the manifest says")
        self._hash.update(piece)
        self._file.write(piece)

    def check(self) -> None:
        received = f"sha256:{self._hash.hexdigest()}"
        if received != self._blob.digest:
            raise self._mismatch(f"content of digest {received}")

    def _mismatch(self, what: str) -> DigestMismatch:
        return DigestMismatch(
            f"registry {self._registry.host.address} sent {what} for blob {self._blob.digest} of "
            f"{self._registry.repository}: check the registry, or push the image again"
        )
