"""What the images take on the disk."""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
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
    bytes: int
    inodes: int


class UsageMeter:
    """Trees never change, so each is walked once. Blocking: for threads."""

    def __init__(self, root: Path, trees: Path) -> None:
        self._root = root
        self._trees = trees
        self._known: dict[str, Taken] = {}

    def measure(self, trees: bool = True) -> Usage:
        """``trees``: also those that were not measured yet."""
        names = [path.name for path in self._trees.iterdir()]
        if trees:
            fresh = {name: of_folder(self._trees / name) for name in names if name not in self._known}
            self._known = {name: taken for name, taken in {**self._known, **fresh}.items() if name in names}
        taken = _total([*self._known.values(), of_folder(self._root, self._trees)])
        return Usage(self._root, taken.bytes, taken.inodes, time.time_ns())


def _total(parts: Iterable[Taken]) -> Taken:
    listed = list(parts)
    return Taken(sum(part.bytes for part in listed), sum(part.inodes for part in listed))


def of_folder(folder: Path, left_out: Path | None = None) -> Taken:
    """Of all that is in it, with itself. What vanishes meanwhile takes nothing."""
    seen = dict(_inodes(str(folder), str(left_out)))
    return Taken(sum(seen.values()), len(seen))


def of_small_folder(folder: Path, most: int) -> Taken | None:
    """The same, but None once there are more than ``most`` names in it: who waits shall not wait long."""
    found = list(islice(_inodes(str(folder), ""), most + 1))
    seen = dict(found)
    return Taken(sum(seen.values()), len(seen)) if len(found) <= most else None


def _inodes(folder: str, left_out: str) -> Iterator[tuple[tuple[int, int], int]]:
    """Which inode, and the bytes it takes, for every name: a file with several names is there once."""
    status = _status(folder)
    if status is None:
        return
    yield (status.st_dev, status.st_ino), status.st_blocks * _BLOCK
    ahead = [folder]
    while ahead:
        for entry in _entries(ahead.pop()):
            status = _status(entry.path)
            if status is None:
                continue
            yield (status.st_dev, status.st_ino), status.st_blocks * _BLOCK
            if stat.S_ISDIR(status.st_mode) and entry.path != left_out:
                ahead.append(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None
