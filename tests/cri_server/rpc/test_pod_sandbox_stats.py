import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run
from tests.cri_server.version_2_group import group_of_container, group_of_pod, use_version_2
from tests.real_node import RealNode, eventually

HOST_NETWORK = cri.NamespaceOption(network=cri.NODE)


def test_the_pods_own_figures_and_those_of_its_containers(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod(labels={"app": "web"}, annotations={"a": "b"})
        container_id = await node.start_container(sandbox_id)
        await node.create(sandbox_id, name="not-started")
        use_version_2(node)
        group_of_pod(node, sandbox_id)
        group = group_of_container(node, container_id)
        (group / "cgroup.procs").write_text("17\n18\n")
        stats = (await node.client("PodSandboxStats", pod_sandbox_id=sandbox_id[:13])).stats
        assert stats.attributes.id == sandbox_id
        assert stats.attributes.metadata == node.pod().metadata
        assert (stats.attributes.labels, stats.attributes.annotations) == ({"app": "web"}, {"a": "b"})
        assert stats.linux.cpu.usage_core_nano_seconds.value == 2_000_000_000
        assert stats.linux.cpu.psi.Full.Total == 1_000_000
        assert stats.linux.memory.working_set_bytes.value == 7 << 20
        assert stats.linux.memory.available_bytes.value == 57 << 20
        assert stats.linux.io.psi.Some.Total == 7_000_000
        assert stats.linux.process.process_count.value == 2
        [container] = stats.linux.containers
        assert container.attributes.id == container_id
        assert container.cpu.timestamp > stats.linux.cpu.timestamp

    node(scenario)


def test_the_limit_that_the_kubelet_sets_above_counts(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod(linux=cri.LinuxPodSandboxConfig(cgroup_parent="/kubepods/pod1"))
        use_version_2(node)
        group = group_of_pod(node, sandbox_id)
        (group / "memory.max").write_text("max\n")
        (group.parent / "memory.max").write_text(f"{16 << 20}\n")
        stats = (await node.client("PodSandboxStats", pod_sandbox_id=sandbox_id)).stats
        assert stats.linux.memory.available_bytes.value == 9 << 20
        (group / "memory.max").write_text(f"{12 << 20}\n")
        stats = (await node.client("PodSandboxStats", pod_sandbox_id=sandbox_id)).stats
        assert stats.linux.memory.available_bytes.value == 5 << 20, "the closer one"

    node(scenario)


def test_of_an_unknown_sandbox_and_of_one_that_has_ended(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        with pytest.raises(grpc.aio.AioRpcError, match="is not known") as refused:
            await node.client("PodSandboxStats", pod_sandbox_id="f" * 64)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        with pytest.raises(grpc.aio.AioRpcError, match="is not ready and uses nothing") as refused:
            await node.client("PodSandboxStats", pod_sandbox_id=sandbox_id)
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION

    node(scenario)


def test_a_real_pod_has_processes_memory_and_an_interface(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    container_id = server.start(sandbox_id, "sleeper")
    linux = server.call("PodSandboxStats", pod_sandbox_id=sandbox_id).stats.linux
    assert linux.process.process_count.value == 2
    assert linux.network.default_interface.name == "eth0"
    assert not linux.network.interfaces
    assert [container.attributes.id for container in linux.containers] == [container_id]
    eventually(lambda: has_more_than_its_container(server, sandbox_id))


def has_more_than_its_container(server: RealNode, sandbox_id: str) -> bool:
    """Once that is at rest: its figures are read after the pod's."""
    linux = server.call("PodSandboxStats", pod_sandbox_id=sandbox_id).stats.linux
    [container] = linux.containers
    return bool(
        linux.memory.usage_bytes.value > container.memory.usage_bytes.value > 0
        and linux.cpu.usage_core_nano_seconds.value > container.cpu.usage_core_nano_seconds.value > 0
    )


def test_a_pod_in_the_hosts_network_has_no_traffic_of_its_own(server: RealNode) -> None:
    context = cri.LinuxSandboxSecurityContext(namespace_options=HOST_NETWORK)
    sandbox_id = server.run_pod(linux=cri.LinuxPodSandboxConfig(security_context=context))
    linux = server.call("PodSandboxStats", pod_sandbox_id=sandbox_id).stats.linux
    assert not linux.HasField("network")
    assert linux.process.process_count.value == 1
