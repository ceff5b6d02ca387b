"""A stage for each codec: frames as a client makes them and as none would, one after the other, cut anywhere.

Each plays about as many frames as it is told to, and returns how often the codec has refused one. What else a codec
raises comes out.
"""

import json
import struct
from collections.abc import Callable, Iterator
from random import Random

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError

from cri_server.streaming.errors import ProtocolViolation, RequestRefused
from cri_server.streaming.http_handshake import HttpHandshake
from cri_server.streaming.spdy import frames
from cri_server.streaming.spdy.connection import Opened, SpdyConnection
from cri_server.streaming.spdy.headers import HeaderWriter
from cri_server.streaming.terminal_sizes import TerminalSizes
from cri_server.streaming.websocket.channels import Channels
from cri_server.streaming.websocket.messages import Closed, MessageConnection, Piece

_FRAMES_OF_A_CONNECTION = 200
_FRAMES_AT_A_TIME = 5
_ONE_IN_HOW_MANY_IS_DAMAGED = 150


def spdy(count: int, random: Random) -> int:
    return _play(count, random, _spdy_frames, _spdy_receiver)


def _spdy_receiver(random: Random) -> Callable[[bytes], None]:
    connection = SpdyConnection()
    ids: list[int] = []

    def receive(data: bytes) -> None:
        for event in connection.receive(data):
            if isinstance(event, Opened):
                ids.append(event.stream_id)
                connection.accept(event.stream_id) if random.random() < 0.9 else connection.reset(event.stream_id)
            if ids and random.random() < 0.1:
                random.choice((connection.end, connection.reset))(random.choice(ids))
        connection.answers()

    return receive


def _spdy_frames(random: Random) -> Iterator[bytes]:
    writer = HeaderWriter()
    last_id = -1
    while True:
        some_id = max(1, last_id - 2 * random.randrange(4))
        match random.randrange(12):
            case 0 | 1 | 2:
                last_id += 2
                headers = {"streamtype": random.choice(("error", "data", "stdin", "stdout")), "port": "80"}
                yield frames.syn_stream(last_id, writer.write(headers), random.random() < 0.05)
            case 3 | 4 | 5 | 6:
                payload = random.randbytes(random.randrange(300))
                yield frames.data_head(some_id, len(payload), random.random() < 0.02) + payload
            case 7:
                yield frames.ping(random.randrange(1 << 32))
            case 8:
                yield frames.rst_stream(some_id, random.randrange(12))
            case 9:
                block = writer.write({"x": "y" * random.randrange(200)})
                yield frames.control(frames.HEADERS, struct.pack(">I", some_id) + block)
            case 10:
                yield frames.control(random.choice((4, 5, 9, 10, 11, 77)), random.randbytes(random.randrange(60)))
            case _:
                yield frames.syn_reply(some_id, writer.write({}))


def websocket(count: int, random: Random) -> int:
    return _play(count, random, _websocket_frames, lambda _: _websocket_receiver())


def _websocket_receiver() -> Callable[[bytes], None]:
    connection = MessageConnection()
    channels = [Channels(False, False), Channels(False, True)]

    def receive(data: bytes) -> None:
        for event in connection.receive(data):
            if not isinstance(event, Closed):
                for codec in channels:
                    codec.decode(event)
        connection.answers()
        connection.pong()

    return receive


def _websocket_frames(random: Random) -> Iterator[bytes]:
    client = Connection(ConnectionType.CLIENT)
    within = False
    while True:
        match random.randrange(10):
            case 0:
                event: Ping | Pong | BytesMessage | TextMessage | CloseConnection = Ping(
                    random.randbytes(random.randrange(126))
                )
            case 1:
                event = Pong(random.randbytes(random.randrange(126)))
            case 2 if random.random() < 0.02:
                event = CloseConnection(1000, "bye")
            case 3 if not within:
                event = TextMessage("0äöü€" * random.randrange(20))
            case _:
                within = random.random() < 0.3
                event = BytesMessage(
                    random.randbytes(random.choice((0, 1, 5, 200, 70000))), message_finished=not within
                )
        try:
            yield bytes(client.send(event))
        except LocalProtocolError:
            yield random.randbytes(9)


def channels(count: int, random: Random) -> int:
    """Messages in pieces."""
    refused = 0
    for _ in range(count // _FRAMES_OF_A_CONNECTION + 1):
        codec = Channels(is_base64=True, has_ends=random.random() < 0.5)
        try:
            for message in _base64_messages(codec, random):
                for piece in _pieces(message, random):
                    codec.decode(piece)
        except ProtocolViolation:
            refused += 1
    return refused


def _base64_messages(codec: Channels, random: Random) -> Iterator[bytes]:
    for _ in range(_FRAMES_OF_A_CONNECTION):
        data = random.randbytes(random.randrange(1, 90))
        for message in codec.encode(random.randrange(6), data):
            raw = message.encode() if isinstance(message, str) else message
            yield _damaged(raw, random)


def _pieces(message: bytes, random: Random) -> Iterator[Piece]:
    parts = list(_cut(message, random, 30)) or [b""]
    for number, part in enumerate(parts):
        yield Piece(part, number == 0, number == len(parts) - 1)


def handshake(count: int, random: Random) -> int:
    """Requests."""
    refused = 0
    for _ in range(count):
        http = HttpHandshake()
        try:
            for part in _cut(_damaged(_request(random), random), random, 200):
                if http.receive(part):
                    break
        except RequestRefused as refusal:
            http.refuse(refusal)
            refused += 1
    return refused


def _request(random: Random) -> bytes:
    method, version = random.choice(("GET", "POST", "HEAD", "BREW")), random.choice(("1.1", "1.1", "1.1", "1.0", "2"))
    headers = [f"{random.choice(_NAMES)}: {random.choice(_VALUES)}" for _ in range(random.randrange(6))]
    lines = [f"{method} /exec/token HTTP/{version}", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode()


_NAMES = ("Connection", "Upgrade", "X-Stream-Protocol-Version", "Content-Length", "Transfer-Encoding", "Host")
_VALUES = ("Upgrade", "SPDY/3.1", "websocket", "0", "7", "chunked", "v5.channel.k8s.io, v4.channel.k8s.io", "", "\x01")


def sizes(count: int, random: Random) -> int:
    """Window sizes."""
    return _play(count, random, _size_texts, lambda _: _size_receiver())


def _size_receiver() -> Callable[[bytes], None]:
    codec = TerminalSizes()

    def receive(data: bytes) -> None:
        for width, height in codec.receive(data):
            assert 0 <= width < 1 << 16 > height >= 0

    return receive


def _size_texts(random: Random) -> Iterator[bytes]:
    while True:
        size = {"Width": random.randrange(70000), "Height": random.randrange(65536)}
        yield json.dumps(size).encode() + random.choice((b"", b"\n"))


def _play(
    count: int,
    random: Random,
    make: Callable[[Random], Iterator[bytes]],
    receiver: Callable[[Random], Callable[[bytes], None]],
) -> int:
    """Frames that came before the one that was refused count; those behind it are never sent."""
    refused = played = 0
    while played < count:
        receive = receiver(random)
        source = make(random)
        try:
            for _ in range(_FRAMES_OF_A_CONNECTION // _FRAMES_AT_A_TIME):
                batch = b"".join(_damaged(next(source), random) for _ in range(_FRAMES_AT_A_TIME))
                for data in _cut(batch, random, len(batch) + 1):
                    receive(data)
                played += _FRAMES_AT_A_TIME
        except ProtocolViolation:
            refused += 1
    return refused


def _damaged(data: bytes, random: Random) -> bytes:
    """Once in a while."""
    if not data or random.randrange(_ONE_IN_HOW_MANY_IS_DAMAGED):
        return data
    place = random.randrange(len(data))
    before, after = data[:place], data[place + 1 :]
    damage = (before, before + random.randbytes(4) + after, before + random.randbytes(1) + after, random.randbytes(9))
    return random.choice(damage)


def _cut(data: bytes, random: Random, most: int) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        size = random.randrange(1, most)
        yield data[place : place + size]
        place += size


CODECS: dict[str, Callable[[int, Random], int]] = {
    "spdy": spdy,
    "websocket": websocket,
    "channels": channels,
    "handshake": handshake,
    "sizes": sizes,
}
