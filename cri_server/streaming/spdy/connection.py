"""The server's side of one connection: which streams there are, and which way each is still open.

                          SYN_STREAM
                              │ Opened
                 refuse       ▼       accept: SYN_REPLY
    forgotten ◀── RST ──── offered ──────────▶ open ──▶ half closed ──▶ forgotten
                                                      here: end         both ways ended,
                                                      there: Ended      or reset by either: Aborted

A client sends on a stream before it hears of its end: what comes for a forgotten stream is nobody's fault, and ignored.
"""

from collections.abc import Iterator
from typing import NamedTuple

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.spdy import frames
from cri_server.streaming.spdy.headers import HeaderReader, HeaderWriter

PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM, CANCEL = 1, 2, 3, 5
"""Statuses of RST_STREAM."""
_OK, _BROKEN = 0, 1
"""Statuses of GOAWAY."""

_MOST_STREAMS = 4096
_LAST_ID = 0x7FFFFFFF


class Opened(NamedTuple):
    """To be accepted or refused, at once: the client opens no other before."""

    stream_id: int
    headers: dict[str, str]


class Received(NamedTuple):
    """``data``: a view of what was received."""

    stream_id: int
    data: memoryview


class Ended(NamedTuple):
    """The client sends no more on it."""

    stream_id: int


class Aborted(NamedTuple):
    """The client neither sends on it nor takes anything more."""

    stream_id: int


class Left(NamedTuple):
    """The client opens no more streams."""


Event = Opened | Received | Ended | Aborted | Left


class _Ways:
    """Which ways a stream is open."""

    __slots__ = ("inward", "outward")

    def __init__(self) -> None:
        self.inward = True
        self.outward = True


class SpdyConnection:
    def __init__(self) -> None:
        self._frames = frames.FrameReader()
        self._header_reader = HeaderReader()
        self._header_writer = HeaderWriter()
        self._streams: dict[int, _Ways] = {}
        self._last_id = 0
        self._last_ping = 0
        self._answers = bytearray()

    def receive(self, data: bytes) -> Iterator[Event]:
        """Raises ProtocolViolation, after which it is of no more use, but for ``goodbye``."""
        for frame in self._frames.receive(data):
            match frame:
                case frames.Data():
                    yield from self._process_data(frame)
                case frames.SynStream():
                    yield from self._process_syn_stream(frame)
                case frames.Headers():
                    self._header_reader.read(frame.block)
                case frames.RstStream():
                    if self._streams.pop(frame.stream_id, None):
                        yield Aborted(frame.stream_id)
                case frames.Ping():
                    self._process_ping(frame)
                case frames.GoAway():
                    yield Left()

    def answers(self) -> bytes:
        """What is to be written because of what was received."""
        answers = bytes(self._answers)
        self._answers.clear()
        return answers

    def _process_data(self, frame: frames.Data) -> Iterator[Event]:
        ways = self._streams.get(frame.stream_id)
        if ways is None:
            if frame.stream_id > self._last_id or not frame.stream_id % 2:
                self._answers += frames.rst_stream(frame.stream_id, INVALID_STREAM)
        elif not ways.inward:
            raise ProtocolViolation(f"stream {frame.stream_id} goes on after its end")
        else:
            if frame.data:
                yield Received(frame.stream_id, frame.data)
            if frame.fin:
                yield from self._end_inward(frame.stream_id)

    def _process_syn_stream(self, frame: frames.SynStream) -> Iterator[Event]:
        headers = self._header_reader.read(frame.block)
        if frame.stream_id <= self._last_id or not frame.stream_id % 2:
            raise ProtocolViolation(f"stream {frame.stream_id} follows stream {self._last_id}: ids are odd, and grow")
        self._last_id = frame.stream_id
        if frame.unidirectional or len(self._streams) >= _MOST_STREAMS:
            self._answers += frames.rst_stream(frame.stream_id, REFUSED_STREAM)
            return
        self._streams[frame.stream_id] = _Ways()
        yield Opened(frame.stream_id, headers)
        if frame.fin:
            yield from self._end_inward(frame.stream_id)

    def _process_ping(self, frame: frames.Ping) -> None:
        """Odd ones are the client's; even ones are the answers to those from here."""
        if frame.ping_id % 2:
            self._answers += frames.ping(frame.ping_id)

    def _end_inward(self, stream_id: int) -> Iterator[Event]:
        """Nothing when it was reset from here because of what came before."""
        if ways := self._streams.get(stream_id):
            ways.inward = False
            self._forget_closed(stream_id, ways)
            yield Ended(stream_id)

    def _forget_closed(self, stream_id: int, ways: _Ways) -> None:
        if not ways.inward and not ways.outward:
            del self._streams[stream_id]

    def accept(self, stream_id: int) -> bytes:
        return frames.syn_reply(stream_id, self._header_writer.write({}))

    def reset(self, stream_id: int, status: int = CANCEL) -> bytes:
        """Nothing when it has ended."""
        return frames.rst_stream(stream_id, status) if self._streams.pop(stream_id, None) else b""

    def can_send(self, stream_id: int) -> bool:
        ways = self._streams.get(stream_id)
        return ways is not None and ways.outward

    def end(self, stream_id: int) -> bytes:
        """Half-close. Nothing when it has ended."""
        ways = self._streams.get(stream_id)
        if ways is None or not ways.outward:
            return b""
        ways.outward = False
        self._forget_closed(stream_id, ways)
        return frames.data_head(stream_id, 0, fin=True)

    def ping(self) -> bytes:
        """One of the server's own: the client answers it, and no other is the wiser."""
        self._last_ping = (self._last_ping + 2) & _LAST_ID
        return frames.ping(self._last_ping)

    def goodbye(self, broken: bool = False) -> bytes:
        """``broken``: because of a ProtocolViolation."""
        return frames.goaway(self._last_id, _BROKEN if broken else _OK)
