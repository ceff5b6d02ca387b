"""ContainerStats messages, of containers that run."""

from collections.abc import Iterable, Iterator

from cri_server import usage_messages, wire
from cri_server.clock import Clock
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from sandbox.cgroup.usage import Usage, read_usage
from sandbox.machine_memory import free_swap


async def read_container_stats(runtime: Runtime, containers: Iterable[Container]) -> list[bytes]:
    """Each as field 1 of a response. Those that have ended meanwhile are left out."""
    return await runtime.usage_reader.read(
        lambda clock: [wire.field(1, body) for body in container_stats(runtime, containers, clock)]
    )


def container_stats(runtime: Runtime, containers: Iterable[Container], clock: Clock) -> Iterator[bytes]:
    """Blocking."""
    swap = free_swap()
    for container in containers:
        usage = read_usage(runtime.cgroup_layout, container.cgroup)
        if usage is not None:
            yield container.attributes_field + _body(runtime, container, usage, swap, clock.now())


def _body(runtime: Runtime, container: Container, usage: Usage, swap: int, timestamp: int) -> bytes:
    message = cri.ContainerStats()
    nano_cores = runtime.usage_sampler.nano_cores(container.id, usage.cpu_ns)
    usage_messages.fill_cpu(message.cpu, usage, nano_cores, timestamp)
    usage_messages.fill_io(message.io, usage, timestamp)
    if usage.memory is not None:
        usage_messages.fill_memory(message.memory, usage, usage.memory.limit, timestamp)
        usage_messages.fill_swap(message.swap, usage.memory, swap, timestamp)
    layer = runtime.usage_sampler.layer(container)
    if layer is not None:
        usage_messages.fill_layer(message.writable_layer, layer, runtime.file_system.mountpoint)
    return message.SerializeToString()
