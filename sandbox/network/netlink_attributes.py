"""The attributes of netlink(7) messages: type, length and value, one behind the other. No I/O.

For what pyroute2 does not know, and where its time counts.
"""

import struct
from collections.abc import Iterator

_NESTED = 0x8000
_TYPE = 0x3FFF
_HEADER = struct.Struct("=HH")


def attribute(kind: int, value: bytes) -> bytes:
    length = _HEADER.size + len(value)
    return _HEADER.pack(length, kind) + value + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(_NESTED | kind, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and values."""
    while len(data) >= _HEADER.size:
        length, kind = _HEADER.unpack_from(data)
        yield kind & _TYPE, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]
