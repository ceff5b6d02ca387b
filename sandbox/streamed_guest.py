"""Guests whose streams the server has: one that it has a pod process execute, and one that it watches."""

import asyncio
from typing import Protocol

import structlog

from sandbox import stream_ends
from sandbox.errors import SandboxError
from sandbox.stream_ends import Ends, Streams

_SECONDS_FOR_KILL = 20
"""A killed process that waits for a device may take its time."""

log = structlog.get_logger()


class Asked(Protocol):
    """The pod process, as far as it is asked of one exec or attachment."""

    async def end_exec(self, number: int) -> None: ...

    async def detach(self, number: int, ends_input: bool) -> None: ...

    async def resize(self, container_id: str, width: int, height: int) -> None: ...


class ExecutedGuest:
    """Runs. ``end`` has to be called, also after ``wait``."""

    def __init__(self, pod: Asked, number: int, streams: Streams, ended: "asyncio.Future[int]") -> None:
        self.ends: Ends = streams.ends
        self._pod = pod
        self._number = number
        self._streams = streams
        self._ended = ended

    async def wait(self) -> int:
        """Its exit code, 128 + signal of one that was killed. Raises PodProcessGone."""
        return await asyncio.shield(self._ended)

    def resize(self, width: int, height: int) -> None:
        """Columns and rows of its terminal."""
        if self._streams.terminal >= 0:
            stream_ends.resize(self._streams.terminal, width, height)

    async def end(self) -> None:
        """Kill it, unless it has ended, and return when it is gone. Idempotent."""
        try:
            if not self._ended.done():
                await self._pod.end_exec(self._number)
                await asyncio.wait([self._ended], timeout=_SECONDS_FOR_KILL)
        except SandboxError as error:
            log.debug("an executed guest has gone with its pod process", error=str(error))
        finally:
            self._streams.close_terminal()


class AttachedGuest:
    """A container's guest, watched. ``end`` has to be called, also after ``wait``."""

    def __init__(
        self, pod: Asked, container_id: str, number: int, streams: Streams, ended: "asyncio.Future[int]"
    ) -> None:
        self.ends: Ends = streams.ends
        self._pod = pod
        self._container_id = container_id
        self._number = number
        self._ended = ended
        self._resizing: set[asyncio.Task[None]] = set()

    async def wait(self) -> int:
        """0 when the container has ended, or all that was asked for has. Raises PodProcessGone, and Stalled where the
        attacher takes no output."""
        return await asyncio.shield(self._ended)

    def resize(self, width: int, height: int) -> None:
        """Columns and rows of its terminal."""
        task = asyncio.ensure_future(self._resize(width, height))
        self._resizing.add(task)
        task.add_done_callback(self._resizing.discard)

    async def _resize(self, width: int, height: int) -> None:
        try:
            await self._pod.resize(self._container_id, width, height)
        except SandboxError as error:
            log.debug("a terminal could not be resized", container=self._container_id, error=str(error))

    async def end(self) -> None:
        """Detach. The guest goes on. Idempotent."""
        try:
            if not self._ended.done():
                self._ended.set_result(0)
                await self._pod.detach(self._number, ends_input=self.ends.stdin >= 0)
        except SandboxError as error:
            log.debug("an attacher has lost its pod process", error=str(error))
