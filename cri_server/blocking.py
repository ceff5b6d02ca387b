"""Blocking work in a thread, in a way that can be undone."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# asyncio's own pool has a handful of threads on a small node: folders being deleted would keep every call waiting.
_THREADS = ThreadPoolExecutor(64, thread_name_prefix="blocking")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like ``asyncio.to_thread``, but a caller that is cancelled goes on only when the thread is done with it.

    So whoever undoes the work afterwards does not race with it.
    """
    context = contextvars.copy_context()
    future = asyncio.get_running_loop().run_in_executor(_THREADS, lambda: context.run(work, *args, **kwargs))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
