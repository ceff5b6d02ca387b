"""Streams of SPDY."""

import asyncio
from collections.abc import Mapping

import structlog

from cri_server.streaming.errors import ClientGone, ProtocolViolation, StreamReset
from cri_server.streaming.spdy.connection import (
    REFUSED_STREAM,
    Aborted,
    Ended,
    Event,
    Left,
    Opened,
    Received,
    SpdyConnection,
)
from cri_server.streaming.spdy.frames import data_head
from cri_server.streaming.transport import PIECE_BYTES, Admit, Buffer, Inbox, Intake, Pipe, Stream

_SECONDS_TO_CLOSE = 10.0
_SMALL = 8
"""A piece that is this part of what it came in, or less, is copied: it would keep all of it in memory."""

log = structlog.get_logger()


class SpdyStream(Stream):
    def __init__(self, carrier: "SpdyCarrier", stream_id: int, headers: Mapping[str, str], inbox: Inbox) -> None:
        super().__init__(stream_id, headers, inbox)
        self._carrier = carrier

    async def write(self, data: Buffer) -> None:
        await self._carrier.write(self.stream_id, data)

    def end(self) -> None:
        self._carrier.end(self)

    def reset(self) -> None:
        self._carrier.reset(self)


class SpdyCarrier:
    """``admit``: which streams the client may open."""

    def __init__(self, pipe: Pipe, admit: Admit) -> None:
        self._pipe = pipe
        self._admit = admit
        self._spdy = SpdyConnection()
        self._intake = Intake(pipe)
        self._streams: dict[int, SpdyStream] = {}
        self._opened: asyncio.Queue[SpdyStream | None] = asyncio.Queue()
        self._turn = asyncio.Lock()  # who writes; in the order of asking
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pipe.gone.add_done_callback(lambda _: self._lose())
        pipe.receive_with(self._receive)

    # ---- Receiving ----------------------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        if self.gone.done():
            return None
        try:
            for event in self._spdy.receive(data):
                self._process(event, len(data))
        except ProtocolViolation as error:
            log.debug("a client's SPDY is not understood", reason=str(error))
            self._pipe.write(self._spdy.goodbye(broken=True))
            return self._lose()
        return self._pipe.write(self._spdy.answers())

    def _process(self, event: Event, received: int) -> None:
        match event:
            case Received(stream_id, data):
                if stream := self._streams.get(stream_id):
                    stream.inbox.put(bytes(data) if len(data) * _SMALL <= received else data)
            case Opened(stream_id, headers):
                self._process_opened(stream_id, headers)
            case Ended(stream_id):
                if stream := self._streams.get(stream_id):
                    stream.inbox.end()
            case Aborted(stream_id):
                if stream := self._streams.pop(stream_id, None):
                    stream.inbox.end(StreamReset("the client has given the stream up"))
            case Left():
                self._opened.put_nowait(None)

    def _process_opened(self, stream_id: int, headers: Mapping[str, str]) -> None:
        if not self._admit(headers):
            self._pipe.write(self._spdy.reset(stream_id, REFUSED_STREAM))
            return
        stream = self._streams[stream_id] = SpdyStream(self, stream_id, headers, Inbox(self._intake))
        self._pipe.write(self._spdy.accept(stream_id))
        self._opened.put_nowait(stream)

    def _lose(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
            for stream in self._streams.values():
                stream.inbox.end(ClientGone("the client has closed its connection"))
            self._opened.put_nowait(None)

    async def next_stream(self) -> SpdyStream | None:
        stream = await self._opened.get()
        if stream is None and self.gone.done():
            raise ClientGone("the client has closed its connection")
        return stream

    # ---- Writing ------------------------------------------------------------------------------------------------

    async def write(self, stream_id: int, data: Buffer) -> None:
        """Raises StreamReset, ClientGone."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            piece = view[start : start + PIECE_BYTES]
            async with self._turn:
                self._check(stream_id)
                self._pipe.write(data_head(stream_id, len(piece)), piece)
                await self._pipe.taken()

    def _check(self, stream_id: int) -> None:
        if self.gone.done():
            raise ClientGone("the client has closed its connection")
        if not self._spdy.can_send(stream_id):
            raise StreamReset("the client has given the stream up")

    def end(self, stream: SpdyStream) -> None:
        self._pipe.write(self._spdy.end(stream.stream_id))

    def reset(self, stream: SpdyStream) -> None:
        self._pipe.write(self._spdy.reset(stream.stream_id))
        stream.inbox.discard()
        self._streams.pop(stream.stream_id, None)

    def show_life(self) -> None:
        self._pipe.write(self._spdy.ping())
        self._pipe.show_life()

    # ---- Ending -------------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        self._pipe.write(self._spdy.goodbye())
        await self._pipe.close(_SECONDS_TO_CLOSE)
