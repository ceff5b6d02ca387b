"""Pipes by which bodies that are still arriving reach their guests.

wasmtime reads a standard input from a file that it opens by its path. The paths lead to named pipes in a folder that
has no place below any root: the working directory of the worker, which a guest never sees.
"""

import os
from collections import deque

PIPES_PER_WORKER = 64
"""As many bodies can be arriving there, beside those that were whole when their guests were started."""


def make(folder: int, count: int, uid: int, gid: int) -> None:
    """Named by numbers, for that user. ``folder``: an open directory."""
    for number in range(count):
        os.mkfifo(str(number), 0o600, dir_fd=folder)
        os.chown(str(number), uid, gid, dir_fd=folder)


class BodyPipes:
    """Those of one worker, which is the container's ``place``-th. Those that were given back last are used last."""

    def __init__(self, place: int) -> None:
        first = place * PIPES_PER_WORKER
        self._free = deque(str(number) for number in range(first, first + PIPES_PER_WORKER))

    def take(self) -> tuple[str, int]:
        """The path, and the descriptor to write to, which does not block. Raises OSError where all are in use."""
        for _ in range(len(self._free)):
            path = self._free.popleft()
            if not _has_reader(path):
                return path, os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._free.append(path)
        raise OSError("all pipes for the bodies of requests are in use")

    def give_back(self, path: str, descriptor: int) -> None:
        """Its reader sees the end of the body."""
        os.close(descriptor)
        self._free.append(path)


def _has_reader(path: str) -> bool:
    """An earlier guest's, which may yet take what is not for it."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True
