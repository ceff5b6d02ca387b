"""A thread for what calls want to know of the kernel: one request after the other, so that what is told later was read
later, and figures that only grow never shrink."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cri_server.clock import Clock

T = TypeVar("T")


class UsageReader:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="usage")
        self._clock = Clock()

    async def read(self, work: Callable[[Clock], T]) -> T:
        """``work`` is called in the thread, with the clock for its timestamps."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._clock)
