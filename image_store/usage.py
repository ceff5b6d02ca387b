"""What the images take on the disk."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_BLOCK = 512


@dataclass(frozen=True)
class Usage:
    mountpoint: Path
    """A folder on the file system that holds them."""
    used_bytes: int
    inodes_used: int
    timestamp_ns: int


class Taken(NamedTuple):
    """Space and inodes."""

    bytes: int
    inodes: int


def total(parts: Iterable[Taken]) -> Taken:
    listed = list(parts)
    return Taken(sum(part.bytes for part in listed), sum(part.inodes for part in listed))


def of_folder(folder: Path) -> Taken:
    """Of all that is in it. What vanishes meanwhile takes nothing."""
    seen: set[tuple[int, int]] = set()
    used = 0
    for path, directories, files in os.walk(folder):
        for name in (*directories, *files, "."):
            used += _of_new(os.path.join(path, name), seen)
    return Taken(used, len(seen))


def _of_new(path: str, seen: set[tuple[int, int]]) -> int:
    try:
        status = os.lstat(path)
    except OSError:
        return 0
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return 0
    seen.add(key)
    return status.st_blocks * _BLOCK
