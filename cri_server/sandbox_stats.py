"""PodSandboxStats messages, of sandboxes that are ready: of the pod's own group, which has its containers' below it."""

from collections.abc import Iterable, Iterator

from cri_server import usage_messages, wire
from cri_server.clock import Clock
from cri_server.container_stats import container_stats
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox
from sandbox.cgroup.tree import pod_leaf
from sandbox.cgroup.usage import Usage, memory_limit, read_processes, read_usage
from sandbox.network.interface_counters import InterfaceCounters, read_counters

_LINUX, _CONTAINERS = 2, 5
"""Numbers of the fields ``PodSandboxStats.linux`` and ``LinuxPodSandboxStats.containers``."""


async def read_sandbox_stats(runtime: Runtime, sandboxes: Iterable[Sandbox]) -> list[bytes]:
    """Each as field 1 of a response. Those that have ended meanwhile are left out."""
    running = running_containers(runtime)
    pods = [(sandbox, running.get(sandbox.id, [])) for sandbox in sandboxes]
    return await runtime.usage_reader.read(
        lambda clock: [wire.field(1, body) for body in _sandbox_stats(runtime, pods, clock)]
    )


def running_containers(runtime: Runtime) -> dict[str, list[Container]]:
    """By sandbox id."""
    found: dict[str, list[Container]] = {}
    for container in runtime.containers.all():
        if container.state == cri.CONTAINER_RUNNING:
            found.setdefault(container.record.sandbox_id, []).append(container)
    return found


def _sandbox_stats(runtime: Runtime, pods: Iterable[tuple[Sandbox, list[Container]]], clock: Clock) -> Iterator[bytes]:
    for sandbox, containers in pods:
        usage = read_usage(runtime.cgroup_layout, sandbox.record.cgroup)
        if usage is not None:
            own = _own_figures(runtime, sandbox, containers, usage, clock.now())
            below = [wire.field(_CONTAINERS, body) for body in container_stats(runtime, containers, clock)]
            yield sandbox.attributes_field + wire.field(_LINUX, wire.joined([own, *below]))


def _own_figures(
    runtime: Runtime, sandbox: Sandbox, containers: list[Container], usage: Usage, timestamp: int
) -> bytes:
    message = cri.LinuxPodSandboxStats()
    nano_cores = runtime.usage_sampler.nano_cores(sandbox.id, usage.cpu_ns)
    usage_messages.fill_cpu(message.cpu, usage, nano_cores, timestamp)
    usage_messages.fill_memory(message.memory, usage, _limit(runtime, sandbox, usage), timestamp)
    usage_messages.fill_io(message.io, usage, timestamp)
    message.process.timestamp = timestamp
    message.process.process_count.value = _processes(runtime, sandbox, containers)
    counters = interface_counters(sandbox)
    if counters:
        usage_messages.fill_network(message.network, counters, timestamp)
    return message.SerializeToString()


def interface_counters(sandbox: Sandbox) -> list[InterfaceCounters]:
    """Empty in the host's network, whose traffic is not the pod's. Blocking."""
    if sandbox.record.host_network or sandbox.process is None or not sandbox.ready:
        return []
    return read_counters(sandbox.process.pid)


def _limit(runtime: Runtime, sandbox: Sandbox, usage: Usage) -> int | None:
    """The kubelet limits the group above, which it made for the pod."""
    above = sandbox.record.cgroup.rpartition("/")[0]
    limits = [usage.memory.limit if usage.memory is not None else None]
    if sandbox.config.linux.cgroup_parent:
        limits.append(memory_limit(runtime.cgroup_layout, above))
    return min((limit for limit in limits if limit is not None), default=None)


def _processes(runtime: Runtime, sandbox: Sandbox, containers: list[Container]) -> int:
    groups = [pod_leaf(runtime.cgroup_layout, sandbox.record.cgroup), *(each.cgroup for each in containers)]
    return sum(len(read_processes(runtime.cgroup_layout, group)) for group in groups)
