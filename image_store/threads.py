"""Where the store does what blocks: its own threads, so that a registry that stalls keeps nobody else waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from image_store.registry_connection import Sockets

_MOST = 64

Result = TypeVar("Result")


class Threads:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MOST, thread_name_prefix="images")

    async def run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def run_cuttable(self, sockets: Sockets, work: Callable[[], Result]) -> Result:
        """Cancelled, it cuts the connections that ``work`` waits for, and ends only after ``work`` has: nobody still
        writes where somebody else cleans up."""
        running = asyncio.ensure_future(self.run(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            sockets.cut()
            await asyncio.wait([running])
            raise

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
