from typing import Any

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.rpc import pod_sandbox_metrics_list
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run
from tests.cri_server.version_2_group import group_of_container, use_version_2
from tests.real_node import RealNode

MIB = 1 << 20
LIMITS = cri.LinuxContainerResources(
    cpu_period=100_000, cpu_quota=50_000, cpu_shares=512, memory_limit_in_bytes=256 * MIB
)

ONLY_WHERE_THE_KERNEL_GIVES_IT = (
    "container_blkio_",
    "container_fs_reads_",
    "container_fs_writes_",
    "container_hugetlb_",
    "container_pressure_",
)

Labels = dict[str, str]


def by_name(described: Any, metrics: Any) -> dict[str, list[tuple[Labels, cri.Metric]]]:
    """With their labels, of which every metric has as many as its descriptor says."""
    keys = {each.name: each.label_keys for each in described.descriptors}
    found: dict[str, list[tuple[Labels, cri.Metric]]] = {}
    for metric in metrics:
        labels = dict(zip(keys[metric.name], metric.label_values, strict=True))
        found.setdefault(metric.name, []).append((labels, metric))
    return found


async def of_container(node: Node, container_id: str) -> dict[str, list[tuple[Labels, cri.Metric]]]:
    [pod] = (await node.client("ListPodSandboxMetrics")).pod_metrics
    [container] = pod.container_metrics
    assert container.container_id == container_id
    return by_name(await node.client("ListMetricDescriptors"), container.metrics)


def test_every_metric_follows_from_what_the_kernel_says(node: Run) -> None:
    async def scenario(node: Node) -> None:
        linux = cri.LinuxContainerConfig(resources=LIMITS)
        container_id = await node.start_container(await node.run_pod(), linux=linux)
        use_version_2(node)
        group_of_container(node, container_id)
        metrics = await of_container(node, container_id)
        values = {name: [metric.value.value for _, metric in found] for name, found in metrics.items()}
        assert values["container_cpu_usage_seconds_total"] == [2]
        assert values["container_cpu_user_seconds_total"] == [1]
        assert values["container_cpu_cfs_throttled_seconds_total"] == [3]
        assert values["container_memory_working_set_bytes"] == [7 * MIB]
        assert values["container_memory_max_usage_bytes"] == [9 * MIB]
        assert values["container_memory_failures_total"] == [321, 4, 321, 4]
        assert values["container_oom_events_total"] == [1]
        assert values["container_pressure_memory_stalled_seconds_total"] == [8]
        assert values["container_fs_writes_bytes_total"] == [8192]
        assert values["container_blkio_device_usage_total"] == [4096, 8192]
        assert values["container_spec_cpu_quota"] == [50_000]
        assert values["container_spec_cpu_shares"] == [512]
        assert values["container_spec_memory_limit_bytes"] == [256 * MIB]
        assert values["container_spec_memory_swap_limit_bytes"] == [256 * MIB]
        assert values["container_threads"] == [3]
        assert values["container_fs_inodes_total"][0] > 0

    node(scenario)


def test_whose_a_metric_is_its_labels_tell(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        use_version_2(node)
        group_of_container(node, container_id)
        metrics = await of_container(node, container_id)
        base = {
            "id": node.runtime.container(container_id).cgroup,
            "name": container_id,
            "image": "registry.test/hello:1",
            "namespace": "prod",
            "pod": "web",
            "container": "app",
        }
        for found in metrics.values():
            assert all(base.items() <= labels.items() for labels, _ in found)
            series = [tuple(labels.values()) for labels, _ in found]
            assert len(set(series)) == len(series)

    node(scenario)


def test_one_that_vanishes_meanwhile_is_left_out(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        stays, _ = [await node.start_container(sandbox_id, name=name) for name in ("stays", "vanishes")]
        await node.client("StopPodSandbox", pod_sandbox_id=await node.run_pod(name="stopped"))
        use_version_2(node)
        group_of_container(node, stays)
        [pod] = (await node.client("ListPodSandboxMetrics")).pod_metrics
        assert pod.pod_sandbox_id == sandbox_id
        assert [each.container_id for each in pod.container_metrics] == [stays]
        [chunk] = await node.client.stream("StreamPodSandboxMetrics")
        assert [each.pod_sandbox_id for each in chunk.pod_sandbox_metrics] == [sandbox_id]

    node(scenario)


def test_a_list_that_fits_no_message_is_refused_with_what_to_do(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_sandbox_metrics_list, "MOST_BYTES", 10)

    async def scenario(node: Node) -> None:
        await node.run_pod()
        with pytest.raises(grpc.aio.AioRpcError, match="ask for them by StreamPodSandboxMetrics") as refused:
            await node.client("ListPodSandboxMetrics")
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await node.client.stream("StreamPodSandboxMetrics")

    node(scenario)


def test_a_real_pod_has_a_value_of_every_metric_described(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    server.start(sandbox_id, "sleeper", linux=cri.LinuxContainerConfig(resources=LIMITS))
    [pod] = server.call("ListPodSandboxMetrics").pod_metrics
    described = server.call("ListMetricDescriptors")
    [container] = pod.container_metrics
    metrics = by_name(described, [*pod.metrics, *container.metrics])
    missing = {each.name for each in described.descriptors} - metrics.keys()
    assert all(name.startswith(ONLY_WHERE_THE_KERNEL_GIVES_IT) for name in missing)
    values = {name: found[0][1].value.value for name, found in metrics.items()}
    assert values["container_processes"] == 1
    assert values["container_threads"] >= 1
    assert values["container_file_descriptors"] >= 3
    assert values["container_ulimits_soft"] > 0
    assert 0 < values["container_memory_working_set_bytes"] <= values["container_memory_usage_bytes"]
    [(labels, _)] = metrics["container_network_receive_bytes_total"]
    assert (labels["interface"], labels["container"], labels["pod"]) == ("eth0", "", "web")
