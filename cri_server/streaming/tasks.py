"""Waiting for whichever comes first, and ending what is no longer needed."""

import asyncio
from typing import Any


async def first_of(*awaited: "asyncio.Future[Any]") -> None:
    """Return when one of them is done. What it came to is not looked at."""
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)


async def stop(*tasks: "asyncio.Task[Any]") -> None:
    """Return when all have ended. What they came to is of no interest any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
