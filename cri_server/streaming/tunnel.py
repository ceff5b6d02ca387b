"""A pipe of the payloads of WebSocket messages. Where a message ends has no meaning."""

import asyncio
from collections.abc import Callable

import structlog

from cri_server.streaming.connection import Connection
from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.transport import Buffer
from cri_server.streaming.websocket.messages import Closed, MessageConnection

log = structlog.get_logger()


class Tunnel:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages = MessageConnection()
        self._receive: Callable[[bytes], None]
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.gone.add_done_callback(lambda _: self._lose())

    def receive_with(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        self._connection.receive_with(self._process)

    def _process(self, data: bytes) -> None:
        if self.gone.done():
            return None
        try:
            for event in self._messages.receive(data):
                if isinstance(event, Closed):
                    self._lose()
                elif event.data and not self.gone.done():
                    self._receive(event.data)
        except ProtocolViolation as error:
            log.debug("a client's WebSocket is not understood", reason=str(error))
            self._connection.write(self._messages.goodbye(broken=True))
            return self._lose()
        return self._connection.write(self._messages.answers())

    def _lose(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    def write(self, *pieces: Buffer) -> None:
        if payload := b"".join(pieces):
            self._connection.write(self._messages.message(payload))

    async def taken(self) -> None:
        await self._connection.taken()

    def hold(self, holder: object) -> None:
        self._connection.hold(holder)

    def release(self, holder: object) -> None:
        self._connection.release(holder)

    @property
    def is_held(self) -> bool:
        return self._connection.is_held

    def show_life(self) -> None:
        self._connection.write(self._messages.pong())

    async def close(self, seconds: float) -> None:
        self._connection.write(self._messages.goodbye())
        await self._connection.close(seconds)
