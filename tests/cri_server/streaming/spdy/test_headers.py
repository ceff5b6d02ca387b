import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri_server.streaming.errors import ProtocolViolation
from cri_server.streaming.spdy.dictionary import DICTIONARY
from cri_server.streaming.spdy.headers import HeaderReader, HeaderWriter

NAMES = st.text(st.characters(codec="ascii", exclude_categories=["Lu", "Cc"]), min_size=1, max_size=20)
VALUES = st.text(st.characters(codec="latin-1"), max_size=50)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=8), max_size=5))
def test_blocks_of_one_connection_come_out_as_they_went_in(blocks: list[dict[str, str]]) -> None:
    writer, reader = HeaderWriter(), HeaderReader()
    assert [reader.read(writer.write(block)) for block in blocks] == blocks


def test_the_first_empty_block_is_what_other_implementations_write() -> None:
    block = HeaderWriter().write({})
    assert zlib.decompressobj(zdict=DICTIONARY).decompress(block) == bytes(4)
    assert block.startswith(bytes.fromhex("78f9e3c6a7c2")), "the dictionary is named"


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_garbage(blocks: list[bytes]) -> None:
    reader = HeaderReader()
    try:
        for block in blocks:
            reader.read(block)
    except ProtocolViolation:
        pass


@given(st.binary(max_size=200))
def test_garbage_that_is_compressed_well(block: bytes) -> None:
    try:
        headers = HeaderReader().read(deflated(block))
    except ProtocolViolation:
        return
    assert all(name == name.lower() for name in headers)


def deflated(block: bytes) -> bytes:
    deflater = zlib.compressobj(zdict=DICTIONARY)
    return deflater.compress(block) + deflater.flush(zlib.Z_SYNC_FLUSH)


def header_block(*fields: bytes, count: int | None = None) -> bytes:
    number = len(fields) // 2 if count is None else count
    return deflated(number.to_bytes(4, "big") + b"".join(len(field).to_bytes(4, "big") + field for field in fields))


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (header_block(b"Port", b"80"), "lower case"),
        (header_block(b"", b"80"), "lower case"),
        (header_block(b"port", b"80", b"port", b"81"), "each is there once"),
        (header_block(b"port", b"80", count=2), "ends within a length"),
        (header_block(b"port", b"80", b"x", b"y", count=1), "goes on after its last header"),
        (header_block(count=1 << 31), "is said to have"),
        (deflated(b"\0\0\0\1\0\0\0\5po\0\0"), "ends within a header"),
        (b"not deflated", "cannot be inflated"),
    ],
)
def test_what_is_no_header_block(block: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolViolation, match=complaint):
        HeaderReader().read(block)


def test_a_bomb_is_not_inflated() -> None:
    bomb = deflated(bytes(16 << 20))
    assert len(bomb) < 20_000
    with pytest.raises(ProtocolViolation, match="more than 32768 bytes"):
        HeaderReader().read(bomb)


def test_a_compressor_that_ends_ends_the_connection() -> None:
    deflater = zlib.compressobj(zdict=DICTIONARY)
    reader = HeaderReader()
    assert reader.read(deflater.compress(bytes(4)) + deflater.flush(zlib.Z_FINISH)) == {}
    with pytest.raises(ProtocolViolation):
        reader.read(deflated(bytes(4)))
