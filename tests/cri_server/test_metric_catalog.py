"""Which figure each metric tells, of figures that all differ."""

import os

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.metric_catalog import CONTAINER_METRICS, INTERFACE_METRICS, ContainerFigures
from cri_server.usage_sampler import LayerUsage
from sandbox.cgroup.accounts import Accounts, HugepageUsage
from sandbox.cgroup.usage import MemoryUsage, Usage
from sandbox.cgroup.usage_files import DeviceTraffic, Pressure, Stall
from sandbox.network.interface_counters import InterfaceCounters
from sandbox.process_files import OpenFiles

S, US = 1_000_000_000, 1_000_000


def stalled(some: int, full: int) -> Pressure:
    return Pressure(Stall(some * US, 0.0, 0.0, 0.0), Stall(full * US, 0.0, 0.0, 0.0))


FIGURES = ContainerFigures(
    usage=Usage(
        cpu_ns=10 * S,
        memory=MemoryUsage(
            used=11,
            working_set=12,
            anonymous=13,
            page_faults=14,
            major_page_faults=15,
            limit=16,
            swapped=17,
            swap_limit=18,
        ),
        cpu_pressure=stalled(20, 21),
        memory_pressure=stalled(22, 23),
        io_pressure=stalled(24, 25),
    ),
    accounts=Accounts(
        user_ns=30 * S,
        system_ns=31 * S,
        periods=32,
        throttled_periods=33,
        throttled_ns=34 * S,
        cached=35,
        mapped=36,
        active_file=37,
        inactive_file=38,
        kernel_memory=39,
        most_used=40,
        limit_hits=41,
        oom_kills=42,
        reserved=43,
        tasks=44,
        tasks_limit=45,
        hugepages=(HugepageUsage("2MB", 46, 47), HugepageUsage("1GB", 48, None)),
        devices=(DeviceTraffic(4095, 0, read_bytes=50, written_bytes=51, reads=52, writes=53),),
    ),
    processes=60,
    files=OpenFiles(descriptors=61, sockets=62),
    files_limit=63,
    resources=cri.LinuxContainerResources(
        cpu_period=70, cpu_quota=71, cpu_shares=72, memory_limit_in_bytes=73, memory_swap_limit_in_bytes=74
    ),
    started_at=80 * S,
    timestamp=81 * S,
    device="/dev/vda1",
    disk=os.statvfs_result((1, 2, 90, 91, 92, 93, 94, 95, 96, 97)),
    layer=LayerUsage(used_bytes=98, inodes_used=99, timestamp=1, cpu_ns=1, due_ns=1),
)
WANTED = (
    ("container_cpu_usage_seconds_total", ("total",), 10),
    ("container_cpu_user_seconds_total", (), 30),
    ("container_cpu_system_seconds_total", (), 31),
    ("container_cpu_cfs_periods_total", (), 32),
    ("container_cpu_cfs_throttled_periods_total", (), 33),
    ("container_cpu_cfs_throttled_seconds_total", (), 34),
    ("container_memory_usage_bytes", (), 11),
    ("container_memory_working_set_bytes", (), 12),
    ("container_memory_rss", (), 13),
    ("container_memory_swap", (), 17),
    ("container_memory_cache", (), 35),
    ("container_memory_mapped_file", (), 36),
    ("container_memory_total_active_file_bytes", (), 37),
    ("container_memory_total_inactive_file_bytes", (), 38),
    ("container_memory_kernel_usage", (), 39),
    ("container_memory_max_usage_bytes", (), 40),
    ("container_memory_failcnt", (), 41),
    ("container_oom_events_total", (), 42),
    ("container_hugetlb_max_usage_bytes", ("2MB",), 47),
    ("container_pressure_cpu_waiting_seconds_total", (), 20),
    ("container_pressure_cpu_stalled_seconds_total", (), 21),
    ("container_pressure_memory_waiting_seconds_total", (), 22),
    ("container_pressure_memory_stalled_seconds_total", (), 23),
    ("container_pressure_io_waiting_seconds_total", (), 24),
    ("container_pressure_io_stalled_seconds_total", (), 25),
    ("container_fs_usage_bytes", ("/dev/vda1",), 98),
    ("container_fs_limit_bytes", ("/dev/vda1",), 180),
    ("container_fs_inodes_total", ("/dev/vda1",), 93),
    ("container_fs_inodes_free", ("/dev/vda1",), 94),
    ("container_processes", (), 60),
    ("container_threads", (), 44),
    ("container_threads_max", (), 45),
    ("container_file_descriptors", (), 61),
    ("container_sockets", (), 62),
    ("container_ulimits_soft", ("max_open_files",), 63),
    ("container_last_seen", (), 81),
    ("container_start_time_seconds", (), 80),
    ("container_spec_cpu_period", (), 70),
    ("container_spec_cpu_quota", (), 71),
    ("container_spec_cpu_shares", (), 72),
    ("container_spec_memory_limit_bytes", (), 73),
    ("container_spec_memory_swap_limit_bytes", (), 74),
    ("container_spec_memory_reservation_limit_bytes", (), 43),
    ("container_memory_failures_total", ("pgfault", "container"), 14),
    ("container_memory_failures_total", ("pgmajfault", "container"), 15),
    ("container_memory_failures_total", ("pgfault", "hierarchy"), 14),
    ("container_memory_failures_total", ("pgmajfault", "hierarchy"), 15),
    ("container_hugetlb_usage_bytes", ("2MB",), 46),
    ("container_hugetlb_usage_bytes", ("1GB",), 48),
    ("container_fs_reads_bytes_total", ("4095:0",), 50),
    ("container_fs_reads_total", ("4095:0",), 52),
    ("container_fs_writes_bytes_total", ("4095:0",), 51),
    ("container_fs_writes_total", ("4095:0",), 53),
    ("container_blkio_device_usage_total", ("4095:0", "4095", "0", "Read"), 50),
    ("container_blkio_device_usage_total", ("4095:0", "4095", "0", "Write"), 51),
)
"""Metric, values of its own labels, value. The kernel has no name for the device."""


def test_every_metric_tells_its_own_figure() -> None:
    told = [(metric.name, *value) for metric in CONTAINER_METRICS for value in metric.values(FIGURES)]
    assert sorted(told) == sorted(WANTED)


def test_as_many_labels_as_the_descriptor_has() -> None:
    for metric in CONTAINER_METRICS:
        assert {len(labels) for labels, _ in metric.values(FIGURES)} == {len(metric.labels)}


def test_devices_without_a_name_are_told_apart() -> None:
    """Prometheus refuses two samples of one series, and all others with them."""
    devices = (DeviceTraffic(4095, 0), DeviceTraffic(4095, 1))
    figures = FIGURES._replace(accounts=FIGURES.accounts._replace(devices=devices))
    for metric in CONTAINER_METRICS:
        series = [labels for labels, _ in metric.values(figures)]
        assert len(set(series)) == len(series), metric.name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("receive_bytes", 1),
        ("receive_packets", 2),
        ("receive_errors", 3),
        ("receive_packets_dropped", 4),
        ("transmit_bytes", 5),
        ("transmit_packets", 6),
        ("transmit_errors", 7),
        ("transmit_packets_dropped", 8),
    ],
)
def test_every_metric_of_an_interface(name: str, value: int) -> None:
    [metric] = [each for each in INTERFACE_METRICS if each.name == f"container_network_{name}_total"]
    assert metric.value(InterfaceCounters("eth0", *range(1, 9))) == value
