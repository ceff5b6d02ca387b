"""The metrics of containers and pods: their names, labels, and how each follows from the figures. No I/O.

Names, labels and units are those of cAdvisor, which the kubelet asks otherwise, so that rules and dashboards go on as
they are. CRI carries whole numbers: seconds are told without their fractions.
"""

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.usage_sampler import LayerUsage
from sandbox.block_device import device_path
from sandbox.cgroup.accounts import Accounts
from sandbox.cgroup.usage import MemoryUsage, Usage
from sandbox.cgroup.usage_files import DeviceTraffic, Pressure
from sandbox.network.interface_counters import InterfaceCounters
from sandbox.process_files import OpenFiles

BASE_LABELS = ("id", "name", "image", "namespace", "pod", "container")
"""Of every metric, and first: path of the control group, id of the container or sandbox, the container's image; for
those of a pod, the last and the image are empty."""

DEFAULT_SHARES = 1024
DEFAULT_PERIOD_US = 100_000
_SECOND_NS = 1_000_000_000
_SECOND_US = 1_000_000


class ContainerFigures(NamedTuple):
    """All that is known of a container that runs."""

    usage: Usage
    accounts: Accounts
    processes: int
    files: OpenFiles
    files_limit: int | None
    resources: cri.LinuxContainerResources
    started_at: int
    """Nanoseconds since the epoch."""
    timestamp: int
    device: str
    """Of the file system with the writable layer."""
    disk: os.statvfs_result
    layer: LayerUsage | None


Value = tuple[tuple[str, ...], int]
"""Values of the labels that a metric has beside the base ones, and its own."""


class ContainerMetric(NamedTuple):
    name: str
    kind: cri.MetricType
    help: str
    values: Callable[[ContainerFigures], Iterable[Value]]
    labels: tuple[str, ...] = ()


class InterfaceMetric(NamedTuple):
    name: str
    help: str
    value: Callable[[InterfaceCounters], int]
    kind: cri.MetricType = cri.COUNTER
    labels: tuple[str, ...] = ("interface",)


def _one(value: Callable[[ContainerFigures], int]) -> Callable[[ContainerFigures], Iterable[Value]]:
    return lambda figures: [((), value(figures))]


def _memory(value: Callable[[MemoryUsage], int]) -> Callable[[ContainerFigures], Iterable[Value]]:
    return lambda figures: [((), value(figures.usage.memory))] if figures.usage.memory is not None else []


def _account(value: Callable[[Accounts], int]) -> Callable[[ContainerFigures], Iterable[Value]]:
    return lambda figures: [((), value(figures.accounts))]


def _disk(value: Callable[[os.statvfs_result], int]) -> Callable[[ContainerFigures], Iterable[Value]]:
    return lambda figures: [((figures.device,), value(figures.disk))]


def _spec(value: Callable[[cri.LinuxContainerResources], int]) -> Callable[[ContainerFigures], Iterable[Value]]:
    return lambda figures: [((), value(figures.resources))]


def _traffic(value: Callable[[DeviceTraffic], int]) -> Callable[[ContainerFigures], Iterable[Value]]:
    return lambda figures: [((_device(each),), value(each)) for each in figures.accounts.devices]


def _device(traffic: DeviceTraffic) -> str:
    """One without a name by its numbers: Prometheus refuses two samples of one series, and all others with them."""
    return device_path(traffic.major, traffic.minor) or f"{traffic.major}:{traffic.minor}"


def _stalled(pressure: Callable[[Usage], Pressure | None], full: bool) -> Callable[[ContainerFigures], Iterable[Value]]:
    def values(figures: ContainerFigures) -> Iterable[Value]:
        told = pressure(figures.usage)
        return [] if told is None else [((), (told.full if full else told.some).total_us // _SECOND_US)]

    return values


def _layer_bytes(figures: ContainerFigures) -> Iterable[Value]:
    return [((figures.device,), figures.layer.used_bytes)] if figures.layer is not None else []


def _faults(figures: ContainerFigures) -> Iterable[Value]:
    """A container's group has none below it: of both scopes the numbers are the same."""
    memory = figures.usage.memory
    if memory is None:
        return []
    counts = (("pgfault", memory.page_faults), ("pgmajfault", memory.major_page_faults))
    return [((kind, scope), count) for scope in ("container", "hierarchy") for kind, count in counts]


def _blkio(figures: ContainerFigures) -> Iterable[Value]:
    return [
        ((_device(each), str(each.major), str(each.minor), operation), count)
        for each in figures.accounts.devices
        for operation, count in (("Read", each.read_bytes), ("Write", each.written_bytes))
    ]


def _hugepages(figures: ContainerFigures) -> Iterable[Value]:
    return [((each.size,), each.used) for each in figures.accounts.hugepages]


def _most_hugepages(figures: ContainerFigures) -> Iterable[Value]:
    pages = figures.accounts.hugepages
    return [((each.size,), each.most_used) for each in pages if each.most_used is not None]


def _quota(figures: ContainerFigures) -> Iterable[Value]:
    quota = figures.resources.cpu_quota
    return [((), quota)] if quota > 0 else []


def _swap_limit(resources: cri.LinuxContainerResources) -> int:
    """Of memory and swap together; beside a memory limit alone there is no swap."""
    return max(resources.memory_swap_limit_in_bytes or resources.memory_limit_in_bytes, 0)


def _open_files_limit(figures: ContainerFigures) -> Iterable[Value]:
    return [(("max_open_files",), figures.files_limit)] if figures.files_limit is not None else []


_C, _G = cri.COUNTER, cri.GAUGE

CONTAINER_METRICS = (
    ContainerMetric(
        "container_cpu_usage_seconds_total",
        _C,
        "CPU time used, in whole seconds.",
        lambda figures: [(("total",), figures.usage.cpu_ns // _SECOND_NS)],
        ("cpu",),
    ),
    ContainerMetric(
        "container_cpu_user_seconds_total",
        _C,
        "CPU time used outside the kernel, in whole seconds.",
        _account(lambda accounts: accounts.user_ns // _SECOND_NS),
    ),
    ContainerMetric(
        "container_cpu_system_seconds_total",
        _C,
        "CPU time used in the kernel, in whole seconds.",
        _account(lambda accounts: accounts.system_ns // _SECOND_NS),
    ),
    ContainerMetric(
        "container_cpu_cfs_periods_total",
        _C,
        "Periods in which a CPU quota applied.",
        _account(lambda accounts: accounts.periods),
    ),
    ContainerMetric(
        "container_cpu_cfs_throttled_periods_total",
        _C,
        "Periods in which the CPU quota was used up.",
        _account(lambda accounts: accounts.throttled_periods),
    ),
    ContainerMetric(
        "container_cpu_cfs_throttled_seconds_total",
        _C,
        "Time spent waiting for the next period of the CPU quota, in whole seconds.",
        _account(lambda accounts: accounts.throttled_ns // _SECOND_NS),
    ),
    ContainerMetric(
        "container_memory_usage_bytes", _G, "Memory in use, with caches.", _memory(lambda memory: memory.used)
    ),
    ContainerMetric(
        "container_memory_working_set_bytes",
        _G,
        "Memory in use, without file pages that would be given up first.",
        _memory(lambda memory: memory.working_set),
    ),
    ContainerMetric(
        "container_memory_rss", _G, "Anonymous memory, in bytes.", _memory(lambda memory: memory.anonymous)
    ),
    ContainerMetric("container_memory_swap", _G, "Swap in use, in bytes.", _memory(lambda memory: memory.swapped or 0)),
    ContainerMetric("container_memory_cache", _G, "Page cache, in bytes.", _account(lambda accounts: accounts.cached)),
    ContainerMetric(
        "container_memory_mapped_file", _G, "Mapped files, in bytes.", _account(lambda accounts: accounts.mapped)
    ),
    ContainerMetric(
        "container_memory_total_active_file_bytes",
        _G,
        "File pages used lately.",
        _account(lambda accounts: accounts.active_file),
    ),
    ContainerMetric(
        "container_memory_total_inactive_file_bytes",
        _G,
        "File pages not used lately.",
        _account(lambda accounts: accounts.inactive_file),
    ),
    ContainerMetric(
        "container_memory_kernel_usage",
        _G,
        "Memory that the kernel uses on behalf of the container, in bytes.",
        _account(lambda accounts: accounts.kernel_memory),
    ),
    ContainerMetric(
        "container_memory_max_usage_bytes",
        _G,
        "Most memory that was in use at once.",
        _account(lambda accounts: accounts.most_used),
    ),
    ContainerMetric(
        "container_memory_failcnt",
        _C,
        "How often the memory limit was met.",
        _account(lambda accounts: accounts.limit_hits),
    ),
    ContainerMetric("container_memory_failures_total", _C, "Page faults, by kind.", _faults, ("failure_type", "scope")),
    ContainerMetric(
        "container_oom_events_total",
        _C,
        "Processes killed for want of memory.",
        _account(lambda accounts: accounts.oom_kills),
    ),
    ContainerMetric("container_hugetlb_usage_bytes", _G, "Huge pages in use, in bytes.", _hugepages, ("pagesize",)),
    ContainerMetric(
        "container_hugetlb_max_usage_bytes",
        _G,
        "Most huge pages that were in use at once, in bytes.",
        _most_hugepages,
        ("pagesize",),
    ),
    ContainerMetric(
        "container_pressure_cpu_waiting_seconds_total",
        _C,
        "Time in which some tasks waited for a CPU, in whole seconds.",
        _stalled(lambda usage: usage.cpu_pressure, full=False),
    ),
    ContainerMetric(
        "container_pressure_cpu_stalled_seconds_total",
        _C,
        "Time in which all tasks waited for a CPU, in whole seconds.",
        _stalled(lambda usage: usage.cpu_pressure, full=True),
    ),
    ContainerMetric(
        "container_pressure_memory_waiting_seconds_total",
        _C,
        "Time in which some tasks waited for memory, in whole seconds.",
        _stalled(lambda usage: usage.memory_pressure, full=False),
    ),
    ContainerMetric(
        "container_pressure_memory_stalled_seconds_total",
        _C,
        "Time in which all tasks waited for memory, in whole seconds.",
        _stalled(lambda usage: usage.memory_pressure, full=True),
    ),
    ContainerMetric(
        "container_pressure_io_waiting_seconds_total",
        _C,
        "Time in which some tasks waited for a device, in whole seconds.",
        _stalled(lambda usage: usage.io_pressure, full=False),
    ),
    ContainerMetric(
        "container_pressure_io_stalled_seconds_total",
        _C,
        "Time in which all tasks waited for a device, in whole seconds.",
        _stalled(lambda usage: usage.io_pressure, full=True),
    ),
    ContainerMetric(
        "container_fs_usage_bytes", _G, "Disk space that the writable layer takes.", _layer_bytes, ("device",)
    ),
    ContainerMetric(
        "container_fs_limit_bytes",
        _G,
        "Size of the file system with the writable layer.",
        _disk(lambda disk: disk.f_blocks * disk.f_frsize),
        ("device",),
    ),
    ContainerMetric(
        "container_fs_inodes_total",
        _G,
        "Inodes of the file system with the writable layer.",
        _disk(lambda disk: disk.f_files),
        ("device",),
    ),
    ContainerMetric(
        "container_fs_inodes_free",
        _G,
        "Inodes that are free on it.",
        _disk(lambda disk: disk.f_ffree),
        ("device",),
    ),
    ContainerMetric(
        "container_fs_reads_bytes_total",
        _C,
        "Bytes read from a device.",
        _traffic(lambda traffic: traffic.read_bytes),
        ("device",),
    ),
    ContainerMetric(
        "container_fs_reads_total", _C, "Reads from a device.", _traffic(lambda traffic: traffic.reads), ("device",)
    ),
    ContainerMetric(
        "container_fs_writes_bytes_total",
        _C,
        "Bytes written to a device.",
        _traffic(lambda traffic: traffic.written_bytes),
        ("device",),
    ),
    ContainerMetric(
        "container_fs_writes_total", _C, "Writes to a device.", _traffic(lambda traffic: traffic.writes), ("device",)
    ),
    ContainerMetric(
        "container_blkio_device_usage_total",
        _C,
        "Bytes read from and written to a device, by operation.",
        _blkio,
        ("device", "major", "minor", "operation"),
    ),
    ContainerMetric("container_processes", _G, "Processes in the container.", _one(lambda figures: figures.processes)),
    ContainerMetric("container_threads", _G, "Threads in the container.", _account(lambda accounts: accounts.tasks)),
    ContainerMetric(
        "container_threads_max",
        _G,
        "Most threads that the container may have; 0 for no limit.",
        _account(lambda accounts: accounts.tasks_limit),
    ),
    ContainerMetric(
        "container_file_descriptors", _G, "Open file descriptors.", _one(lambda figures: figures.files.descriptors)
    ),
    ContainerMetric("container_sockets", _G, "Open sockets.", _one(lambda figures: figures.files.sockets)),
    ContainerMetric(
        "container_ulimits_soft", _G, "Soft limits of the container's process.", _open_files_limit, ("ulimit",)
    ),
    ContainerMetric(
        "container_last_seen",
        _G,
        "When these metrics were taken, in seconds since the epoch.",
        _one(lambda figures: figures.timestamp // _SECOND_NS),
    ),
    ContainerMetric(
        "container_start_time_seconds",
        _G,
        "When the container was started, in seconds since the epoch.",
        _one(lambda figures: figures.started_at // _SECOND_NS),
    ),
    ContainerMetric(
        "container_spec_cpu_period",
        _G,
        "Period of the CPU quota, in microseconds.",
        _spec(lambda resources: resources.cpu_period or DEFAULT_PERIOD_US),
    ),
    ContainerMetric("container_spec_cpu_quota", _G, "CPU quota in a period, in microseconds.", _quota),
    ContainerMetric(
        "container_spec_cpu_shares",
        _G,
        "Share of CPU time beside others.",
        _spec(lambda resources: resources.cpu_shares or DEFAULT_SHARES),
    ),
    ContainerMetric(
        "container_spec_memory_limit_bytes",
        _G,
        "Memory limit; 0 for none.",
        _spec(lambda resources: max(resources.memory_limit_in_bytes, 0)),
    ),
    ContainerMetric(
        "container_spec_memory_swap_limit_bytes",
        _G,
        "Limit of memory and swap together; 0 for none.",
        _spec(_swap_limit),
    ),
    ContainerMetric(
        "container_spec_memory_reservation_limit_bytes",
        _G,
        "Memory that is kept for the container; 0 for none.",
        _account(lambda accounts: accounts.reserved),
    ),
)

INTERFACE_METRICS = (
    InterfaceMetric("container_network_receive_bytes_total", "Bytes received.", lambda each: each.rx_bytes),
    InterfaceMetric("container_network_receive_packets_total", "Packets received.", lambda each: each.rx_packets),
    InterfaceMetric(
        "container_network_receive_errors_total", "Errors while packets were received.", lambda each: each.rx_errors
    ),
    InterfaceMetric(
        "container_network_receive_packets_dropped_total",
        "Received packets that were dropped.",
        lambda each: each.rx_dropped,
    ),
    InterfaceMetric("container_network_transmit_bytes_total", "Bytes sent.", lambda each: each.tx_bytes),
    InterfaceMetric("container_network_transmit_packets_total", "Packets sent.", lambda each: each.tx_packets),
    InterfaceMetric(
        "container_network_transmit_errors_total", "Errors while packets were sent.", lambda each: each.tx_errors
    ),
    InterfaceMetric(
        "container_network_transmit_packets_dropped_total",
        "Packets to be sent that were dropped.",
        lambda each: each.tx_dropped,
    ),
)
"""Of a pod: its containers share its interfaces."""
