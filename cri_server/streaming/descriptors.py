"""The server's end of a process' pipe or terminal."""

import asyncio
import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

from cri_server.streaming.transport import PIECE_BYTES, Buffer

_PIPE_BYTES = 256 << 10


class DescriptorReader:
    """Owns the descriptor, which must not block, until ``stack`` is closed."""

    def __init__(self, descriptor: int, stack: ExitStack) -> None:
        stack.callback(self.close)
        self._descriptor = descriptor
        self.is_silent = False
        """Is it waited for that something is written?"""
        _widen(descriptor)

    async def read(self) -> bytes:
        """Up to 64 KiB; b"" at the end."""
        while True:
            try:
                data = os.read(self._descriptor, PIECE_BYTES)
            except BlockingIOError:
                await self._readable()
            except OSError as error:
                if error.errno in (errno.EIO, errno.ECONNRESET):  # a terminal that nobody holds any more
                    return b""
                raise
            else:
                await asyncio.sleep(0)  # what always has something to say must not silence all others
                return data

    async def _readable(self) -> None:
        self.is_silent = True
        try:
            await until_readable(self._descriptor)
        finally:
            self.is_silent = False

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DescriptorWriter:
    """Owns the descriptor, which must not block, until ``stack`` is closed."""

    def __init__(self, descriptor: int, stack: ExitStack) -> None:
        stack.callback(self.close)
        self._descriptor = descriptor
        _widen(descriptor)

    async def write(self, data: Buffer) -> None:
        """Raises OSError when nobody reads it any more."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await until_writable(self._descriptor)

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


async def until_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    await _ready(loop.add_reader, loop.remove_reader, descriptor)


async def until_writable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    await _ready(loop.add_writer, loop.remove_writer, descriptor)


async def _ready(
    watch: Callable[[int, Callable[[], None]], None], forget: Callable[[int], bool], descriptor: int
) -> None:
    event = asyncio.Event()
    watch(descriptor, event.set)
    try:
        await event.wait()
    finally:
        forget(descriptor)


def _widen(descriptor: int) -> None:
    """A pipe; other kinds have their size."""
    with suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
