"""The CRI log format, without I/O: a stream's bytes in, whole records out.

    <RFC 3339 time, nanoseconds, UTC> <stdout|stderr> <F|P> <content>\\n

``F`` ends a line, ``P`` is a piece of one: every 16,384 bytes of a longer line, and what the stream's end cut off.
Content is bytes, never decoded. One carriage return before the newline is dropped.
"""

import time

PIECE_BYTES = 16384

_SECOND = 1_000_000_000


class LogEncoder:
    """One stream of one container. Holds back an unfinished line, at most one piece and a carriage return."""

    def __init__(self, stream: bytes) -> None:
        """``stream``: ``stdout`` or ``stderr``."""
        self._stream = stream
        self._held = b""
        self._second = -1
        self._clock = b""

    def feed(self, data: bytes, time_ns: int) -> bytes:
        """The records that ``data`` completes, all with the time at which it was read."""
        end = data.rfind(b"\n") + 1
        if not end:
            return self._hold(data, time_ns)
        full = self._prefix(time_ns, b"F")
        lines = self._held + data[:end] if self._held else data[:end]
        self._held = b""
        records = self._encode_lines(lines, full, time_ns)
        return records + self._hold(data[end:], time_ns)

    def finish(self, time_ns: int) -> bytes:
        """The record of what the end of the stream has left without a newline."""
        held, self._held = self._held, b""
        if not held:
            return b""
        pieces = [held[at : at + PIECE_BYTES] for at in range(0, len(held), PIECE_BYTES)]
        return b"".join(self._prefix(time_ns, b"P") + piece + b"\n" for piece in pieces)

    def _encode_lines(self, lines: bytes, full: bytes, time_ns: int) -> bytes:
        """``lines`` ends with a newline. Lines that are all short are encoded by a single replacement."""
        if b"\r\n" in lines:
            lines = lines.replace(b"\r\n", b"\n")
        if _are_short(lines):
            return full + lines[:-1].replace(b"\n", b"\n" + full) + b"\n"
        return b"".join(self._encode_line(line, full, time_ns) for line in lines[:-1].split(b"\n"))

    def _encode_line(self, line: bytes, full: bytes, time_ns: int) -> bytes:
        if len(line) <= PIECE_BYTES:
            return full + line + b"\n"
        partial = self._prefix(time_ns, b"P")
        last = (len(line) - 1) // PIECE_BYTES * PIECE_BYTES
        pieces = [partial + line[at : at + PIECE_BYTES] for at in range(0, last, PIECE_BYTES)]
        return b"\n".join([*pieces, full + line[last:]]) + b"\n"

    def _hold(self, rest: bytes, time_ns: int) -> bytes:
        """Keep an unfinished line; what exceeds a piece, whatever comes next, goes out as pieces."""
        held = self._held + rest
        records = b""
        while len(held) > PIECE_BYTES + 1:
            records += self._prefix(time_ns, b"P") + held[:PIECE_BYTES] + b"\n"
            held = held[PIECE_BYTES:]
        self._held = held
        return records

    def _prefix(self, time_ns: int, tag: bytes) -> bytes:
        second, fraction = divmod(time_ns, _SECOND)
        if second != self._second:
            self._second = second
            self._clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode("ascii")
        return b"%s.%09dZ %s %s " % (self._clock, fraction, self._stream, tag)


def _are_short(lines: bytes) -> bool:
    """Whether no line exceeds a piece. Looks at one newline in each piece, not at every line."""
    start = 0
    while len(lines) - start > PIECE_BYTES + 1:
        start = lines.rfind(b"\n", start, start + PIECE_BYTES + 1) + 1
        if not start:
            return False
    return True
