"""Frames.

    data      0 stream id(31)            flags(8) length(24) payload        flag 1: the stream's last
    control   1 version(15) type(16)     flags(8) length(24) body

A data frame may have 16 MiB: it is handed on in the pieces in which it comes, and never kept.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cri_server.streaming.errors import ProtocolViolation

_VERSION = 3
_FIN = 0x01
_UNIDIRECTIONAL = 0x02
_ID = 0x7FFFFFFF
_CONTROL = 0x80000000
_HEAD = struct.Struct(">II")
_ONE = struct.Struct(">I")
_TWO = struct.Struct(">II")
_MOST_BLOCK_BYTES = 16 << 10
"""Of a compressed header block."""

_SYN_STREAM_BYTES = 10
"""Of its body before the header block: the stream's id, an associated stream's, priority and slot."""

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY, HEADERS = 1, 2, 3, 6, 7, 8

_SIZES = {
    SYN_STREAM: (_SYN_STREAM_BYTES, _SYN_STREAM_BYTES + _MOST_BLOCK_BYTES),
    SYN_REPLY: (4, 4 + _MOST_BLOCK_BYTES),
    RST_STREAM: (8, 8),
    PING: (4, 4),
    GOAWAY: (8, 8),
    HEADERS: (4, 4 + _MOST_BLOCK_BYTES),
}
"""Least and most bytes of a body. Frames of other types (SETTINGS, WINDOW_UPDATE, …) are skipped."""


class Data(NamedTuple):
    """A piece of the payload of a data frame."""

    stream_id: int
    data: memoryview
    fin: bool


class SynStream(NamedTuple):
    stream_id: int
    block: bytes
    fin: bool
    unidirectional: bool


class Headers(NamedTuple):
    """SYN_REPLY or HEADERS: of interest for the compression alone."""

    block: bytes


class RstStream(NamedTuple):
    stream_id: int
    status: int


class Ping(NamedTuple):
    ping_id: int


class GoAway(NamedTuple):
    status: int


Frame = Data | SynStream | Headers | RstStream | Ping | GoAway


class FrameReader:
    def __init__(self) -> None:
        self._buffer = bytearray()  # a head, then the body of a control frame
        self._needed = _HEAD.size
        self._stream_id = 0  # of the data frame whose payload comes; 0: what comes is skipped
        self._fin = False
        self._payload = 0  # bytes of it that have not come yet

    def receive(self, data: bytes) -> Iterator[Frame]:
        """The data of Data are views of what was received. Raises ProtocolViolation: nothing can be received then."""
        received = memoryview(data)
        while received:
            if self._payload:
                piece, received = received[: self._payload], received[self._payload :]
                self._payload -= len(piece)
                if self._stream_id:
                    yield Data(self._stream_id, piece, self._fin and not self._payload)
                continue
            missing = self._needed - len(self._buffer)
            self._buffer += received[:missing]
            received = received[missing:]
            if len(self._buffer) == self._needed:
                yield from self._complete()

    def _complete(self) -> Iterator[Frame]:
        first, second = _HEAD.unpack_from(self._buffer)
        flags, length = second >> 24, second & 0xFFFFFF
        if not first & _CONTROL:
            yield from self._begin_data(first, flags, length)
        elif self._needed == _HEAD.size:
            yield from self._begin_control(first & _ID, flags, length)
        else:
            yield self._finish_control(first & 0xFFFF, flags)

    def _begin_data(self, stream_id: int, flags: int, length: int) -> Iterator[Frame]:
        if not stream_id:
            raise ProtocolViolation("a data frame belongs to stream 0")
        self._stream_id, self._fin, self._payload = stream_id, bool(flags & _FIN), length
        self._buffer.clear()
        if not length:
            yield Data(stream_id, memoryview(b""), self._fin)

    def _begin_control(self, kind: int, flags: int, length: int) -> Iterator[Frame]:
        version, kind = kind >> 16, kind & 0xFFFF
        if version != _VERSION:
            raise ProtocolViolation(f"a frame is of version {version} of SPDY: {_VERSION} is spoken here")
        if kind not in _SIZES:
            self._stream_id, self._payload = 0, length
            self._buffer.clear()
            return
        least, most = _SIZES[kind]
        if not least <= length <= most:
            raise ProtocolViolation(f"a frame of type {kind} has {length} bytes: {least} to {most} are possible")
        self._needed = _HEAD.size + length
        yield from ()

    def _finish_control(self, kind: int, flags: int) -> Frame:
        body = bytes(self._buffer[_HEAD.size :])
        self._buffer.clear()
        self._needed = _HEAD.size
        return _PARSERS[kind](body, flags)


def _parse_syn_stream(body: bytes, flags: int) -> SynStream:
    stream_id = _ONE.unpack_from(body)[0] & _ID
    return SynStream(stream_id, body[_SYN_STREAM_BYTES:], bool(flags & _FIN), bool(flags & _UNIDIRECTIONAL))


def _parse_rst_stream(body: bytes, _flags: int) -> RstStream:
    stream_id, status = _TWO.unpack(body)
    return RstStream(stream_id & _ID, status)


def _parse_headers(body: bytes, _flags: int) -> Headers:
    return Headers(body[_ONE.size :])


_PARSERS: dict[int, Callable[[bytes, int], Frame]] = {
    SYN_STREAM: _parse_syn_stream,
    SYN_REPLY: _parse_headers,
    RST_STREAM: _parse_rst_stream,
    PING: lambda body, _: Ping(_ONE.unpack(body)[0]),
    GOAWAY: lambda body, _: GoAway(_TWO.unpack(body)[1]),
    HEADERS: _parse_headers,
}


def data_head(stream_id: int, length: int, fin: bool = False) -> bytes:
    """Of a data frame; the payload follows."""
    return _HEAD.pack(stream_id, (_FIN if fin else 0) << 24 | length)


def control(kind: int, body: bytes, flags: int = 0) -> bytes:
    return _HEAD.pack(_CONTROL | _VERSION << 16 | kind, flags << 24 | len(body)) + body


def syn_stream(stream_id: int, block: bytes, fin: bool = False) -> bytes:
    return control(SYN_STREAM, _ONE.pack(stream_id) + bytes(6) + block, _FIN if fin else 0)


def syn_reply(stream_id: int, block: bytes) -> bytes:
    return control(SYN_REPLY, _ONE.pack(stream_id) + block)


def rst_stream(stream_id: int, status: int) -> bytes:
    return control(RST_STREAM, _TWO.pack(stream_id, status))


def ping(ping_id: int) -> bytes:
    return control(PING, _ONE.pack(ping_id))


def goaway(last_stream_id: int, status: int) -> bytes:
    return control(GOAWAY, _TWO.pack(last_stream_id, status))
