"""Header blocks. All blocks of one direction are one zlib stream: whoever skips one cannot read the next.

count, then for each: length, name, length, value        lengths and count of 32 bits; names in lower case;
                                                         several values of a name are joined by NUL
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.spdy.dictionary import DICTIONARY

_MOST_BYTES = 32 << 10
"""Of a block, inflated: a few hundred would do for every client there is."""
_LEAST_BYTES_OF_A_HEADER = 8
_NUMBER = struct.Struct(">I")


class HeaderReader:
    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zdict=DICTIONARY)

    def read(self, block: bytes | memoryview) -> dict[str, str]:
        """Raises ProtocolViolation, after which no other block can be read."""
        try:
            inflated = self._inflater.decompress(block, _MOST_BYTES + 1)
        except zlib.error as error:
            raise ProtocolViolation(f"a header block cannot be inflated: {error}") from error
        if len(inflated) > _MOST_BYTES:
            raise ProtocolViolation(f"a header block has more than {_MOST_BYTES} bytes")
        return _parsed(inflated)


def _parsed(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    fields = _fields(block)
    for name, value in zip(fields, fields, strict=True):
        if not name or name != name.lower() or name in headers:
            raise ProtocolViolation(f"a header is named {name!r}: names are in lower case, and each is there once")
        headers[name] = value
    return headers


def _fields(block: bytes) -> Iterator[str]:
    """Names and values in turn."""
    count, place = _number(block, 0)
    if count > len(block) // _LEAST_BYTES_OF_A_HEADER:
        raise ProtocolViolation(f"a header block of {len(block)} bytes is said to have {count} headers")
    for _ in range(2 * count):
        length, place = _number(block, place)
        if place + length > len(block):
            raise ProtocolViolation("a header block ends within a header")
        yield block[place : place + length].decode("latin-1")
        place += length
    if place != len(block):
        raise ProtocolViolation("a header block goes on after its last header")


def _number(block: bytes, place: int) -> tuple[int, int]:
    """And the place after it."""
    if place + _NUMBER.size > len(block):
        raise ProtocolViolation("a header block ends within a length")
    return _NUMBER.unpack_from(block, place)[0], place + _NUMBER.size


class HeaderWriter:
    def __init__(self) -> None:
        self._deflater = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zdict=DICTIONARY)

    def write(self, headers: Mapping[str, str]) -> bytes:
        fields = (field.encode("latin-1") for header in headers.items() for field in header)
        block = _NUMBER.pack(len(headers)) + b"".join(_NUMBER.pack(len(field)) + field for field in fields)
        return self._deflater.compress(block) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
