"""What the images take on the disk."""

import os
import time
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
    seen: dict[tuple[int, int], int] = {}
    _see(str(folder), seen)
    for path, directories, files in os.walk(folder):
        if left_out is not None and path == str(left_out):
            directories.clear()
            continue
        for name in (*directories, *files):
            _see(f"{path}/{name}", seen)
    return Taken(sum(seen.values()), len(seen))


def _see(path: str, seen: dict[tuple[int, int], int]) -> None:
    """A file with several names is there once."""
    try:
        status = os.lstat(path)
    except OSError:
        return
    seen[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
