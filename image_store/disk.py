"""Writing what must survive a power loss, and saying clearly when the disk refuses."""

import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from image_store.errors import DiskFull, StorageFailed

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def disk_errors(subject: str) -> Iterator[None]:
    """Turns what the disk refuses into DiskFull or StorageFailed, about ``subject``."""
    try:
        yield
    except OSError as error:
        raise storage_error(subject, error) from error


def storage_error(subject: str, error: OSError) -> DiskFull | StorageFailed:
    if error.errno in _FULL:
        return DiskFull(f"no space is left on the disk for {subject}: free some, or move the root to a larger disk")
    return StorageFailed(f"{subject} cannot be stored: {error}: check the disk and the permissions of the root")


def sync_folder(folder: Path) -> None:
    """Names in it are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path: Path) -> None:
    """All that was written to the file system of ``path`` is on the disk: cheaper than a tree's files one by one."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes) -> None:
    """There completely or not at all. The folder is on the same file system and only this process writes the name."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    sync_folder(path.parent)


def remove_tree(path: Path) -> None:
    """Idempotent. What cannot be removed now is found again at the next start."""
    shutil.rmtree(path, ignore_errors=True)


def remove(path: Path) -> None:
    """A file or a tree."""
    if path.is_dir():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
