"""Records on disk: JSON behind one line that tells whether it is whole.

    wasmlet-record 1 <kind> <crc32 of the body, 8 hex> <length of the body>\\n
    <body: JSON>

A record is replaced by a rename, so a reader sees the old or the new one. There is no fsync: pods die with the boot,
and a record that a power cut tore is recognised and set aside.
"""

import errno
import os
import zlib
from typing import Any

from sandbox import kernel_files, lean_json
from sandbox.errors import DiskFull, SandboxError

VERSION = 1
MAGIC = b"wasmlet-record"
_WRITTEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class TornRecord(SandboxError):
    """The file is not a whole record of the expected kind."""


def encode(kind: str, fields: dict[str, Any]) -> bytes:
    body = lean_json.write(fields).encode("ascii")
    header = b"%s %d %s %08x %d\n" % (MAGIC, VERSION, kind.encode(), zlib.crc32(body), len(body))
    return header + body


def decode(kind: str, data: bytes, name: str) -> dict[str, Any]:
    """The fields of one record; ``name`` stands for it in errors. Bytes behind the body are ignored."""
    header, newline, rest = data.partition(b"\n")
    words = header.split()
    if not newline or len(words) != 5 or words[0] != MAGIC:
        raise TornRecord(f"{name} is not a record of wasmlet")
    if words[1] != b"%d" % VERSION or words[2] != kind.encode():
        found = f"{words[2].decode(errors='replace')}, version {words[1].decode(errors='replace')}"
        raise TornRecord(f"{name} holds a record of another kind: {found} instead of {kind}, version {VERSION}")
    body = rest[: int(words[4])] if words[4].isdigit() else b""
    if b"%08x" % zlib.crc32(body) != words[3] or not body:
        raise TornRecord(f"{name} is torn: its body does not match its checksum")
    try:
        fields: dict[str, Any] = lean_json.read(body.decode("ascii"))
    except ValueError as error:
        raise TornRecord(f"{name} was not written by wasmlet: {error}") from error
    return fields


def write_record(path: str, kind: str, fields: dict[str, Any]) -> None:
    """Replace the record at ``path`` atomically; it is its owner's alone. Raises DiskFull."""
    fresh = path + ".new"
    try:
        with open(os.open(fresh, _WRITTEN, 0o600), "wb") as file:
            file.write(encode(kind, fields))
        os.rename(fresh, path)
    except OSError as error:
        raise storage_error(path, error) from error


def read_record(path: str, kind: str) -> dict[str, Any]:
    """The fields of the record at ``path``. Raises FileNotFoundError, TornRecord."""
    try:
        data = kernel_files.read(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TornRecord(f"{path} cannot be read: {error.strerror}") from error
    return decode(kind, data, path)


def set_aside(path: str, folder: str) -> str:
    """Move a record (or its folder) that cannot be read out of the way and return where it is now."""
    os.makedirs(folder, 0o700, exist_ok=True)
    for attempt in range(1000):
        aside = os.path.join(folder, f"{os.path.basename(path)}.{attempt}")
        if not os.path.lexists(aside):
            os.rename(path, aside)
            return aside
    raise SandboxError(
        f"{folder} holds 1000 files that were set aside as {os.path.basename(path)}: look at them and remove them"
    )


def storage_error(path: str, error: OSError) -> SandboxError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{path} cannot be written: no space is left on the device; free some and try again")
    return SandboxError(f"{path} cannot be written: {error.strerror}")
