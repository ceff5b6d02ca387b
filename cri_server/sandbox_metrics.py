"""PodSandboxMetrics messages, of sandboxes that are ready and containers that run.

A message holds several dozen metrics with all their labels: they are made in a thread, and serialised there.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence

from cri_server import wire
from cri_server.blocking import in_thread
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.metric_catalog import CONTAINER_METRICS, INTERFACE_METRICS, ContainerFigures
from cri_server.runtime import Runtime
from cri_server.sandbox_stats import interface_counters, running_containers
from cri_server.sandbox_store import Sandbox
from sandbox.cgroup.accounts import read_accounts
from sandbox.cgroup.usage import read_processes, read_usage
from sandbox.process_files import open_files, open_files_limit


async def read_sandbox_metrics(runtime: Runtime) -> list[bytes]:
    """Each as field 1 of a response. Those that have ended meanwhile are left out."""
    containers = running_containers(runtime)
    pods = [(pod, containers.get(pod.id, [])) for pod in runtime.sandboxes.all() if pod.ready]
    return await in_thread(_sandbox_metrics, runtime, pods)


def _sandbox_metrics(runtime: Runtime, pods: Iterable[tuple[Sandbox, list[Container]]]) -> list[bytes]:
    disk = os.statvfs(runtime.paths.root)
    return [wire.field_1(_of_pod(runtime, sandbox, containers, disk)) for sandbox, containers in pods]


def _of_pod(
    runtime: Runtime, sandbox: Sandbox, containers: Iterable[Container], disk: os.statvfs_result
) -> cri.PodSandboxMetrics:
    message = cri.PodSandboxMetrics(pod_sandbox_id=sandbox.id, metrics=_of_interfaces(sandbox))
    for container in containers:
        figures = _figures(runtime, container, disk)
        if figures is not None:
            metrics = _of_container(sandbox, container, figures)
            message.container_metrics.add(container_id=container.id, metrics=metrics)
    return message


def _of_interfaces(sandbox: Sandbox) -> Iterator[cri.Metric]:
    labels = (sandbox.record.cgroup, sandbox.id, "", *_names(sandbox), "")
    timestamp = time.time_ns()
    for counters in interface_counters(sandbox):
        for metric in INTERFACE_METRICS:
            all_labels = (*labels, counters.name)
            yield _metric(metric.name, metric.kind, timestamp, all_labels, metric.value(counters))


def _of_container(sandbox: Sandbox, container: Container, figures: ContainerFigures) -> Iterator[cri.Metric]:
    image, name = container.record.image_name, container.config.metadata.name
    labels = (container.cgroup, container.id, image, *_names(sandbox), name)
    for metric in CONTAINER_METRICS:
        for own, value in metric.values(figures):
            yield _metric(metric.name, metric.kind, figures.timestamp, (*labels, *own), value)


def _names(sandbox: Sandbox) -> tuple[str, str]:
    return sandbox.config.metadata.namespace, sandbox.config.metadata.name


def _metric(name: str, kind: cri.MetricType, timestamp: int, labels: Sequence[str], value: int) -> cri.Metric:
    return cri.Metric(
        name=name, timestamp=timestamp, metric_type=kind, label_values=labels, value=cri.UInt64Value(value=value)
    )


def _figures(runtime: Runtime, container: Container, disk: os.statvfs_result) -> ContainerFigures | None:
    layout, group = runtime.cgroup_layout, container.cgroup
    timestamp = time.time_ns()
    usage, accounts = read_usage(layout, group), read_accounts(layout, group)
    if usage is None or accounts is None:
        return None
    pids = read_processes(layout, group)
    return ContainerFigures(
        usage=usage,
        accounts=accounts,
        processes=len(pids),
        files=open_files(pids),
        files_limit=open_files_limit(pids[0]) if pids else None,
        resources=container.status.resources.linux,
        started_at=container.run.started_at,
        timestamp=timestamp,
        device=runtime.file_system.device,
        disk=disk,
        layer=runtime.usage_sampler.layer(container),
    )
