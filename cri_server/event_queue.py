"""Events for any number of listeners, each with a queue of its own.

Who tells an event never waits, and one listener never waits for another: one that does not keep up is dropped, with all
that it has not taken. An event comes serialised, and once for all listeners.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

from cri_server.errors import ListenerTooSlow, ServerError

MOST_EVENTS = 1000
MOST_BYTES = 16 << 20
"""What a listener may leave in its queue."""


class EventQueue:
    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._end: ServerError | None = None

    @property
    def is_heard(self) -> bool:
        """Somebody listens: an event is worth making."""
        return bool(self._listeners)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def tell(self, event: bytes) -> None:
        for listener in list(self._listeners):
            listener.take(event)
            if listener.end is not None:
                self._listeners.discard(listener)

    async def listen(self) -> AsyncGenerator[bytes]:
        """All events from the first ``anext`` on. Raises ListenerTooSlow, and what ``close`` says."""
        if self._end is not None:
            raise self._end
        listener = _Listener()
        self._listeners.add(listener)
        try:
            async for event in listener.events():
                yield event
        finally:
            self._listeners.discard(listener)

    def close(self, end: ServerError) -> None:
        """Listeners get what is in their queues, then ``end``; from now on there are no others."""
        self._end = end
        for listener in self._listeners:
            listener.close(end)


class _Listener:
    def __init__(self) -> None:
        self.end: ServerError | None = None
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._news = asyncio.Event()

    def take(self, event: bytes) -> None:
        self._bytes += len(event)
        self._waiting.append(event)
        self._news.set()
        if len(self._waiting) > MOST_EVENTS or self._bytes > MOST_BYTES:
            self._drop()

    def _drop(self) -> None:
        count = len(self._waiting)
        self._waiting.clear()
        self.close(
            ListenerTooSlow(
                f"container events came faster than this client took them ({count} were waiting): list the pods, and "
                "subscribe again"
            )
        )

    def close(self, end: ServerError) -> None:
        self.end = end
        self._news.set()

    async def events(self) -> AsyncIterator[bytes]:
        while True:
            while self._waiting:
                event = self._waiting.popleft()
                self._bytes -= len(event)
                yield event
            if self.end is not None:
                raise self.end
            self._news.clear()
            await self._news.wait()
