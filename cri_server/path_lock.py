"""Two servers never share a path: each holds a lock, which the kernel releases with the process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cri_server.errors import StartupError


@contextmanager
def locked(path: str, subject: str, remedy: str) -> Iterator[None]:
    """Raises StartupError when another server holds the lock file at ``path``. The file stays."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, subject, remedy)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, subject: str, remedy: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode().strip() or "unknown"
        raise StartupError(f"{subject} is in use by another wasmlet (process {holder}); {remedy}") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())
