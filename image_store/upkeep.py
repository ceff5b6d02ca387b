"""What the store does by itself: measure, collect garbage, compile again, write down what was used."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from image_store import garbage
from image_store.catalog import Catalog
from image_store.errors import ImageStoreError
from image_store.parts import Parts
from image_store.programs import Programs
from image_store.usage import Usage, UsageMeter

log = structlog.get_logger()


class Upkeep:
    def __init__(self, parts: Parts, catalog: Catalog, programs: Programs) -> None:
        self._parts = parts
        self._catalog = catalog
        self._programs = programs
        self._meter = UsageMeter(parts.root, parts.trees.folder)
        self._wanted = asyncio.Event()
        self._may_collect = False
        self._collecting = asyncio.Lock()
        """Until all is deleted that was found."""
        self._tasks: list[asyncio.Task[None]] = []
        self.usage: Usage

    async def open(self) -> None:
        self.usage = await self._parts.threads.run(partial(self._meter.measure, trees=False))
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._compile_all())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._quietly(self._write_down)

    def want_collection(self) -> None:
        """Soon, once it was allowed."""
        if self._may_collect:
            self._wanted.set()

    async def collect(self) -> None:
        """Now. From here on it is done whenever something may have become garbage."""
        self._may_collect = True
        async with self._collecting:
            await garbage.collect(self._parts)

    async def _run(self) -> None:
        while True:
            await self._quietly(self._measure)
            await self._quietly(self._write_down)
            if await self._is_wanted():
                await self._quietly(self.collect)

    async def _is_wanted(self) -> bool:
        """Waits until the next measurement."""
        try:
            async with asyncio.timeout(self._parts.settings.usage_seconds):
                await self._wanted.wait()
        except TimeoutError:
            return False
        self._wanted.clear()
        return True

    async def _quietly(self, work: Callable[[], Awaitable[None]]) -> None:
        """A full or broken disk must not end the upkeep that may help."""
        try:
            await work()
        except (ImageStoreError, OSError) as error:
            log.error("the upkeep of images failed", error=str(error))

    async def _measure(self) -> None:
        self.usage = await self._parts.threads.run(self._meter.measure)

    async def _write_down(self) -> None:
        changed = self._programs.take_changed()
        if changed:
            async with self._parts.changing:
                await self._parts.threads.run(partial(self._catalog.put_programs, changed))

    async def _compile_all(self) -> None:
        """Code of another engine is of no use: after an upgrade all programs are compiled again, in good time."""
        for source in self._programs.sources():
            try:
                await self._parts.compiler.ensure(source, str(source.path), in_background=True)
            except ImageStoreError as error:
                log.error("a program cannot be compiled for this engine", program=source.digest, error=str(error))
