"""Reads a tar archive from front to back: ustar, with the extensions of pax and GNU that layers are made with.

The standard library's reader trusts lengths that an archive states of its own headers, and would hold gigabytes of them
in memory; this one is for archives from strangers.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

Kind = Literal["file", "directory", "symlink", "hardlink", "device"]

BLOCK = 512
_LONGEST_EXTENSION = 1 << 20
_LONGEST_PATH = 4095
_PIECE = 1 << 18

_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "device",
    b"4": "device",
    b"5": "directory",
    b"6": "device",
}
_PAX, _PAX_OF_ALL, _GNU_NAME, _GNU_LINK, _GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"
_SPARSE = "GNU.sparse"
_USED = ("path", "linkpath", "size", "uid", "gid", "mtime", _SPARSE)
"""What is read of pax headers. Of the rest an archive may have any number, so none of it is kept."""


class BrokenArchive(Exception):
    """Not a tar archive, or one that nobody should make."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Entry(NamedTuple):
    """Texts keep bytes that are not UTF-8 as surrogates, as paths of the system do."""

    kind: Kind
    """A device is also a named pipe."""
    name: str
    link: str
    """Where a symbolic or hard link points."""
    size: int
    """Of a file's content, which follows."""
    mode: int
    uid: int
    gid: int
    mtime_ns: int


class TarStream:
    """Iterate over its entries; read the content of each, if it is wanted, before going on."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        of_all: dict[str, str] = {}
        extensions: dict[str, str] = {}
        while (header := self._header()) is not None:
            type_ = header[156:157]
            if type_ in (_PAX, _PAX_OF_ALL, _GNU_NAME, _GNU_LINK):
                found = _extensions(type_, self._extension(header))
                (of_all if type_ == _PAX_OF_ALL else extensions).update(found)
                continue
            entry = _entry(header, {**of_all, **extensions})
            extensions = {}
            self._expect(entry.size)
            yield entry
            self._skip()

    def content(self) -> Iterator[bytes]:
        """Of the entry that came last."""
        while self._left:
            piece = self._exactly(min(self._left, _PIECE))
            self._left -= len(piece)
            yield piece

    def _expect(self, size: int) -> None:
        self._left = size
        self._padding = -size % BLOCK

    def _skip(self) -> None:
        for _ in self.content():
            pass
        self._exactly(self._padding)
        self._padding = 0

    def _header(self) -> bytes | None:
        """The next one, None at the end: a block of zeros, or nothing."""
        header = self._up_to(BLOCK)
        if not header or header == bytes(BLOCK):
            return None
        if len(header) < BLOCK:
            raise BrokenArchive("it ends within a header")
        return header

    def _extension(self, header: bytes) -> bytes:
        _check_sum(header)
        size = _number(header[124:136])
        if not 0 <= size <= _LONGEST_EXTENSION:
            raise BrokenArchive(f"a header has an extension of {size} bytes")
        self._expect(size)
        data = b"".join(self.content())
        self._skip()
        return data

    def _exactly(self, size: int) -> bytes:
        data = self._up_to(size)
        if len(data) < size:
            raise BrokenArchive("it ends within a file")
        return data

    def _up_to(self, size: int) -> bytes:
        """Less only at the end."""
        data = self._source.read(size) if size else b""
        while 0 < len(data) < size and (more := self._source.read(size - len(data))):
            data += more
        return data


def _entry(header: bytes, extensions: dict[str, str]) -> Entry:
    _check_sum(header)
    if _SPARSE in extensions or header[156:157] == _GNU_SPARSE:
        raise BrokenArchive("it holds a sparse file in tar's sparse form")
    name = extensions.get("path") or _name(header)
    kind = _KINDS.get(header[156:157])
    if kind is None:
        raise BrokenArchive(f"{name!r} is of unknown type {header[156:157]!r}")
    if kind == "file" and name.endswith("/"):
        kind = "directory"
    size = _extended_number(extensions, "size", header[124:136]) if kind == "file" else 0
    return Entry(
        kind=kind,
        name=_path(name),
        link=_path(extensions.get("linkpath") or _text(header[157:257])),
        size=size,
        mode=_number(header[100:108]) & 0o7777,
        uid=_extended_number(extensions, "uid", header[108:116]),
        gid=_extended_number(extensions, "gid", header[116:124]),
        mtime_ns=_time(extensions, header[136:148]),
    )


def _check_sum(header: bytes) -> None:
    expected = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
    if _number(header[148:156]) != expected:
        raise BrokenArchive("a header does not have its checksum")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    # GNU's own format has other things at the prefix's place.
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _path(path: str) -> str:
    if "\0" in path:
        raise BrokenArchive(f"{path!r} has a zero byte in it")
    if len(path) > _LONGEST_PATH:
        raise BrokenArchive(f"a path has {len(path)} characters")
    return path


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """Octal digits, or, where they do not suffice, a binary number behind a set bit."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip()
    try:
        return int(digits, 8) if digits else 0
    except ValueError as error:
        raise BrokenArchive(f"a header has {digits!r} for a number") from error


def _extended_number(extensions: dict[str, str], name: str, field: bytes) -> int:
    text = extensions.get(name)
    if text is None:
        return _number(field)
    if not (text.isascii() and text.isdecimal()) or len(text) > 20:
        raise BrokenArchive(f"a header has {text[:40]!r} for its {name}")
    return int(text)


def _time(extensions: dict[str, str], field: bytes) -> int:
    """In nanoseconds. Times are not worth refusing an archive for."""
    whole, _, fraction = extensions.get("mtime", "").partition(".")
    if whole.isascii() and whole.isdecimal() and len(whole) < 11:
        return int(whole) * 10**9 + (int(fraction[:9].ljust(9, "0")) if fraction.isdecimal() else 0)
    seconds = _number(field)
    return seconds * 10**9 if 0 <= seconds < 10**10 else 0


def _extensions(type_: bytes, data: bytes) -> dict[str, str]:
    if type_ == _GNU_NAME:
        return {"path": _text(data)}
    if type_ == _GNU_LINK:
        return {"linkpath": _text(data)}
    return {name: value for name, value in _pax_records(data) if name in _USED}


def _pax_records(data: bytes) -> Iterator[tuple[str, str]]:
    """``<length> <name>=<value>\\n``, where the length counts the whole record."""
    start = 0
    while start < len(data):
        digits, space, _ = data[start : start + 20].partition(b" ")
        end = start + int(digits) if space and digits.isdigit() else 0
        first = start + len(digits) + 1
        if not first < end <= len(data):
            raise BrokenArchive("a pax header has a wrong length")
        name, equals, value = data[first:end].removesuffix(b"\n").partition(b"=")
        if not equals:
            raise BrokenArchive("a pax header has no value")
        yield _pax_name(name), value.decode("utf-8", "surrogateescape")
        start = end


def _pax_name(name: bytes) -> str:
    text = name.decode("utf-8", "surrogateescape")
    return _SPARSE if text.startswith(_SPARSE) else text
