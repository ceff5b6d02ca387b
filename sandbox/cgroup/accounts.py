"""What the kernel counts for a group beside its usage, for those who draw curves of everything."""

import os
from functools import cache
from typing import NamedTuple

from sandbox.cgroup.layout import Layout
from sandbox.cgroup.usage import read_if_there
from sandbox.cgroup.usage_files import DeviceTraffic, device_traffic, keyed, number

_HUGEPAGES = "/sys/kernel/mm/hugepages"
_UNITS = ((1 << 20, "GB"), (1 << 10, "MB"), (1, "KB"))
"""In kibibytes, as files of groups call them."""
_KERNEL_PARTS = (b"kernel_stack", b"pagetables", b"percpu", b"sock", b"slab")
"""Of which kernels before 5.18 do not tell the sum."""


class HugepageUsage(NamedTuple):
    size: str
    """``2MB``, ``1GB``"""
    used: int
    most_used: int | None
    """v2 does not tell."""


class Accounts(NamedTuple):
    """Counts, bytes and nanoseconds. What there is no controller for is 0 or empty."""

    user_ns: int
    system_ns: int
    periods: int
    """In which a CPU quota applied."""
    throttled_periods: int
    throttled_ns: int
    cached: int
    mapped: int
    active_file: int
    inactive_file: int
    kernel_memory: int
    most_used: int
    """Memory. Kernels before 5.19 do not tell v2's: then what is in use now."""
    limit_hits: int
    """How often the memory limit was met."""
    oom_kills: int
    reserved: int
    """Memory that others do not get if it is in use here."""
    tasks: int
    """Processes and threads."""
    tasks_limit: int
    """0: none."""
    hugepages: tuple[HugepageUsage, ...]
    devices: tuple[DeviceTraffic, ...]


def read_accounts(layout: Layout, path: str) -> Accounts | None:
    """Of the group with all below it. None when it is gone."""
    return _version_2(layout.mounts[0] + path) if layout.unified else _version_1(layout, path)


def _version_2(folder: str) -> Accounts | None:
    cpu = read_if_there(folder + "/cpu.stat")
    if cpu is None:
        return None
    memory, events = _text(folder + "/memory.stat"), _text(folder + "/memory.events")
    return Accounts(
        user_ns=_keyed(cpu, b"user_usec") * 1000,
        system_ns=_keyed(cpu, b"system_usec") * 1000,
        periods=_keyed(cpu, b"nr_periods"),
        throttled_periods=_keyed(cpu, b"nr_throttled"),
        throttled_ns=_keyed(cpu, b"throttled_usec") * 1000,
        cached=_keyed(memory, b"file"),
        mapped=_keyed(memory, b"file_mapped"),
        active_file=_keyed(memory, b"active_file"),
        inactive_file=_keyed(memory, b"inactive_file"),
        kernel_memory=_kernel_memory(memory),
        most_used=_number(folder + "/memory.peak") or _number(folder + "/memory.current"),
        limit_hits=_keyed(events, b"max"),
        oom_kills=_keyed(events, b"oom_kill"),
        reserved=_number(folder + "/memory.low"),
        tasks=_number(folder + "/pids.current"),
        tasks_limit=_number(folder + "/pids.max"),
        hugepages=_hugepages(folder, "current", None),
        devices=tuple(device_traffic(_text(folder + "/io.stat"))),
    )


def _version_1(layout: Layout, path: str) -> Accounts | None:
    cpu, cpuacct, memory, pids, hugetlb = (
        layout.controllers.get(name, "") + path for name in ("cpu", "cpuacct", "memory", "pids", "hugetlb")
    )
    if read_if_there(cpuacct + "/cpuacct.usage") is None:
        return None
    quota, stat = _text(cpu + "/cpu.stat"), _text(memory + "/memory.stat")
    return Accounts(
        user_ns=_number(cpuacct + "/cpuacct.usage_user"),
        system_ns=_number(cpuacct + "/cpuacct.usage_sys"),
        periods=_keyed(quota, b"nr_periods"),
        throttled_periods=_keyed(quota, b"nr_throttled"),
        throttled_ns=_keyed(quota, b"throttled_time"),
        cached=_keyed(stat, b"total_cache"),
        mapped=_keyed(stat, b"total_mapped_file"),
        active_file=_keyed(stat, b"total_active_file"),
        inactive_file=_keyed(stat, b"total_inactive_file"),
        kernel_memory=_number(memory + "/memory.kmem.usage_in_bytes"),
        most_used=_number(memory + "/memory.max_usage_in_bytes"),
        limit_hits=_number(memory + "/memory.failcnt"),
        oom_kills=_keyed(_text(memory + "/memory.oom_control"), b"oom_kill"),
        reserved=_number(memory + "/memory.soft_limit_in_bytes"),
        tasks=_number(pids + "/pids.current"),
        tasks_limit=_number(pids + "/pids.max"),
        hugepages=_hugepages(hugetlb, "usage_in_bytes", "max_usage_in_bytes"),
        devices=(),  # present kernels count for v1's blkio only where something is throttled
    )


def _kernel_memory(stat: bytes) -> int:
    told = keyed(stat, b"kernel")
    return sum(_keyed(stat, part) for part in _KERNEL_PARTS) if told is None else told


def _hugepages(folder: str, used: str, most_used: str | None) -> tuple[HugepageUsage, ...]:
    found = []
    for size in _page_sizes():
        text = read_if_there(f"{folder}/hugetlb.{size}.{used}")
        if text is not None:
            most = None if most_used is None else _number(f"{folder}/hugetlb.{size}.{most_used}")
            found.append(HugepageUsage(size, int(text), most))
    return tuple(found)


@cache
def _page_sizes() -> tuple[str, ...]:
    folders = os.listdir(_HUGEPAGES) if os.path.isdir(_HUGEPAGES) else []
    return tuple(page_size(int(name.removeprefix("hugepages-").removesuffix("kB"))) for name in sorted(folders))


def page_size(kibibytes: int) -> str:
    """As files of groups call it: ``2MB``."""
    unit, name = next(pair for pair in _UNITS if kibibytes >= pair[0])
    return f"{kibibytes // unit}{name}"


def _keyed(text: bytes, key: bytes) -> int:
    return keyed(text, key) or 0


def _number(path: str) -> int:
    text = read_if_there(path)
    return (number(text) or 0) if text else 0


def _text(path: str) -> bytes:
    return read_if_there(path) or b""
