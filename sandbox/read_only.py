"""Whether something is in a read-only file system, for a guest that was refused to change it."""

import os

_GAP = 64
"""So many numbers without a descriptor, and there is none any more."""


def is_read_only(path: str, links: int, size: int, modified: int) -> bool:
    """``path``: below a file or directory that this process holds open, and that has so many links and bytes and was
    modified then, in nanoseconds; empty: that itself. Where nothing is there, its parent counts. False of what
    cannot be told."""
    started = _descriptors_of(links, size, modified)
    return bool(started) and all(_is_read_only_from(each, path) for each in started)


def _is_read_only_from(start: int, path: str) -> bool:
    if not path:
        return _is_read_only(start)
    parent = os.path.dirname(path.rstrip("/")) or "."
    return _is_read_only_at(start, path) or _is_read_only_at(start, parent)


def _descriptors_of(links: int, size: int, modified: int) -> list[int]:
    found = []
    number = last = 0
    while number - last <= _GAP:
        try:
            status = os.fstat(number)
            last = number
            if (status.st_nlink, status.st_size, status.st_mtime_ns) == (links, size, modified):
                found.append(number)
        except OSError:
            pass
        number += 1
    return found


def _is_read_only_at(directory: int, path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return False
    try:
        return _is_read_only(descriptor)
    finally:
        os.close(descriptor)


def _is_read_only(descriptor: int) -> bool:
    return bool(os.fstatvfs(descriptor).f_flag & os.ST_RDONLY)
