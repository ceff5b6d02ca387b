"""What a process writes, kept up to a limit; the rest is discarded, and the process goes on."""

import asyncio
import os

_READ_BYTES = 1 << 16


async def read_output(descriptor: int, most_bytes: int) -> bytes:
    """To the end. ``descriptor``: does not block, and is closed here, whatever happens."""
    kept = bytearray()
    loop = asyncio.get_running_loop()
    end: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, _take, descriptor, kept, most_bytes, end)
        await end
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return bytes(kept)


def _take(descriptor: int, kept: bytearray, most_bytes: int, end: "asyncio.Future[None]") -> None:
    """What is there. A task for each piece would cost more than a short command's whole output."""
    if end.done():
        return
    try:
        piece = os.read(descriptor, _READ_BYTES)
    except BlockingIOError:
        return
    except OSError as error:
        end.set_exception(error)
        return
    kept += piece[: most_bytes - len(kept)]
    if not piece:
        end.set_result(None)
