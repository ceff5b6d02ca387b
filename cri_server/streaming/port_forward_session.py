"""Port-forward: for each TCP connection that the client accepts, a pair of streams joined to one into the pod.

    error   what went wrong, as text; ended when nothing can go wrong any more
    data    the connection's bytes

Either way of a connection ends for itself. A client may have many pairs at a time on one connection to here.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from cri_server.errors import ServerError
from cri_server.streaming.descriptors import until_writable
from cri_server.streaming.errors import ClientGone, StreamReset
from cri_server.streaming.target import PortTarget
from cri_server.streaming.tasks import first_of, stop
from cri_server.streaming.transport import PIECE_BYTES, Carrier, Stream
from sandbox.errors import SandboxError

_ROLES = ("error", "data")
_SECONDS_TO_TAKE_SOMETHING = 60.0
_MOST_PAIRS = 1024
"""At a time. A client that gives streams up as fast as it opens them has few open, and yet many that are served."""
_NO_READER = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)

log = structlog.get_logger()


def admit(headers: Mapping[str, str]) -> bool:
    """Is it a stream of a pair?"""
    port = headers.get("port", "")
    is_port = port.isascii() and port.isdecimal() and len(port) <= len("65535") and 0 < int(port) < 1 << 16
    return is_port and headers.get("streamtype") in _ROLES


@dataclass
class _Pair:
    key: str
    streams: dict[str, Stream] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def fail(self, reason: str) -> None:
        """Raises ClientGone."""
        if error := self.streams.get("error"):
            with suppress(StreamReset):
                await error.write(reason.encode())
            error.end()
        if data := self.streams.get("data"):
            data.reset()


class PortForwardSession:
    """``ending``: done, with the reason, when the server ends the stream."""

    def __init__(self, carrier: Carrier, target: PortTarget, ending: asyncio.Future[str]) -> None:
        self._carrier = carrier
        self._target = target
        self._ending = ending
        self._incomplete: dict[str, _Pair] = {}
        self._forwards: dict[asyncio.Task[None], _Pair] = {}
        self._refused = 0

    async def run(self, creation_seconds: float) -> None:
        """Raises ClientGone."""
        accepting = asyncio.create_task(self._accept(creation_seconds))
        try:
            await first_of(accepting, self._ending, self._carrier.gone)
            if self._carrier.gone.done():
                raise ClientGone("the client has closed its connection")
            if accepting.done():
                accepting.result()
        finally:
            pairs = list(self._forwards.values())
            await stop(accepting, *self._forwards)
        for pair in pairs:
            with suppress(ClientGone):
                await pair.fail(self._ending.result())
        await self._carrier.finish()

    async def _accept(self, creation_seconds: float) -> None:
        while (stream := await self._carrier.next_stream()) is not None:
            self._sort_in(stream, creation_seconds)
        while self._forwards:
            await asyncio.wait(self._forwards)

    def _sort_in(self, stream: Stream, creation_seconds: float) -> None:
        key, role = _key(stream), stream.headers["streamtype"]
        if key not in self._incomplete:
            if len(self._forwards) >= _MOST_PAIRS:
                return self._refuse(stream)
            self._begin(key, creation_seconds)
        pair = self._incomplete[key]
        if role in pair.streams:
            return stream.reset()
        pair.streams[role] = stream
        if role == "error":
            stream.inbox.discard()
        if len(pair.streams) == len(_ROLES):
            del self._incomplete[key]
            pair.complete.set()
        return None

    def _refuse(self, stream: Stream) -> None:
        """Raises ClientGone when it does not heed that."""
        stream.reset()
        self._refused += 1
        if self._refused > _MOST_PAIRS:
            raise ClientGone("the client opens streams without end")

    def _begin(self, key: str, creation_seconds: float) -> None:
        pair = self._incomplete[key] = _Pair(key)
        task = asyncio.create_task(self._serve(pair, creation_seconds))
        self._forwards[task] = pair
        task.add_done_callback(self._forwards.pop)

    async def _serve(self, pair: _Pair, creation_seconds: float) -> None:
        with suppress(ClientGone):
            if await self._completed(pair, creation_seconds):
                await self._forward(pair)
            else:
                await pair.fail(f"the client has opened one stream of two within {creation_seconds:g} s")

    async def _completed(self, pair: _Pair, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await pair.complete.wait()
        except TimeoutError:
            if self._incomplete.get(pair.key) is pair:
                del self._incomplete[pair.key]
            return False
        return True

    async def _forward(self, pair: _Pair) -> None:
        port = int(pair.streams["data"].headers["port"])
        try:
            with await self._target.dial(port) as connection:
                await _Forward(connection, pair, lambda: len(self._forwards) > 1).run()
        except StreamReset:
            pair.streams["error"].end()
        except (ServerError, SandboxError, OSError, _Stuck) as error:
            await pair.fail(self._failed(port, str(error)))
        except Exception as error:
            log.exception("port-forward failed unexpectedly", exc_info=error)
            await pair.fail(self._failed(port, "an unexpected failure; the log of wasmlet has the details"))

    def _failed(self, port: int, reason: str) -> str:
        return f"error forwarding port {port} to pod {self._target.sandbox_id}, uid : {reason}"


def _key(stream: Stream) -> str:
    """Of the pair. A client that names no request opens the streams of one after the other."""
    first_id = stream.stream_id - 2 if stream.headers["streamtype"] == "data" else stream.stream_id
    return stream.headers.get("requestid") or f"stream {first_id}"


class _Stuck(Exception):
    pass


class _Forward:
    """``has_others``: are there other pairs on the client's connection?"""

    def __init__(self, connection: socket.socket, pair: _Pair, has_others: Callable[[], bool]) -> None:
        self._connection = connection
        self._data = pair.streams["data"]
        self._error = pair.streams["error"]
        self._has_others = has_others
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Raises StreamReset when the client, OSError when the pod gives the connection up, _Stuck, ClientGone."""
        ways = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
            for way in ways:
                if way.done():
                    way.result()
        finally:
            await stop(*ways)
            self._data.inbox.discard()

    async def _up(self) -> None:
        try:
            while data := await self._data.read():
                await self._hand_over(memoryview(data))
            self._connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno not in _NO_READER:
                raise
            self._data.inbox.discard()  # what the pod still says is worth reading

    async def _hand_over(self, data: memoryview) -> None:
        while data:
            try:
                data = data[self._connection.send(data) :]
            except BlockingIOError:
                await self._until_it_takes_more()

    async def _until_it_takes_more(self) -> None:
        """A pod that takes nothing may take its time, but not that of others: nothing can be received past what it has
        not taken."""
        while True:
            try:
                async with asyncio.timeout(_SECONDS_TO_TAKE_SOMETHING):
                    return await until_writable(self._connection.fileno())
            except TimeoutError:
                if self._data.inbox.is_in_the_way and self._has_others():
                    raise _Stuck(
                        f"the pod has taken nothing for {_SECONDS_TO_TAKE_SOMETHING:g} s, and others waited behind it"
                    ) from None

    async def _down(self) -> None:
        """Once the pod has said all, nothing can go wrong that the client could be told."""
        while data := await self._loop.sock_recv(self._connection, PIECE_BYTES):
            await self._data.write(data)
            await asyncio.sleep(0)  # who always has something to say must not silence all others
        self._data.end()
        self._error.end()
