"""Layers are decompressed by what they are, whole, and not beyond their limit."""

import gzip
import io

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from image_store.tar_stream import BrokenArchive
from image_store.unpacked import TooLarge, Unpacked
from tests.images import compressed, digest_of


@given(data=st.binary(max_size=5000), compression=st.sampled_from(["", "gzip", "zstd"]), size=st.integers(1, 4096))
def test_the_content_and_its_digest(data: bytes, compression: str, size: int) -> None:
    if not compression and data[:4] in (b"\x1f\x8b", b"\x28\xb5\x2f\xfd"):
        return
    unpacked = Unpacked(io.BytesIO(compressed(data, compression)), 10_000)
    start = unpacked.read(size)
    assert data.startswith(start)
    assert unpacked.diff_id() == digest_of(data)


def test_several_members() -> None:
    halves = gzip.compress(b"one") + gzip.compress(b"two")
    assert Unpacked(io.BytesIO(halves), 10).read(10) == b"onetwo"
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0info"
    frames = skippable + zstandard.compress(b"one") + skippable + zstandard.compress(b"two")
    unpacked = Unpacked(io.BytesIO(frames), 10)
    assert unpacked.diff_id() == digest_of(b"onetwo")


@pytest.mark.parametrize("start", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_what_cannot_be_decompressed(start: bytes) -> None:
    with pytest.raises(BrokenArchive, match="cannot be decompressed"):
        Unpacked(io.BytesIO(start + b"\xff" * 40), 1 << 20).diff_id()


def test_gzip_that_ends_early() -> None:
    data = gzip.compress(bytes(range(256)) * 100)
    with pytest.raises(BrokenArchive, match="cannot be decompressed"):
        Unpacked(io.BytesIO(data[: len(data) // 2]), 1 << 20).diff_id()


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_bomb(compression: str) -> None:
    with pytest.raises(TooLarge):
        Unpacked(io.BytesIO(compressed(bytes(100_000), compression)), 99_999).diff_id()
    Unpacked(io.BytesIO(compressed(bytes(100_000), compression)), 100_000).diff_id()
