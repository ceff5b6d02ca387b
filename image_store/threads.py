"""Where the store does what blocks: its own threads, so that a registry that stalls keeps nobody else waiting."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, TypeVar

from image_store.registry_connection import Sockets

_MOST = 64
_MOST_WAITING = 256

Result = TypeVar("Result")


class Threads:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MOST, thread_name_prefix="images")
        # Apart, because those may all be waiting for registries that stall.
        self._waiting = ThreadPoolExecutor(_MOST_WAITING, thread_name_prefix="registries")

    async def run(self, work: Callable[[], Result]) -> Result:
        return await _run(self._pool, work)

    async def run_cuttable(self, sockets: Sockets, work: Callable[[], Result]) -> Result:
        """Cancelled, it has ``work`` end, and ends only after ``work`` has: nobody still writes where somebody else
        cleans up."""
        return await to_the_end(_run(self._pool, work), sockets.cut)

    async def ask(self, sockets: Sockets, question: Callable[[], Result]) -> Result:
        """The same for what waits for a registry: cancelled, it cuts the connections."""
        return await to_the_end(_run(self._waiting, question), sockets.cut)

    async def run_alone(self, work: Callable[[], Result]) -> Result:
        """By a thread of its own, for what may never come back. It is not waited for when the caller is cancelled."""
        done: Future[Result] = Future()
        done.set_running_or_notify_cancel()  # from here on it cannot be cancelled, only given up
        Thread(target=_settle, args=(done, work), name="images", daemon=True).start()
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        for pool in (self._pool, self._waiting):
            pool.shutdown(wait=False, cancel_futures=True)


def _settle(done: "Future[Result]", work: Callable[[], Result]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        done.set_exception(error)


async def _run(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(pool, work)


async def to_the_end(work: Coroutine[Any, Any, Result], hurry: Callable[[], None] = lambda: None) -> Result:
    """What must not be left half done is waited for also when the caller is cancelled; ``hurry`` is called then."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        hurry()
        await asyncio.wait([task])
        if not task.cancelled():
            # Read, so that asyncio does not report an error that nobody waits for.
            task.exception()
        raise
