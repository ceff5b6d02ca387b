"""Two servers never share a path: each holds a lock, which the kernel releases with the process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cri_server.errors import UnusableSetting


@contextmanager
def locked(path: str, key: str, value: str) -> Iterator[None]:
    """Raises UnusableSetting when another server holds the lock file at ``path``. The file stays.

    ``key``, ``value``: the setting that the lock is for.
    """
    descriptor = _open(path, key)
    try:
        _take(descriptor, key, value)
        yield
    finally:
        os.close(descriptor)


def _open(path: str, key: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnusableSetting(key, f"{path} cannot be made: {error.strerror}; choose another path") from error


def _take(descriptor: int, key: str, value: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        raise UnusableSetting(
            key, f"{value} is in use by another wasmlet (process {holder}); give each server a {key} of its own"
        ) from None
    with suppress(OSError):  # a full disk: the lock holds, only its holder has no name
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
