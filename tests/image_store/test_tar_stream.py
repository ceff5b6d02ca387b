"""Archives as tar programs make them are read alike, and no bytes do harm."""

import io
import tarfile
import tracemalloc
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_store.tar_stream import BrokenArchive, Entry, TarStream
from tests.images import tar_of

_NAMES = st.text(alphabet="ab./é", min_size=1, max_size=300).filter(lambda name: not name.endswith("/"))
_TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.FIFOTYPE: "device",
    tarfile.CHRTYPE: "device",
}


class Member(NamedTuple):
    type: bytes
    name: str
    link: str
    mode: int
    uid: int
    mtime: int
    content: bytes


_MEMBERS = st.builds(
    Member,
    type=st.sampled_from(sorted(_TYPES)),
    name=_NAMES,
    link=_NAMES,
    mode=st.integers(0, 0o7777),
    uid=st.sampled_from([0, 1000, 2_097_151, 2_097_152, 2**31]),
    mtime=st.sampled_from([0, 1_700_000_000, 2**33]),
    content=st.binary(max_size=1500),
)


def info_of(member: Member) -> tarfile.TarInfo:
    info = tarfile.TarInfo(member.name)
    info.type, info.mode, info.uid, info.gid, info.mtime = member.type, member.mode, member.uid, 7, member.mtime
    info.linkname = member.link if member.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    info.size = len(member.content) if member.type == tarfile.REGTYPE else 0
    return info


def read(archive: bytes) -> list[tuple[Entry, bytes]]:
    stream = TarStream(io.BytesIO(archive))
    return [(entry, b"".join(stream.content())) for entry in stream]


@pytest.mark.parametrize("format_", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@given(members=st.lists(_MEMBERS, max_size=4))
def test_what_tar_writes_is_read(format_: int, members: list[Member]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_, encoding="utf-8") as archive:
        for member in members:
            archive.addfile(info_of(member), io.BytesIO(member.content))
    found = read(buffer.getvalue())
    assert len(found) == len(members)
    for member, (entry, content) in zip(members, found, strict=True):
        info = info_of(member)
        assert entry.kind == _TYPES[member.type]
        assert (entry.name.rstrip("/"), entry.link) == (member.name, info.linkname)
        assert (entry.mode, entry.uid, entry.gid, entry.size) == (member.mode, member.uid, 7, info.size)
        assert entry.mtime_ns == member.mtime * 10**9
        assert content == (member.content if info.size else b"")


def test_content_that_is_not_read_is_skipped() -> None:
    info = tarfile.TarInfo("a")
    info.size = 1000
    stream = TarStream(io.BytesIO(tar_of([(info, bytes(1000)), (tarfile.TarInfo("b"), b"")])))
    assert [entry.name for entry in stream] == ["a", "b"]


def test_names_that_are_not_utf_8() -> None:
    info = tarfile.TarInfo("caf\udce9")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        archive.addfile(info)
    assert [entry.name for entry, _ in read(buffer.getvalue())] == ["caf\udce9"]


def test_fractions_of_seconds() -> None:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"mtime": "12.0345"}
    assert read(tar_of([(info, b"")]))[0][0].mtime_ns == 12_034_500_000


def pax(records: bytes, type_: bytes = b"x") -> bytes:
    """An archive of one file with such an extension before it."""
    info = tarfile.TarInfo("header")
    info.type, info.size = type_, len(records)
    header = info.tobuf(tarfile.USTAR_FORMAT)
    return header + records + bytes(-len(records) % 512) + tar_of([(tarfile.TarInfo("a"), b"")])


def record(name: str, value: str) -> bytes:
    """Of a pax header."""
    rest = f" {name}={value}\n"
    length = len(rest) + len(str(len(rest) + 2))
    return f"{length}{rest}".encode()


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (b"x" * 512, "for a number"),
        (b"x" * 100, "within a header"),
        (tar_of([(tarfile.TarInfo("a"), b"")])[:100] + b"7" * 8 + bytes(404), "checksum"),
        (pax(b"a 3"), "wrong length"),
        (pax(b"99 a=b\n"), "wrong length"),
        (pax(b"6 abc\n"), "no value"),
        (pax(record("size", "-1")), "'-1' for its size"),
        (pax(record("uid", "1" * 30)), "for its uid"),
        (pax(record("path", "a\0b")), "zero byte"),
        (pax(record("GNU.sparse.major", "1")), "sparse"),
        (pax(b"x" * 5000, b"L"), "path has 5000 characters"),
        (pax(b"", b"S"), "sparse"),
        (pax(b"", b"?"), "unknown type"),
    ],
)
def test_broken_archives(archive: bytes, said: str) -> None:
    with pytest.raises(BrokenArchive, match=said):
        read(archive)


def test_extensions_are_for_the_next_entry_or_for_all() -> None:
    last = tar_of([(tarfile.TarInfo("last"), b"")])
    found = read(pax(record("uid", "7"), b"g")[:1536] + pax(record("path", "other"))[:1536] + last)
    assert [(entry.name, entry.uid) for entry, _ in found] == [("a", 7), ("other", 7), ("last", 7)]


def test_an_extension_that_would_fill_the_memory() -> None:
    info = tarfile.TarInfo("header")
    info.type, info.size = b"x", 1 << 40
    with pytest.raises(BrokenArchive, match="an extension of 1099511627776 bytes"):
        read(info.tobuf(tarfile.GNU_FORMAT))


@pytest.mark.parametrize("type_", [b"x", b"g"])
def test_extensions_that_would_fill_the_memory_together(type_: bytes) -> None:
    headers = (pax(record(f"comment{number}", "x" * 900_000), type_)[:-10240] for number in range(20))
    sparse = (pax(record(f"GNU.sparse.{number}", "x" * 900_000), b"g")[:-10240] for number in range(20))
    archive = io.BytesIO(b"".join([*headers, *sparse]))
    tracemalloc.start()
    try:
        assert list(TarStream(archive)) == []
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_an_extension_of_many_records() -> None:
    records = b"5 a=\n" * 150_000 + record("path", "found")
    assert [entry.name for entry, _ in read(pax(records))] == ["found"]


def test_an_archive_that_ends_within_a_file() -> None:
    info = tarfile.TarInfo("a")
    info.size = 1000
    with pytest.raises(BrokenArchive, match="it ends within a file"):
        read(info.tobuf() + bytes(700))


@given(st.binary(max_size=3000), st.integers(0, 511), st.integers(0, 255))
def test_no_bytes_do_harm(noise: bytes, place: int, value: int) -> None:
    archive = bytearray(pax(b"11 path=abc\n") + noise)
    archive[place] = value
    try:
        for entry, content in read(bytes(archive)):
            assert len(content) == entry.size
    except BrokenArchive:
        pass
