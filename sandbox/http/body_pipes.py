"""Pipes by which bodies reach their guests while they still arrive, and by which those of responses leave them.

wasmtime reads a standard input from a file that it opens by its path, and writes a standard output to one. The paths
lead to named pipes in a folder that has no place below any root: the working directory of the worker, which a guest
never sees.
"""

import fcntl
import os
from collections import deque

PIPES_PER_WORKER = 64
"""As many bodies can be arriving there, beside those that were whole when their guests were started."""
OUTPUTS_PER_WORKER = 64
"""As many responses can be written through pipes at the same time; wasmtime hands others from thread to thread, and
loses what is not flushed."""
_FILES_PER_SET = PIPES_PER_WORKER + OUTPUTS_PER_WORKER
SETS_PER_WORKER = 2
"""One that retires keeps its own, and the guests that it waits for write there: another set is its successor's."""
_LARGE, _LARGE_BYTES = 2, 1 << 20
"""Of these, so many hold so much: a handler that is done with less need not wait for a reader. The kernel lets all
pipes of a user hold 64 MiB, and takes memory only for what is in them."""


def make(folder: int, workers: int, uid: int, gid: int) -> None:
    """Of so many workers, named by numbers, for that user. ``folder``: an open directory."""
    for number in range(workers * SETS_PER_WORKER * _FILES_PER_SET):
        os.mkfifo(str(number), 0o600, dir_fd=folder)
        os.chown(str(number), uid, gid, dir_fd=folder)


class BodyPipes:
    """Those of one set, which one worker has. Those that were given back last are used last."""

    def __init__(self, number: int) -> None:
        first = number * _FILES_PER_SET
        self._free = deque(str(each) for each in range(first, first + PIPES_PER_WORKER))

    def take(self) -> tuple[str, int]:
        """The path, and the descriptor to write to, which does not block. Raises OSError where all are in use."""
        for _ in range(len(self._free)):
            path = self._free.popleft()
            if not _has_reader(path):
                return path, _open(path)
            self._free.append(path)
        raise OSError("all pipes for the bodies of requests are in use")

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
    """Those of one set. Their descriptors stay open from one response to the next."""

    def __init__(self, number: int) -> None:
        first = number * _FILES_PER_SET + PIPES_PER_WORKER
        sizes = (OUTPUTS_PER_WORKER - _LARGE) * [0] + _LARGE * [_LARGE_BYTES]
        self._free = [OutputPipe(str(first + each), size) for each, size in enumerate(sizes)]

    def take(self) -> OutputPipe | None:
        """One that is open; None where there is none to be had."""
        try:
            pipe = self._free.pop()
        except IndexError:
            return None
        if pipe.descriptor < 0:
            try:
                pipe.open()
            except OSError:  # no descriptor is left
                self._free.append(pipe)
                return None
        return pipe

    def give_back(self, pipe: OutputPipe) -> None:
        """An empty one, whose writer has gone."""
        self._free.append(pipe)


def _open(path: str | bytes) -> int:
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _has_reader(path: str) -> bool:
    """An earlier guest's, which may yet take what is not for it."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True
