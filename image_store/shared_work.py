"""Work that several wait for and that is done once. It is given up when nobody waits any more."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SharedWork(Generic[Key, Result]):
    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Result]] = {}
        self._waiting: dict[asyncio.Task[Result], int] = {}

    async def run(self, key: Key, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the work that is under way for ``key``, or of this one."""
        task = self._tasks.get(key) or self._start(key, work)
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._leave(key, task)

    def _start(self, key: Key, work: Callable[[], Coroutine[Any, Any, Result]]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work())
        self._tasks[key] = task
        self._waiting[task] = 0
        task.add_done_callback(lambda _: self._finish(key, task))
        return task

    def _leave(self, key: Key, task: asyncio.Task[Result]) -> None:
        if task.done():
            return
        self._waiting[task] -= 1
        if self._waiting[task] == 0:
            # Who comes now starts anew instead of waiting for what is being undone.
            self._forget(key, task)
            task.cancel()

    def _finish(self, key: Key, task: asyncio.Task[Result]) -> None:
        self._forget(key, task)
        del self._waiting[task]
        if not task.cancelled():
            # Read, so that asyncio does not report an error that nobody waited for.
            task.exception()

    def _forget(self, key: Key, task: asyncio.Task[Result]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def close(self) -> None:
        """End all of it and wait for the end."""
        tasks = list(self._waiting)
        for task in tasks:
            if not task.cancelling():  # a second time would disturb it in its cleaning up
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
