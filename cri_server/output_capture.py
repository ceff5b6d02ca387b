"""What a process writes, kept up to a limit for all of it together; the rest is discarded, and the process goes on."""

import asyncio
import os

_READ_BYTES = 1 << 16


class OutputCapture:
    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._loop = asyncio.get_running_loop()

    async def read(self, descriptor: int) -> bytes:
        """To the end. ``descriptor``: does not block, and is closed here, whatever happens."""
        kept = bytearray()
        try:
            while piece := await self._piece(descriptor):
                taken = piece[: self._left]
                self._left -= len(taken)
                kept += taken
        finally:
            os.close(descriptor)
        return bytes(kept)

    async def _piece(self, descriptor: int) -> bytes:
        while True:
            try:
                return os.read(descriptor, _READ_BYTES)
            except BlockingIOError:
                await self._readable(descriptor)

    async def _readable(self, descriptor: int) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(descriptor, _settle, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(descriptor)


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
