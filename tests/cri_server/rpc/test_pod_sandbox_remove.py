import asyncio

import grpc
import pytest

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run, nothing_is_left


def test_a_ready_sandbox_goes_with_its_containers_but_the_logs_stay(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        await node.client("RemovePodSandbox", pod_sandbox_id=sandbox_id)
        await nothing_is_left(node)
        assert not (await node.client("ListContainers")).containers
        assert not node.images.held
        assert node.logs.is_dir()
        for call in (
            node.client("ContainerStatus", container_id=container_id),
            node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await call
            assert unknown.value.code() == grpc.StatusCode.NOT_FOUND

    node(scenario)


def test_names_of_sandbox_and_containers_are_free_again(node: Run) -> None:
    async def scenario(node: Node) -> None:
        for _ in range(2):
            sandbox_id = await node.run_pod()
            await node.create(sandbox_id)
            await node.client("RemovePodSandbox", pod_sandbox_id=sandbox_id)

    node(scenario)


def test_removing_at_the_same_time_again_or_something_unknown_is_fine(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.create(sandbox_id)
        calls = [node.client("RemovePodSandbox", pod_sandbox_id=sandbox_id) for _ in range(3)]
        calls += [node.client("StopPodSandbox", pod_sandbox_id=sandbox_id) for _ in range(3)]
        await asyncio.gather(*calls)
        await node.client("RemovePodSandbox", pod_sandbox_id=sandbox_id)
        await nothing_is_left(node)

    node(scenario)


def test_an_empty_id_is_refused(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.client("RemovePodSandbox", pod_sandbox_id="")
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)

    node(scenario)
