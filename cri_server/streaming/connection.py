"""A client's TCP connection. What it sends goes to whoever receives at the time; who writes waits until it is taken."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from cri_server.streaming.errors import ClientGone
from cri_server.streaming.transport import Buffer

_MOST_UNASKED_BYTES = 1 << 20
"""Of answers to what a client sent (pings, refusals) that it does not take: then it is not read from either."""
_NOBODY_YET = object()
"""Holds a connection until somebody receives."""


class Connection(asyncio.Protocol):
    """``begin`` is called once it is there."""

    def __init__(self, begin: Callable[["Connection"], None]) -> None:
        self._begin = begin
        self._receive: Callable[[bytes], None] = _discard
        self._transport: asyncio.Transport
        self._writable = asyncio.Event()
        self._writable.set()
        self._holders: set[object] = set()
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done when the client has closed it, or it was closed here."""
        self.last_used = self._loop.time()
        """Loop's time at which anything was received, written or taken."""

    # ---- Called by asyncio --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=1, low=0)  # 0 is always exceeded, where TLS is spoken
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.hold(_NOBODY_YET)
        self._begin(self)

    def data_received(self, data: bytes) -> None:
        self.last_used = self._loop.time()
        self._receive(data)
        if self._transport.get_write_buffer_size() > _MOST_UNASKED_BYTES:
            self.hold(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self.last_used = self._loop.time()
        self._writable.set()
        self.release(self)

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        self._receive = _discard
        if not self.gone.done():
            self.gone.set_result(None)
        self._writable.set()

    # ---- Receiving ----------------------------------------------------------------------------------------------

    def receive_with(self, receive: Callable[[bytes], None]) -> None:
        """``receive`` must not raise."""
        if not self.gone.done():
            self._receive = receive
        self.release(_NOBODY_YET)

    def hold(self, holder: object) -> None:
        """Nothing more is received until every holder has released it: the client's TCP has to wait."""
        if not self._holders:
            self._transport.pause_reading()
        self._holders.add(holder)

    def release(self, holder: object) -> None:
        if holder in self._holders:
            self._holders.remove(holder)
            if not self._holders:
                self._transport.resume_reading()

    @property
    def is_held(self) -> bool:
        return bool(self._holders)

    # ---- Writing ------------------------------------------------------------------------------------------------

    def write(self, *pieces: Buffer) -> None:
        """At once, or when the client takes it."""
        self.last_used = self._loop.time()
        if not self.gone.done():
            self._transport.write(b"".join(pieces))  # writelines of Python 3.12.0 to 3.13.1 never says that it is full

    async def taken(self) -> None:
        """Return when the kernel has all that was written. Raises ClientGone."""
        await self._writable.wait()
        if self.gone.done():
            raise ClientGone("the client has closed its connection")

    def show_life(self) -> None:
        """TCP does so for itself."""

    # ---- Ending -------------------------------------------------------------------------------------------------

    async def close(self, seconds: float) -> None:
        """What was written is delivered. The client is waited for ``seconds``: to close with something of its unread
        would take from it what it has not read yet."""
        self._receive = _discard
        for holder in list(self._holders):
            self.release(holder)
        if not self.gone.done():
            self._end_output()
        await asyncio.wait([self.gone], timeout=seconds)
        self.abort()

    def abort(self) -> None:
        """At once. Idempotent."""
        self._transport.abort()

    def _end_output(self) -> None:
        if self._transport.can_write_eof():
            with suppress(OSError):  # the client has reset the connection, and it was not noticed yet
                self._transport.write_eof()
        else:
            self._transport.close()  # TLS says goodbye, and waits for the client's


def _discard(_data: bytes) -> None:
    """Nobody listens any more."""
