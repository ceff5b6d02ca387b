"""A container's resource limits as the files of a group, in both versions' terms. No I/O."""

import math
from typing import NamedTuple

from sandbox.errors import InvalidSpec, NotSupported

UNLIMITED = -1
_DEFAULT_PERIOD = 100_000
_SHARES_MIN, _SHARES_MAX = 2, 262_144
_WEIGHT_MAX = 10_000


class Limits(NamedTuple):
    """What is 0 or empty is not limited, and left as it is by an update. Fields as in CRI's LinuxContainerResources."""

    cpu_shares: int = 0
    cpu_quota: int = 0
    """Microseconds of CPU time in a period; -1: no limit."""
    cpu_period: int = 0
    """Microseconds."""
    memory_limit: int = 0
    """Bytes; -1: no limit."""
    memory_swap: int = 0
    """Bytes of memory and swap together; -1: no limit. Unset beside a memory limit: no swap."""
    pids_limit: int = 0
    """-1: no limit."""
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    unified: dict[str, str] = {}  # noqa: RUF012 (never written to)
    """Files of version 2 by name."""
    hugepages: dict[str, int] = {}  # noqa: RUF012
    """Bytes by page size (``2MB``)."""


class Write(NamedTuple):
    controller: str
    file: str
    value: str
    optional: bool = False
    """A missing file is no error: the node has nothing the limit could be about."""


def version_1_writes(limits: Limits, memory_first: bool = True) -> list[Write]:
    """In the order they must be made. ``memory_first`` is false where the new memory limit exceeds the present limit of
    memory and swap, which the kernel keeps at least as large. Raises InvalidSpec, NotSupported."""
    if limits.unified:
        name = next(iter(limits.unified))
        raise NotSupported(f"{name} is a setting of cgroup v2 and this node runs v1: remove it or use another node")
    memory = _version_1_memory(limits)
    return [
        *_numbers([("cpu", "cpu.shares", limits.cpu_shares)]),
        *_version_1_quota(limits),
        *(memory if memory_first else reversed(memory)),
        *_common_writes(limits, "limit_in_bytes"),
    ]


def version_2_writes(limits: Limits) -> list[Write]:
    """In the order they must be made. Raises InvalidSpec."""
    return [
        *_numbers([("cpu", "cpu.weight", cpu_weight(limits.cpu_shares))]),
        *_version_2_quota(limits),
        *_version_2_memory(limits),
        *_common_writes(limits, "max"),
        *(_unified_write(file, value) for file, value in limits.unified.items()),
    ]


def cpu_weight(shares: int) -> int:
    """Version 1's shares (2 ... 262144, usually 1024) as version 2's weight (1 ... 10000, usually 100); 0 stays 0.

    The curve through these three points that runc takes since 1.3.2: ten to a parabola of the shares' binary logarithm.
    """
    if shares <= 0:
        return 0
    if shares <= _SHARES_MIN:
        return 1
    if shares >= _SHARES_MAX:
        return _WEIGHT_MAX
    doublings = math.log2(shares)
    return math.ceil(10 ** ((doublings * doublings + 125 * doublings) / 612 - 7 / 34))


def _numbers(wanted: list[tuple[str, str, int]]) -> list[Write]:
    return [Write(controller, file, str(value)) for controller, file, value in wanted if value]


def _version_1_quota(limits: Limits) -> list[Write]:
    """Between a new period and a new quota stands no quota, lest the old one exceed the parent's share meanwhile."""
    pause = UNLIMITED if limits.cpu_quota and limits.cpu_period else 0
    steps = [
        ("cpu.cfs_quota_us", pause),
        ("cpu.cfs_period_us", limits.cpu_period),
        ("cpu.cfs_quota_us", limits.cpu_quota),
    ]
    return _numbers([("cpu", file, value) for file, value in steps])


def _version_2_quota(limits: Limits) -> list[Write]:
    if not limits.cpu_quota and not limits.cpu_period:
        return []
    quota = str(limits.cpu_quota) if limits.cpu_quota > 0 else "max"
    return [Write("cpu", "cpu.max", f"{quota} {limits.cpu_period or _DEFAULT_PERIOD}")]


def _version_1_memory(limits: Limits) -> list[Write]:
    together = limits.memory_swap or limits.memory_limit
    _check_swap(limits)
    writes = _numbers([("memory", "memory.limit_in_bytes", limits.memory_limit)])
    if together:
        writes.append(Write("memory", "memory.memsw.limit_in_bytes", str(together), optional=not _allows_swap(limits)))
    return writes


def _version_2_memory(limits: Limits) -> list[Write]:
    _check_swap(limits)
    writes = []
    if limits.memory_limit:
        writes.append(Write("memory", "memory.max", _or_max(limits.memory_limit)))
    if limits.memory_limit or limits.memory_swap:
        writes.append(Write("memory", "memory.swap.max", _swap_alone(limits), optional=not _allows_swap(limits)))
    return writes


def _swap_alone(limits: Limits) -> str:
    if limits.memory_swap == UNLIMITED or limits.memory_limit == UNLIMITED:
        return "max"
    return str(limits.memory_swap - limits.memory_limit if limits.memory_swap else 0)


def _allows_swap(limits: Limits) -> bool:
    return limits.memory_swap > limits.memory_limit > 0


def _check_swap(limits: Limits) -> None:
    swap, memory = limits.memory_swap, limits.memory_limit
    if swap > 0 and memory <= 0:
        raise InvalidSpec(f"a limit of {swap} bytes of memory and swap needs a memory limit beside it: set both")
    if 0 < swap < memory:
        raise InvalidSpec(f"a limit of {swap} bytes of memory and swap is below the memory limit of {memory}: raise it")


def _common_writes(limits: Limits, hugepage_suffix: str) -> list[Write]:
    pids = [Write("pids", "pids.max", _or_max(limits.pids_limit))] if limits.pids_limit else []
    cpuset = [("cpuset.cpus", limits.cpuset_cpus), ("cpuset.mems", limits.cpuset_mems)]
    hugepages = [
        Write("hugetlb", f"hugetlb.{_name(size)}.{hugepage_suffix}", str(limit), optional=limit == 0)
        for size, limit in limits.hugepages.items()
    ]
    return pids + [Write("cpuset", file, value) for file, value in cpuset if value] + hugepages


def _unified_write(file: str, value: str) -> Write:
    controller = _name(file).partition(".")[0]
    if controller == "cgroup":
        raise InvalidSpec(f"{file} is no limit but a handle of the group itself: remove it from unified")
    return Write(controller, file, value)


def _name(text: str) -> str:
    if not text or "/" in text or "\0" in text:
        raise InvalidSpec(f'"{text}" is no name of a cgroup file or page size: correct it')
    return text


def _or_max(value: int) -> str:
    return "max" if value == UNLIMITED else str(value)
