"""Blocking work off the event loop, each piece in a thread that ends with it.

A thread that has entered a pod's network namespace is of no use to anyone else, so threads are not shared or kept.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


async def in_own_thread(function: Callable[[], Result]) -> Result:
    """What the function returns or raises. It runs to its end even if the caller is cancelled."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(outcome: "Future[Result]") -> None:
        if future.cancelled():
            return
        if error := outcome.exception():
            future.set_exception(error)
        else:
            future.set_result(outcome.result())

    def run() -> None:
        outcome: Future[Result] = Future()
        try:
            outcome.set_result(function())
        except Exception as error:  # noqa: BLE001 (handed to the caller)
            outcome.set_exception(error)
        loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="network").start()
    return await future
