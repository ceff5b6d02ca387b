"""Pipes by which bodies reach their guests while they still arrive, and by which those of responses leave them.

wasmtime reads a standard input from a file that it opens by its path, and writes a standard output to one. The paths
lead to named pipes in a folder that has no place below any root: the working directory of the worker, which a guest
never sees. They are made when as many are in use as there are: one of each kind, at most, for each guest that runs, and
a few for those whose guests are just going.
"""

import contextlib
import errno
import fcntl
import itertools
import os
from collections import deque

SETS_PER_WORKER = 2
"""One that retires keeps its own, and the guests that it waits for write there: another set is its successor's."""
_LARGE, _LARGE_BYTES = 2, 1 << 20
"""Of these, so many hold so much: a handler that is done with less need not wait for a reader. The kernel lets all
pipes of a user hold 64 MiB, and takes memory only for what is in them."""
_KEPT_OPEN = 32
"""Outputs that are not in use."""


class BodyPipes:
    """Those of one set, which one worker has. ``folder``: an open directory, the worker's own. Threads share them.

    Those that were given back last are used last.
    """

    def __init__(self, folder: int, number: int) -> None:
        self._folder = folder
        self._set = f"in-{number}"
        self._made = itertools.count()
        self._free: deque[str] = deque()

    def take(self) -> tuple[str, int]:
        """The path, and the descriptor to write to, which does not block. Raises OSError."""
        path = self._take_free() or _make(self._folder, self._set, next(self._made))
        try:
            return path, _open(path)
        except OSError:
            self._free.append(path)
            raise

    def _take_free(self) -> str | None:
        with contextlib.suppress(IndexError):  # other threads take some, too
            for _ in range(len(self._free)):
                path = self._free.popleft()
                if not _has_reader(path):
                    return path
                self._free.append(path)
        return None

    def give_back(self, path: str, descriptor: int) -> None:
        """Its reader sees the end of the body."""
        os.close(descriptor)
        self._free.append(path)


class OutputPipe:
    """What one guest at a time writes. ``descriptor``: to read from it without blocking; negative while closed."""

    __slots__ = ("descriptor", "path", "size")

    def __init__(self, path: str, size: int) -> None:
        self.path = path.encode()
        self.size = size
        self.descriptor = -1

    def open(self) -> None:
        """Raises OSError."""
        self.descriptor = _open(self.path)
        if self.size:
            try:
                fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, self.size)
            except OSError:
                return  # the user's pipes hold as much as they may, all together

    def read(self, size: int) -> bytes:
        """What is there, up to so many bytes; empty where there is nothing."""
        try:
            return os.read(self.descriptor, size)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Its writer fails from now on. It has to have opened the pipe: to do so without a reader would block."""
        os.close(self.descriptor)
        self.descriptor = -1


class OutputPipes:
    """As ``BodyPipes``. The descriptors of some stay open from one response to the next."""

    def __init__(self, folder: int, number: int) -> None:
        self._folder = folder
        self._set = f"out-{number}"
        self._made = itertools.count()
        self._free: list[OutputPipe] = []

    def take(self) -> OutputPipe:
        """One that is open. Raises OSError."""
        try:
            pipe = self._free.pop()
        except IndexError:
            pipe = self._another()
        try:
            if pipe.descriptor < 0:
                pipe.open()
        except OSError:
            self._free.append(pipe)
            raise
        return pipe

    def _another(self) -> OutputPipe:
        place = next(self._made)
        size = _LARGE_BYTES if place < _LARGE else 0
        return OutputPipe(_make(self._folder, self._set, place), size)

    def give_back(self, pipe: OutputPipe) -> None:
        """An empty one, whose writer has gone."""
        if pipe.descriptor >= 0 and len(self._free) >= _KEPT_OPEN:
            pipe.close()
        self._free.append(pipe)


def _make(folder: int, set_name: str, place: int) -> str:
    """Its path. The worker that had the set before may have made it."""
    name = f"{set_name}-{place}"
    with contextlib.suppress(FileExistsError):
        os.mkfifo(name, 0o600, dir_fd=folder)
    return name


def _open(path: str | bytes) -> int:
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _has_reader(path: str) -> bool:
    """An earlier guest's, which may yet take what is not for it."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno != errno.ENXIO
    return True
