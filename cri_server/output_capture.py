"""What a process writes, kept up to a limit; the rest is discarded, and the process goes on."""

import asyncio
import os

_READ_BYTES = 1 << 16


async def read_output(descriptor: int, most_bytes: int) -> bytes:
    """To the end. ``descriptor``: does not block, and is closed here, whatever happens."""
    kept = bytearray()
    try:
        while piece := await _piece(descriptor):
            kept += piece[: most_bytes - len(kept)]
    finally:
        os.close(descriptor)
    return bytes(kept)


async def _piece(descriptor: int) -> bytes:
    while True:
        try:
            return os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            await _readable(descriptor)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
