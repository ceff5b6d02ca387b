"""Files of a running container, opened by the server as the container's own user would find and be allowed them."""

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from sandbox import syscalls
from sandbox.errors import GuestGone, SandboxError
from sandbox.specs import GuestSpec

_HEAD_BYTES = 256
_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class GuestFile(NamedTuple):
    descriptor: int
    """For reading."""
    path: str
    """In the container."""
    head: bytes
    """How it begins."""
    is_program: bool
    """Somebody may execute it."""


class Denied(SandboxError):
    """There is a file, but it may not be read, or is a directory."""


def open_first(pid: int, spec: GuestSpec, paths: Sequence[str], searches: bool) -> GuestFile | None:
    """The first of the paths at which there is a regular file that can be read. ``pid``: of the container's guest, as
    the host numbers it; ``searches``: the paths are guesses, so that a folder at one, and what may be in a folder that
    the user cannot enter, counts as not there.

    By a thread ``apart``, which takes the user's rights. Raises Denied where all that is there is denied, GuestGone,
    SandboxError.
    """
    root = _open_root(pid, spec.container_id)
    try:
        syscalls.take_file_rights(spec.uid, spec.gid, spec.groups)
        return _open_first(root, paths, searches)
    finally:
        os.close(root)


def close(file: GuestFile | None) -> None:
    if file is not None:
        os.close(file.descriptor)


def _open_root(pid: int, container_id: str) -> int:
    try:
        return os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError as error:
        raise SandboxError(
            f"the files of container {container_id} cannot be looked at: {error.strerror}; "
            "give the server CAP_SYS_PTRACE"
        ) from error
    except OSError as error:
        raise GuestGone(f"container {container_id} is not running: start another one") from error


def _open_first(root: int, paths: Sequence[str], searches: bool) -> GuestFile | None:
    denied = ""
    for path in paths:
        try:
            return _described(_open_regular(root, path, searches), path)
        except PermissionError:
            denied = denied or path
        except OSError:
            continue  # it is not there, or has no end
    if denied:
        raise Denied(denied)
    return None


def _described(descriptor: int, path: str) -> GuestFile:
    try:
        is_program = bool(os.fstat(descriptor).st_mode & _EXECUTABLE)
        return GuestFile(descriptor, path, os.pread(descriptor, _HEAD_BYTES, 0), is_program)
    except BaseException:
        os.close(descriptor)
        raise


def _open_regular(root: int, path: str, searches: bool) -> int:
    """What is no regular file is refused before it is opened: to open a pipe would wake who waits for it."""
    found = _find(root, path, searches)
    try:
        mode = os.fstat(found).st_mode
        if stat.S_ISDIR(mode) and searches:
            raise IsADirectoryError(path)
        if not stat.S_ISREG(mode):
            raise PermissionError(path)
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(found)


def _find(root: int, path: str, searches: bool) -> int:
    try:
        return syscalls.open_in_root(root, path, os.O_PATH)
    except PermissionError as error:
        if searches:
            raise FileNotFoundError(path) from error
        raise
