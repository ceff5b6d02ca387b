"""What a group uses, of both versions: few files, read by plain system calls, for hundreds of groups in one go."""

import errno
import os
from typing import NamedTuple

from sandbox.cgroup.layout import Layout
from sandbox.cgroup.usage_files import Pressure, keyed, number, pressure

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MOST_BYTES = 16384
"""Several times what the longest of these files has."""

_GONE = (errno.ENOENT, errno.ENODEV)
_WITHOUT_PRESSURE = (errno.ENOENT, errno.EOPNOTSUPP)
"""The kernel is built without it, or started with ``psi=0``."""


class MemoryUsage(NamedTuple):
    """Bytes and counts."""

    used: int
    working_set: int
    """What is used without the file pages that would be given up first (CRI: usage without inactive_file)."""
    anonymous: int
    page_faults: int
    major_page_faults: int
    limit: int | None
    """Of the group itself."""
    swapped: int | None
    """None: the kernel does not account for it."""
    swap_limit: int | None
    """Of swap alone. None: no limit."""


class Usage(NamedTuple):
    cpu_ns: int
    memory: MemoryUsage | None
    """None: no memory controller."""
    cpu_pressure: Pressure | None = None
    memory_pressure: Pressure | None = None
    io_pressure: Pressure | None = None


def read_usage(layout: Layout, path: str) -> Usage | None:
    """Of the group with all below it. None when it is gone.

    A group in which something runs has used some CPU time and some memory, even if the kernel has not yet counted it:
    clients take 0 for the sign of a container that does not run.
    """
    cpu_ns = read_cpu_ns(layout, path)
    if cpu_ns is None:
        return None
    usage = _version_2(layout.mounts[0] + path, cpu_ns) if layout.unified else _version_1(layout, path, cpu_ns)
    if usage.memory is None and read_cpu_ns(layout, path) is None:
        return None  # it went meanwhile
    return usage


def read_cpu_ns(layout: Layout, path: str) -> int | None:
    """CPU time that the group and all below it have used since they were made, in nanoseconds; None: it is gone."""
    if layout.unified:
        text = read_if_there(f"{layout.mounts[0]}{path}/cpu.stat")
        used = None if text is None else keyed(text, b"usage_usec")
        return None if used is None else max(used * 1000, 1)
    text = read_if_there(f"{layout.controllers.get('cpuacct', '')}{path}/cpuacct.usage")
    return None if text is None else max(int(text), 1)


def read_processes(layout: Layout, path: str) -> list[int]:
    """Those in the group itself. Empty when it is gone."""
    text = read_if_there(f"{layout.mounts[0]}{path}/cgroup.procs") if layout.mounts else None
    return [int(pid) for pid in text.split()] if text else []


def memory_limit(layout: Layout, path: str) -> int | None:
    """In bytes, of the group itself; None without one."""
    if layout.unified:
        return _limit(f"{layout.mounts[0]}{path}/memory.max")
    return _limit(f"{layout.controllers.get('memory', '')}{path}/memory.limit_in_bytes")


def _version_1(layout: Layout, path: str, cpu_ns: int) -> Usage:
    folder = layout.controllers.get("memory", "") + path
    used, stat = read_if_there(folder + "/memory.usage_in_bytes"), read_if_there(folder + "/memory.stat")
    if used is None or stat is None:
        return Usage(cpu_ns, None)
    limit = _limit(folder + "/memory.limit_in_bytes")
    together = None if limit is None else _limit(folder + "/memory.memsw.limit_in_bytes")
    memory = MemoryUsage(
        used=int(used),
        working_set=_working_set(int(used), keyed(stat, b"total_inactive_file")),
        anonymous=keyed(stat, b"total_rss") or 0,
        page_faults=keyed(stat, b"total_pgfault") or 0,
        major_page_faults=keyed(stat, b"total_pgmajfault") or 0,
        limit=limit,
        swapped=keyed(stat, b"total_swap"),
        swap_limit=None if limit is None or together is None else together - limit,
    )
    return Usage(cpu_ns, memory)


def _version_2(folder: str, cpu_ns: int) -> Usage:
    return Usage(
        cpu_ns,
        _version_2_memory(folder),
        _pressure(folder + "/cpu.pressure"),
        _pressure(folder + "/memory.pressure"),
        _pressure(folder + "/io.pressure"),
    )


def _version_2_memory(folder: str) -> MemoryUsage | None:
    used, stat = read_if_there(folder + "/memory.current"), read_if_there(folder + "/memory.stat")
    if used is None or stat is None:
        return None
    swapped = read_if_there(folder + "/memory.swap.current")
    return MemoryUsage(
        used=int(used),
        working_set=_working_set(int(used), keyed(stat, b"inactive_file")),
        anonymous=keyed(stat, b"anon") or 0,
        page_faults=keyed(stat, b"pgfault") or 0,
        major_page_faults=keyed(stat, b"pgmajfault") or 0,
        limit=_limit(folder + "/memory.max"),
        swapped=None if swapped is None else int(swapped),
        swap_limit=None if swapped is None else _limit(folder + "/memory.swap.max"),
    )


def _working_set(used: int, inactive_file: int | None) -> int:
    """What lives has a page at least; the kernel counts in batches."""
    return max(used - (inactive_file or 0), _PAGE)


def _limit(path: str) -> int | None:
    text = read_if_there(path)
    return None if text is None else number(text)


def _pressure(path: str) -> Pressure | None:
    try:
        return pressure(_read(path))
    except OSError as error:
        if error.errno in (*_WITHOUT_PRESSURE, *_GONE):
            return None
        raise


def read_if_there(path: str) -> bytes | None:
    """A file of a group; None when it or the group is gone."""
    try:
        return _read(path)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise


def _read(path: str) -> bytes:
    """In a single call: the kernel makes the whole text for the first, if it fits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
