"""What a session knows of its client: streams, whatever carries them.

Pipe       bytes in both directions: a TCP connection, or a tunnel of WebSocket messages
Carrier    streams over a pipe: SPDY's, or WebSocket's channels
Stream     bytes in both directions, each of which has an end of its own
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from cri_server.streaming.errors import StreamingError

Buffer = bytes | memoryview

PIECE_BYTES = 64 << 10
"""What is read and written at a time."""

_MOST_UNREAD_BYTES = 256 << 10
_MOST_UNREAD_BYTES_OF_ALL = 4 << 20
_OVERHEAD = 200
"""Bytes that Python takes for a piece, about."""


class Pipe(Protocol):
    gone: asyncio.Future[None]
    """Done when the client has closed it, or it was closed here."""

    def receive_with(self, receive: Callable[[bytes], None]) -> None: ...

    def write(self, *pieces: Buffer) -> None:
        """At once, or when the client takes it."""

    async def taken(self) -> None:
        """Return when all that was written can be forgotten. Raises ClientGone."""

    def hold(self, holder: object) -> None:
        """Receive nothing until every holder has released it."""

    def release(self, holder: object) -> None: ...

    @property
    def is_held(self) -> bool: ...

    def show_life(self) -> None:
        """While it is held the client gets no answers: tell it that there is somebody."""

    async def close(self, seconds: float) -> None:
        """Wait so long for the client to close first."""


class Intake:
    """Bounds what has been received on all streams of a pipe and was not read yet: SPDY cannot pause one stream alone,
    so whoever has too much unread makes all wait."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._unread = 0

    def add(self, inbox: "Inbox", size: int) -> None:
        self._unread += size
        if self._unread > _MOST_UNREAD_BYTES_OF_ALL:
            self._pipe.hold(self)
        if inbox.unread > _MOST_UNREAD_BYTES:
            self._pipe.hold(inbox)

    def remove(self, inbox: "Inbox", size: int) -> None:
        self._unread -= size
        if self._unread <= _MOST_UNREAD_BYTES_OF_ALL // 2:
            self._pipe.release(self)
        if inbox.unread <= _MOST_UNREAD_BYTES // 2:
            self._pipe.release(inbox)


class Inbox:
    """What has been received on one stream and was not read yet."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._pieces: deque[Buffer] = deque()
        self._arrived = asyncio.Event()
        self._is_wanted = True
        self._has_ended = False
        self._error: StreamingError | None = None
        self.unread = 0

    def put(self, data: Buffer) -> None:
        if self._is_wanted and not self._has_ended and data:
            self._pieces.append(data)
            self._count(len(data) + _OVERHEAD)
            self._arrived.set()

    def end(self, error: StreamingError | None = None) -> None:
        """Nothing more will come; ``error``: because of that."""
        if not self._has_ended:
            self._has_ended, self._error = True, error
            self._arrived.set()

    async def get(self) -> Buffer:
        """The next piece, b"" at the end. Raises what it was ended with."""
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        data = self._pieces.popleft()
        self._count(-len(data) - _OVERHEAD)
        return data

    def discard(self) -> None:
        """Nobody reads any more: what comes is thrown away."""
        self._is_wanted = False
        self._pieces.clear()
        self._count(-self.unread)

    @property
    def is_in_the_way(self) -> bool:
        """Is so much unread that nothing can be received on other streams either?"""
        return self.unread > _MOST_UNREAD_BYTES // 2

    def _count(self, size: int) -> None:
        self.unread += size
        if size > 0:
            self._intake.add(self, size)
        else:
            self._intake.remove(self, -size)


class Stream(ABC):
    """Read by one task and written by one."""

    def __init__(self, stream_id: int, headers: Mapping[str, str], inbox: Inbox) -> None:
        self.stream_id = stream_id
        self.headers = headers
        self.inbox = inbox

    async def read(self) -> Buffer:
        """The next piece, b"" when the client has ended it. Raises StreamReset, ClientGone."""
        return await self.inbox.get()

    @abstractmethod
    async def write(self, data: Buffer) -> None:
        """Return when ``data`` can be forgotten. Raises StreamReset, ClientGone."""

    @abstractmethod
    def end(self) -> None:
        """Nothing more will be written. Idempotent."""

    @abstractmethod
    def reset(self) -> None:
        """Nothing more will be written or read. Idempotent."""


class Carrier(Protocol):
    gone: asyncio.Future[None]
    """Done when the client has left."""

    async def next_stream(self) -> Stream | None:
        """That the client has opened; None: there will be no other. Raises ClientGone."""

    def show_life(self) -> None:
        """While the pipe is held the client gets no answers: tell it that there is somebody."""

    async def finish(self) -> None:
        """Say goodbye and close."""


Admit = Callable[[Mapping[str, str]], bool]
"""Is a stream with these headers wanted?"""
