"""Locks that servers on one machine agree on. The kernel drops them when their holder dies."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.errors import SandboxError


class HostLock:
    """A file in /run/lock, or in the folder for temporary files, for as long as somebody has or wants the lock."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self._path = (folder or _folder()) / f"wasmlet-{name}.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Wait for it. Blocks. Raises OSError."""
        while self._descriptor is None:
            self._descriptor = self._locked(fcntl.LOCK_EX)

    def claim(self, what: str) -> None:
        """Have it at once. Raises SandboxError if another server has it, on ``what``, and OSError."""
        try:
            while self._descriptor is None:
                self._descriptor = self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SandboxError(f"{what} belongs to another running server: give each server its own") from error

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def _locked(self, operation: int) -> int | None:
        """None if the file was removed by the one who had the lock before."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, operation)
            if self._is_at_path(descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self._path))
        except FileNotFoundError:
            return False


@contextmanager
def host_lock(name: str, folder: Path | None = None) -> Iterator[None]:
    """Hold the lock for a moment. Blocks. Raises OSError."""
    lock = HostLock(name, folder)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _folder() -> Path:
    usual = Path("/run/lock")
    return usual if os.access(usual, os.W_OK) else Path(tempfile.gettempdir())
