"""Streams in messages: the first byte of each is the number of its channel or, with base64, the digit of it.

v5: a message of 255 and a channel's number ends that channel
"""

import base64
import binascii
from collections.abc import Iterator
from typing import NamedTuple

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.websocket.messages import Piece

_END = 255
_MOST_BYTES = 32 << 10
"""Of a message: what clients have room for."""


class Received(NamedTuple):
    channel: int
    data: bytes


class Ended(NamedTuple):
    channel: int


class Channels:
    """``is_base64``: in text. ``has_ends``: a channel can be ended."""

    def __init__(self, is_base64: bool, has_ends: bool) -> None:
        self._is_base64 = is_base64
        self._has_ends = has_ends
        self._zero = ord("0") if is_base64 else 0
        self._most_bytes = _MOST_BYTES * 3 // 4 - 3 if is_base64 else _MOST_BYTES - 1
        self._channel: int | None = None  # of the message whose pieces come
        self._undecoded = b""

    def decode(self, piece: Piece) -> Received | Ended | None:
        """None: nothing has come yet. Raises ProtocolViolation."""
        data = piece.data
        if self._channel is None and data:
            self._channel = data[0] - self._zero
            data = data[1:]
        channel = self._channel
        if piece.is_last:
            self._channel = None
        if channel is None:
            return None
        if self._has_ends and channel == _END:
            return Ended(data[0]) if data else None
        return Received(channel, self._decoded(data, piece.is_last) if self._is_base64 else data)

    def _decoded(self, data: bytes, is_last: bool) -> bytes:
        """Four characters are three bytes, and pieces end where they like."""
        data = self._undecoded + data
        whole = len(data) if is_last else len(data) // 4 * 4
        self._undecoded = data[whole:]
        try:
            return binascii.a2b_base64(data[:whole], strict_mode=True)
        except binascii.Error as error:
            raise ProtocolViolation(f"what the client sends is not base64: {error}") from error

    def encode(self, channel: int, data: bytes | memoryview) -> Iterator[bytes | str]:
        """Messages."""
        for start in range(0, len(data), self._most_bytes):
            yield self._message(channel, data[start : start + self._most_bytes])

    def mark(self, channel: int) -> bytes | str:
        """A message without data."""
        return self._message(channel, b"")

    def _message(self, channel: int, data: bytes | memoryview) -> bytes | str:
        if self._is_base64:
            return f"{channel}{base64.b64encode(data).decode('ascii')}"
        return bytes((channel,)) + data
