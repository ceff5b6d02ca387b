"""Figures of the kernel as CRI messages. Field by field: this is several times quicker than by constructors, and a call
may ask for a thousand. No I/O."""

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.usage_sampler import LayerUsage
from sandbox.cgroup.usage import MemoryUsage, Usage
from sandbox.cgroup.usage_files import Pressure, Stall
from sandbox.network.interface_counters import InterfaceCounters


def fill_cpu(message: cri.CpuUsage, usage: Usage, nano_cores: int | None, timestamp: int) -> None:
    message.timestamp = timestamp
    message.usage_core_nano_seconds.value = usage.cpu_ns
    if nano_cores is not None:
        message.usage_nano_cores.value = nano_cores
    if usage.cpu_pressure is not None:
        fill_pressure(message.psi, usage.cpu_pressure)


def fill_memory(message: cri.MemoryUsage, usage: Usage, limit: int | None, timestamp: int) -> None:
    """CRI: what is available is told only if there is a limit. Nothing is filled without a memory controller."""
    memory = usage.memory
    if memory is None:
        return
    message.timestamp = timestamp
    message.working_set_bytes.value = memory.working_set
    message.usage_bytes.value = memory.used
    message.rss_bytes.value = memory.anonymous
    message.page_faults.value = memory.page_faults
    message.major_page_faults.value = memory.major_page_faults
    if limit is not None:
        message.available_bytes.value = max(limit - memory.working_set, 0)
    if usage.memory_pressure is not None:
        fill_pressure(message.psi, usage.memory_pressure)


def fill_swap(message: cri.SwapUsage, memory: MemoryUsage, free_swap: int, timestamp: int) -> None:
    """Nothing where the kernel does not account for swap. Available is what the limit leaves, of what the machine has
    left."""
    if memory.swapped is None:
        return
    message.timestamp = timestamp
    message.swap_usage_bytes.value = memory.swapped
    left = free_swap if memory.swap_limit is None else max(memory.swap_limit - memory.swapped, 0)
    message.swap_available_bytes.value = min(left, free_swap)


def fill_io(message: cri.IoUsage, usage: Usage, timestamp: int) -> None:
    if usage.io_pressure is not None:
        message.timestamp = timestamp
        fill_pressure(message.psi, usage.io_pressure)


def fill_pressure(message: cri.PsiStats, pressure: Pressure) -> None:
    _fill_stall(message.Some, pressure.some)
    _fill_stall(message.Full, pressure.full)


def _fill_stall(message: cri.PsiData, stall: Stall) -> None:
    message.SetInParent()
    message.Total = stall.total_us
    message.Avg10 = stall.avg10
    message.Avg60 = stall.avg60
    message.Avg300 = stall.avg300


def fill_layer(message: cri.FilesystemUsage, layer: LayerUsage, mountpoint: str) -> None:
    message.timestamp = layer.timestamp
    message.fs_id.mountpoint = mountpoint
    message.used_bytes.value = layer.used_bytes
    message.inodes_used.value = layer.inodes_used


def fill_network(message: cri.NetworkUsage, counters: list[InterfaceCounters], timestamp: int) -> None:
    """CRI: the pod's own interface apart, which the kubelet takes for granted."""
    message.timestamp = timestamp
    _fill_interface(message.default_interface, counters[0])
    for each in counters[1:]:
        _fill_interface(message.interfaces.add(), each)


def _fill_interface(message: cri.NetworkInterfaceUsage, counters: InterfaceCounters) -> None:
    message.name = counters.name
    message.rx_bytes.value = counters.rx_bytes
    message.rx_errors.value = counters.rx_errors
    message.tx_bytes.value = counters.tx_bytes
    message.tx_errors.value = counters.tx_errors
