"""A container's resources in terms of the cgroup that its guest runs in and of the guest's own memory. No I/O."""

from typing import Any

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup.tree import Limits

_NUMBERS = (
    "cpu_period",
    "cpu_quota",
    "cpu_shares",
    "memory_limit_in_bytes",
    "memory_swap_limit_in_bytes",
    "oom_score_adj",
    "cpuset_cpus",
    "cpuset_mems",
)
_LEAST_OVERHEAD, _MOST_OVERHEAD = 2 << 20, 8 << 20
"""Bytes. A guest process begins with one mebibyte; what it copies when it reads and writes takes as much and more."""
_PAGE_TABLES = 256
"""A page of 4 KiB is found by an entry of 8 bytes; twice that."""


def limits_of(resources: cri.LinuxContainerResources) -> Limits:
    return Limits(
        cpu_shares=resources.cpu_shares,
        cpu_quota=resources.cpu_quota,
        cpu_period=resources.cpu_period,
        memory_limit=resources.memory_limit_in_bytes,
        memory_swap=resources.memory_swap_limit_in_bytes,
        cpuset_cpus=resources.cpuset_cpus,
        cpuset_mems=resources.cpuset_mems,
        unified=dict(resources.unified),
        hugepages={limit.page_size: limit.limit for limit in resources.hugepage_limits},
    )


def cgroup_limits(resources: cri.LinuxContainerResources) -> dict[str, Any]:
    """The fields of ``Limits`` that are set."""
    return {name: value for name, value in limits_of(resources)._asdict().items() if value}


def linear_memory(resources: cri.LinuxContainerResources) -> int:
    """Bytes that the guest's memories may grow to, 0 when nothing limits them.

    A little less than the container may have, for the process around them is charged, too: so the guest is refused
    memory before the kernel kills it.
    """
    limit = resources.memory_limit_in_bytes
    overhead = min(max(_LEAST_OVERHEAD, limit // 8), _MOST_OVERHEAD) + limit // _PAGE_TABLES
    return max(1, limit - overhead) if limit > 0 else 0


def merged(stored: cri.LinuxContainerResources, change: cri.LinuxContainerResources) -> cri.LinuxContainerResources:
    """CRI: what a change leaves at zero stays as it is.

    A new memory limit without a new swap limit leaves the container the swap that it had beside its memory.
    """
    result = cri.LinuxContainerResources()
    result.CopyFrom(stored)
    for name in _NUMBERS:
        if value := getattr(change, name):
            setattr(result, name, value)
    if change.memory_limit_in_bytes and not change.memory_swap_limit_in_bytes:
        result.memory_swap_limit_in_bytes = _moved_swap(stored, change.memory_limit_in_bytes)
    result.unified.update(change.unified)
    _merge_hugepages(result, change)
    return result


def _moved_swap(stored: cri.LinuxContainerResources, memory: int) -> int:
    together = stored.memory_swap_limit_in_bytes
    if together <= 0 or stored.memory_limit_in_bytes <= 0:
        return together
    return memory + together - stored.memory_limit_in_bytes if memory > 0 else 0


def _merge_hugepages(result: cri.LinuxContainerResources, change: cri.LinuxContainerResources) -> None:
    sizes = {limit.page_size: limit.limit for limit in (*result.hugepage_limits, *change.hugepage_limits)}
    del result.hugepage_limits[:]
    result.hugepage_limits.extend(cri.HugepageLimit(page_size=size, limit=limit) for size, limit in sizes.items())


def touched(change: cri.LinuxContainerResources, result: cri.LinuxContainerResources) -> Limits:
    """What has to be set again: what ``change`` names, and what the kernel keeps in one with that."""
    limits = limits_of(result)
    named = limits_of(change)
    quota, memory = named.cpu_quota or named.cpu_period, named.memory_limit or named.memory_swap
    return named._replace(
        cpu_quota=limits.cpu_quota if quota else 0,
        cpu_period=limits.cpu_period if quota else 0,
        memory_limit=limits.memory_limit if memory else 0,
        memory_swap=limits.memory_swap if memory else 0,
        unified=limits.unified,  # the last word on files that the fields above are written to as well
    )
