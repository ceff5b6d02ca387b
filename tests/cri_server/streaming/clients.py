"""Clients of the streaming server that do what they are told, right or wrong."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from cri_server.streaming.spdy import frames
from cri_server.streaming.spdy.headers import HeaderReader, HeaderWriter

SPDY_HEADERS = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
WEBSOCKET_HEADERS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


class Caller:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        """Head, and the body of a refusal, after which the server has to close."""
        head, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers: dict[str, str] = {}
        for name, value in (line.split(": ", 1) for line in lines if line):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        status = int(head.split()[1])
        return Answer(status, headers, "" if status == 101 else (await self.reader.read()).decode())

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass

    def vanish(self) -> None:
        """As a client that is killed."""
        self.writer.transport.abort()


async def call(url: str, tls: ssl.SSLContext | None = None) -> Caller:
    place = urlsplit(url)
    return Caller(*await asyncio.open_connection(place.hostname, place.port, ssl=tls))


def request(url: str, headers: Mapping[str, str], method: str = "POST") -> bytes:
    place = urlsplit(url)
    target = urlunsplit(("", "", place.path, place.query, ""))
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def asked(url: str, headers: Mapping[str, str], method: str = "POST") -> Answer:
    """What a request is answered."""
    caller = await call(url)
    caller.send(request(url, headers, method))
    answer = await caller.answer()
    await caller.close()
    return answer


class SpdyClient:
    """What came is in ``received``, by stream; ``ended`` and ``refused`` are ids."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.received: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.replied = 0
        self.ended: set[int] = set()
        self.refused: set[int] = set()
        self.pings: list[int] = []
        self.goodbye: int | None = None
        self._headers = HeaderWriter()
        self._reply_headers = HeaderReader()
        self._frames = frames.FrameReader()
        self._last_id = -1

    def open(self, **headers: str) -> int:
        self._last_id += 2
        self.caller.send(frames.syn_stream(self._last_id, self._headers.write(headers)))
        return self._last_id

    def send(self, stream_id: int, data: bytes, fin: bool = False) -> None:
        self.caller.send(frames.data_head(stream_id, len(data), fin) + data)

    async def receive(self) -> bool:
        """Some more; False when the server has closed."""
        data = await self.caller.reader.read(1 << 18)
        for frame in self._frames.receive(data):
            match frame:
                case frames.Data(stream_id, payload, fin):
                    self.received[stream_id] += payload
                    if fin:
                        self.ended.add(stream_id)
                case frames.Headers(block):
                    assert self._reply_headers.read(block) == {}
                    self.replied += 1
                case frames.RstStream(stream_id):
                    self.refused.add(stream_id)
                case frames.Ping(ping_id):
                    self.pings.append(ping_id)
                case frames.GoAway(status):
                    self.goodbye = status
        return bool(data)

    async def receive_all(self) -> None:
        while await self.receive():
            pass
        await self.caller.close()

    async def until_replied(self, count: int) -> None:
        while self.replied < count:
            assert await self.receive()


async def spdy(url: str, protocol: str = "v4.channel.k8s.io") -> SpdyClient:
    caller = await call(url)
    caller.send(request(url, {**SPDY_HEADERS, "X-Stream-Protocol-Version": protocol}))
    answer = await caller.answer()
    assert answer.status == 101, answer
    assert answer.headers["X-Stream-Protocol-Version"] == protocol
    return SpdyClient(caller)


class WebSocketClient:
    """Messages by channel are in ``received``."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.messages: list[bytes | str] = []
        self.pongs: list[bytes] = []
        self.close_code: int | None = None
        self.connection = Connection(ConnectionType.CLIENT)
        self._partial: list[bytes | str] = []

    def send(self, message: bytes | str) -> None:
        event = BytesMessage(message) if isinstance(message, bytes) else TextMessage(message)
        self.caller.send(bytes(self.connection.send(event)))

    def ping(self, payload: bytes) -> None:
        self.caller.send(bytes(self.connection.send(Ping(payload))))

    def goodbye(self) -> None:
        self.caller.send(bytes(self.connection.send(CloseConnection(1000))))

    async def receive(self) -> bool:
        """Some more; False when the server has closed."""
        data = await self.caller.reader.read(1 << 18)
        if not data:
            return False
        self.connection.receive_data(data)
        for event in self.connection.events():
            match event:
                case BytesMessage() | TextMessage():
                    self._add(event)
                case Pong():
                    self.pongs.append(bytes(event.payload))
                case CloseConnection():
                    self.close_code = event.code
                    if self.connection.state is ConnectionState.REMOTE_CLOSING:
                        self.caller.send(bytes(self.connection.send(event.response())))
        return True

    def _add(self, event: "BytesMessage | TextMessage") -> None:
        self._partial.append(event.data if isinstance(event.data, str) else bytes(event.data))
        if event.message_finished:
            empty = self._partial[0][:0]
            self.messages.append(empty.join(self._partial))  # type: ignore[arg-type]
            self._partial.clear()

    async def receive_all(self) -> None:
        while self.close_code is None and await self.receive():
            pass
        await self.caller.close()

    def channel(self, number: int) -> bytes:
        """All that came on it, of a binary protocol."""
        return b"".join(message[1:] for message in self.messages if isinstance(message, bytes) and message[0] == number)


async def websocket(url: str, *protocols: str) -> WebSocketClient:
    caller = await call(url)
    headers = {**WEBSOCKET_HEADERS, **({"Sec-WebSocket-Protocol": ", ".join(protocols)} if protocols else {})}
    caller.send(request(url, headers, "GET"))
    answer = await caller.answer()
    assert answer.status == 101, answer
    assert answer.headers.get("Sec-WebSocket-Protocol") == (protocols[0] if protocols else None)
    return WebSocketClient(caller)
