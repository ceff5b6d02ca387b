"""Streams of WebSocket channels. All are there from the beginning, whether the client uses them or not."""

import asyncio
from collections.abc import Mapping

import structlog

from cri_server.streaming.errors import ClientGone, ProtocolViolation, StreamReset
from cri_server.streaming.transport import PIECE_BYTES, Buffer, Inbox, Intake, Pipe, Stream
from cri_server.streaming.websocket.channels import Channels, Ended, Received
from cri_server.streaming.websocket.messages import Closed, MessageConnection, Piece

_SECONDS_TO_CLOSE = 10.0

log = structlog.get_logger()


class ChannelStream(Stream):
    def __init__(self, carrier: "ChannelCarrier", channel: int, headers: Mapping[str, str], inbox: Inbox) -> None:
        super().__init__(channel, headers, inbox)
        self._carrier = carrier
        self._is_open = True

    async def write(self, data: Buffer) -> None:
        if not self._is_open:
            raise StreamReset("the stream has been reset")
        await self._carrier.write(self.stream_id, data)

    def end(self) -> None:
        """The client learns of it when all have ended."""

    def reset(self) -> None:
        self._is_open = False
        self.inbox.discard()


class ChannelCarrier:
    """``channels``: headers of the stream of each, in the order in which they are opened."""

    def __init__(self, pipe: Pipe, codec: Channels, channels: Mapping[int, Mapping[str, str]]) -> None:
        self._pipe = pipe
        self._messages = MessageConnection()
        self._channels = codec
        intake = Intake(pipe)
        self._streams = {
            channel: ChannelStream(self, channel, headers, Inbox(intake)) for channel, headers in channels.items()
        }
        self._unopened = list(self._streams.values())
        self._turn = asyncio.Lock()  # who writes; in the order of asking
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pipe.gone.add_done_callback(lambda _: self._lose())
        pipe.receive_with(self._receive)

    def _receive(self, data: bytes) -> None:
        if self.gone.done():
            return None
        try:
            for event in self._messages.receive(data):
                self._process(event)
        except ProtocolViolation as error:
            log.debug("a client's WebSocket is not understood", reason=str(error))
            self._pipe.write(self._messages.goodbye(broken=True))
            return self._lose()
        return self._pipe.write(self._messages.answers())

    def _process(self, event: Piece | Closed) -> None:
        if isinstance(event, Closed):
            return self._lose()
        match self._channels.decode(event):
            case Received(channel, data) if channel in self._streams:
                self._streams[channel].inbox.put(data)
            case Ended(channel) if channel in self._streams:
                self._streams[channel].inbox.end()
        return None

    def _lose(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
            for stream in self._streams.values():
                stream.inbox.end(ClientGone("the client has closed its connection"))

    async def next_stream(self) -> ChannelStream | None:
        return self._unopened.pop(0) if self._unopened else None

    def mark(self, channel: int, data: bytes = b"") -> None:
        """The first message of a channel, which tells the client that it is there."""
        message = next(self._channels.encode(channel, data)) if data else self._channels.mark(channel)
        self._pipe.write(self._messages.message(message))

    async def write(self, channel: int, data: Buffer) -> None:
        """Raises ClientGone."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            messages = self._channels.encode(channel, view[start : start + PIECE_BYTES])
            async with self._turn:
                if self.gone.done():
                    raise ClientGone("the client has closed its connection")
                self._pipe.write(*map(self._messages.message, messages))
                await self._pipe.taken()

    def show_life(self) -> None:
        """The client waits for an answer to its pings, and takes any."""
        self._pipe.write(self._messages.pong())

    async def finish(self) -> None:
        self._pipe.write(self._messages.goodbye())
        await self._pipe.close(_SECONDS_TO_CLOSE)
