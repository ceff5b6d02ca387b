"""Responses assembled from messages that were serialised when the object last changed.

Every CRI response that carries objects has them in field 1, whether it is repeated (lists, streams) or single (status).
A serialised field can be put into a response as it is, so a list of a thousand objects is one join of bytes.
"""

from collections.abc import Iterable, Iterator

from google.protobuf.message import Message

_LENGTH_DELIMITED = [bytes([number << 3 | 2]) for number in range(16)]
_CHUNK_ITEMS = 100
_CHUNK_BYTES = 1 << 20


def field_1(message: Message) -> bytes:
    """The message as field 1 of whatever response it goes into."""
    return field(1, message.SerializeToString())


def field(number: int, body: bytes) -> bytes:
    """A serialised message as field ``number``, below 16, of the message that it goes into."""
    return _LENGTH_DELIMITED[number] + _varint(len(body)) + body


def moved(field: bytes, number: int) -> bytes:
    """A field 1 as field ``number``, below 16."""
    return _LENGTH_DELIMITED[number] + field[1:]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def joined(fields: Iterable[bytes]) -> bytes:
    """One response."""
    return b"".join(fields)


def chunks(fields: Iterable[bytes]) -> Iterator[bytes]:
    """Responses of a stream: at least one item each, at most a hundred or about a mebibyte."""
    chunk: list[bytes] = []
    size = 0
    for field in fields:
        chunk.append(field)
        size += len(field)
        if len(chunk) == _CHUNK_ITEMS or size >= _CHUNK_BYTES:
            yield joined(chunk)
            chunk, size = [], 0
    if chunk:
        yield joined(chunk)
