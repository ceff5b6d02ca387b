"""Locks that servers on one machine agree on. The kernel drops them when their holder dies."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.errors import SandboxError


def _folder() -> Path:
    usual = Path("/run/lock")
    return usual if os.access(usual, os.W_OK) else Path(tempfile.gettempdir())


def _open(name: str, folder: Path | None) -> int:
    path = (folder or _folder()) / f"wasmlet-{name}.lock"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


@contextmanager
def host_lock(name: str, folder: Path | None = None) -> Iterator[None]:
    """Wait for the lock and hold it for a moment. Blocks."""
    descriptor = _open(name, folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def claim(name: str, what: str, folder: Path | None = None) -> int:
    """Hold the lock until the descriptor is closed. Raises SandboxError if another server holds it on ``what``."""
    descriptor = _open(name, folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SandboxError(f"{what} belongs to another running server: give each server a name of its own") from error
    return descriptor
