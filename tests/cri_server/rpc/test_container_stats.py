import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run
from tests.cri_server.version_2_group import group_of_container, use_version_2
from tests.real_node import RealNode, eventually


def test_every_figure_that_the_kernel_gives_is_told(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod(), labels={"app": "web"}, annotations={"a": "b"})
        use_version_2(node)
        group_of_container(node, container_id)
        stats = (await node.client("ContainerStats", container_id=container_id[:13])).stats
        assert stats.attributes == cri.ContainerAttributes(
            id=container_id,
            metadata=cri.ContainerMetadata(name="app"),
            labels={"app": "web"},
            annotations={"a": "b"},
        )
        assert stats.cpu.usage_core_nano_seconds.value == 2_000_000_000
        assert not stats.cpu.HasField("usage_nano_cores"), "nobody has watched it yet"
        assert stats.cpu.psi.Some == cri.PsiData(Total=7_000_000, Avg10=0.5, Avg60=0.25, Avg300=0.1)
        memory = stats.memory
        assert (memory.usage_bytes.value, memory.working_set_bytes.value) == (8 << 20, 7 << 20)
        assert (memory.rss_bytes.value, memory.available_bytes.value) == (4 << 20, 57 << 20)
        assert (memory.page_faults.value, memory.major_page_faults.value) == (321, 4)
        assert memory.psi.Full.Total == 8_000_000
        assert (stats.swap.swap_usage_bytes.value, stats.swap.swap_available_bytes.value) == (4096, 0)
        assert stats.io.psi.Full.Total == 6_000_000
        assert stats.writable_layer.fs_id.mountpoint == "/"
        assert stats.writable_layer.inodes_used.value > 0
        timestamps = [part.timestamp for part in (stats.cpu, stats.memory, stats.swap, stats.io, stats.writable_layer)]
        assert all(timestamps)

    node(scenario)


def test_what_the_kernel_does_not_give_is_left_out(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        use_version_2(node)
        group = group_of_container(node, container_id)
        for name in ("cpu.pressure", "memory.pressure", "io.pressure", "memory.swap.current"):
            (group / name).unlink()
        (group / "memory.max").write_text("max\n")
        stats = (await node.client("ContainerStats", container_id=container_id)).stats
        assert not stats.cpu.HasField("psi")
        assert not stats.memory.HasField("psi")
        assert not stats.HasField("io")
        assert not stats.HasField("swap")
        assert not stats.memory.HasField("available_bytes")

    node(scenario)


def test_of_an_unknown_container_and_of_those_that_do_not_run(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        with pytest.raises(grpc.aio.AioRpcError, match="is not known") as refused:
            await node.client("ContainerStats", container_id="f" * 64)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.aio.AioRpcError, match="is CONTAINER_CREATED and uses nothing") as refused:
            await node.client("ContainerStats", container_id=container_id)
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        await node.client("StartContainer", container_id=container_id)
        use_version_2(node)  # in which its group is missing: it has just ended
        with pytest.raises(grpc.aio.AioRpcError, match="uses nothing"):
            await node.client("ContainerStats", container_id=container_id)

    node(scenario)


def test_figures_of_a_real_guest_grow_with_it(server: RealNode) -> None:
    resources = cri.LinuxContainerResources(memory_limit_in_bytes=256 << 20)
    container_id = server.start(server.run_pod(), "busy", linux=cri.LinuxContainerConfig(resources=resources))
    seen = [server.call("ContainerStats", container_id=container_id).stats]

    def has_grown() -> bool:
        seen.append(server.call("ContainerStats", container_id=container_id).stats)
        assert seen[-1].cpu.timestamp > seen[-2].cpu.timestamp
        return bool(seen[-1].cpu.usage_core_nano_seconds.value > seen[0].cpu.usage_core_nano_seconds.value > 0)

    eventually(has_grown)
    memory = seen[-1].memory
    assert 0 < memory.rss_bytes.value <= memory.usage_bytes.value < 256 << 20
    assert memory.available_bytes.value == (256 << 20) - memory.working_set_bytes.value
    assert memory.page_faults.value > 0
    assert seen[-1].writable_layer.inodes_used.value > 0
