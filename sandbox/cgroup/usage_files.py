"""What the kernel's files on the usage of a group say. No I/O.

v2: Documentation/admin-guide/cgroup-v2.rst of the kernel; v1: cgroup-v1/memory.rst beside it.
"""

from collections.abc import Iterator
from typing import NamedTuple

_UNLIMITED = 1 << 62
"""v1 says that memory is not limited with the largest number of pages it knows, in bytes: just below 2^63."""


class Stall(NamedTuple):
    """How long work stood still, and which part of the last 10, 60 and 300 seconds."""

    total_us: int
    avg10: float
    """Per cent."""
    avg60: float
    avg300: float


class Pressure(NamedTuple):
    some: Stall
    """Some tasks waited."""
    full: Stall
    """All tasks waited."""


class DeviceTraffic(NamedTuple):
    """Of one block device, since the group was made."""

    major: int
    minor: int
    read_bytes: int = 0
    written_bytes: int = 0
    reads: int = 0
    writes: int = 0


_NO_STALL = Stall(0, 0.0, 0.0, 0.0)


def number(text: bytes) -> int | None:
    """Of a file with a single number. None for no limit, in either version's words."""
    if text.startswith(b"max"):
        return None
    value = int(text)
    return value if value < _UNLIMITED else None


def keyed(text: bytes, key: bytes) -> int | None:
    """One number of a file with a name and a number on each line; None if that line is missing."""
    padded = b"\n" + text
    start = padded.find(b"\n" + key + b" ")
    if start < 0:
        return None
    start += len(key) + 2
    end = padded.find(b"\n", start)
    return int(padded[start:end] if end >= 0 else padded[start:])


def pressure(text: bytes) -> Pressure:
    """Of a ``*.pressure`` file. Kernels before 5.13 do not count ``full`` for the CPU."""
    stalls = {kind: _stall(fields) for kind, fields in _lines(text)}
    return Pressure(stalls.get(b"some", _NO_STALL), stalls.get(b"full", _NO_STALL))


def _lines(text: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    for line in text.splitlines():
        name, *fields = line.split()
        yield name, fields


def _stall(fields: list[bytes]) -> Stall:
    values = dict(field.split(b"=") for field in fields)
    averages = (float(values[name]) for name in (b"avg10", b"avg60", b"avg300"))
    return Stall(int(values[b"total"]), *averages)


def device_traffic(io_stat: bytes) -> list[DeviceTraffic]:
    """Of v2's ``io.stat``. Devices without traffic may be listed by their numbers alone."""
    return [_traffic(device, fields) for device, fields in _lines(io_stat)]


def _traffic(device: bytes, fields: list[bytes]) -> DeviceTraffic:
    major, minor = map(int, device.split(b":"))
    values = dict(field.split(b"=") for field in fields)
    counts = (int(values.get(name, 0)) for name in (b"rbytes", b"wbytes", b"rios", b"wios"))
    return DeviceTraffic(major, minor, *counts)
