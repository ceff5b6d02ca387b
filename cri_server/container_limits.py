"""A container's resources in terms of the cgroup that its guest runs in. No I/O."""

from typing import Any

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup.tree import Limits


def cgroup_limits(resources: cri.LinuxContainerResources) -> dict[str, Any]:
    """The fields of ``Limits`` that are set."""
    limits = Limits(
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
    return {name: value for name, value in limits._asdict().items() if value}
