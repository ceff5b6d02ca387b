"""What a container may not ask of its group, told when the container is created: its group is made when it starts."""

from sandbox.cgroup.limits import UNLIMITED, Limits, Write
from sandbox.cgroup.tree import Layout, is_there, not_provided, setting, writes_of
from sandbox.errors import InvalidSpec, NotSupported

LEAST_MEMORY = 4 << 20
"""Bytes. A guest process comes to life in less, but hardly any guest does anything in it."""

_LEAST_QUOTA = 1000
_PERIODS = range(1000, 1_000_001)
"""Microseconds, by the kernel's rules."""
_CPUS = ("cpuset.cpus", ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"))
_NODES = ("cpuset.mems", ("cpuset.mems.effective", "cpuset.effective_mems", "cpuset.mems"))


def check_limits(layout: Layout, pod_path: str, limits: Limits) -> None:
    """Whether a container of the pod can have these limits. Raises InvalidSpec, NotSupported."""
    _check_numbers(limits)
    enabled = setting(layout, pod_path, "cgroup", "cgroup.subtree_control").split() if layout.unified else ()
    for write in writes_of(layout, pod_path, limits):
        given = is_there(layout, pod_path, write) and (not layout.unified or write.controller in enabled)
        if not given and not write.optional:
            raise _lacking(pod_path, write)
    for wanted, (name, files) in ((limits.cpuset_cpus, _CPUS), (limits.cpuset_mems, _NODES)):
        if wanted:
            _check_subset(name, wanted, setting(layout, pod_path, "cpuset", *files))


def _check_numbers(limits: Limits) -> None:
    for name in ("cpu_shares", "cpu_period"):
        if getattr(limits, name) < 0:
            raise InvalidSpec(f"{name} of {getattr(limits, name)} is negative: leave it out or set a positive one")
    for name in ("cpu_quota", "memory_limit", "memory_swap", "pids_limit"):
        if getattr(limits, name) < UNLIMITED:
            raise InvalidSpec(f"{name} of {getattr(limits, name)} is below -1, which is no limit: set another")
    if 0 < limits.cpu_quota < _LEAST_QUOTA:
        raise InvalidSpec(f"cpu_quota of {limits.cpu_quota} µs is below the kernel's least of {_LEAST_QUOTA}: raise it")
    if limits.cpu_period and limits.cpu_period not in _PERIODS:
        raise InvalidSpec(f"cpu_period of {limits.cpu_period} µs is not between 1 ms and 1 s: set another")
    if 0 < limits.memory_limit < LEAST_MEMORY:
        raise InvalidSpec(
            f"a memory limit of {limits.memory_limit} bytes leaves a guest no room: give it {LEAST_MEMORY} or more"
        )


def _lacking(pod_path: str, write: Write) -> NotSupported:
    if write.controller == "hugetlb":
        return NotSupported(f"this node has no huge pages for {write.file}: remove that limit or use another node")
    if "sw" in write.file:
        return NotSupported(
            f"this node does not account for swap ({write.file} is missing): remove the swap limit, "
            "or boot with swapaccount=1"
        )
    return not_provided(pod_path, write)


def _check_subset(name: str, wanted: str, available: str) -> None:
    surplus = _numbers(name, wanted) - _numbers(name, available)
    if surplus:
        raise InvalidSpec(f"{name} {wanted} names {min(surplus)}, which the pod does not have: choose from {available}")


def _numbers(name: str, text: str) -> set[int]:
    """Of a list as the kernel writes it: ``0-2,7``."""
    found: set[int] = set()
    for item in text.split(","):
        first, dash, last = item.strip().partition("-")
        if not (first.isascii() and first.isdigit()) or (dash and not (last.isascii() and last.isdigit())):
            raise InvalidSpec(f"{name} {text} is no list of numbers such as 0-2,7: correct it")
        if len(last or first) > 6:
            raise InvalidSpec(f"{name} {text} names more than any machine has: correct it")
        found.update(range(int(first), int(last or first) + 1))
    return found
