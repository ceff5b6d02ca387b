import asyncio

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.errors import SandboxError
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import KILL
from tests.cri_server.rpc.test_pod_sandbox_run import Run, until


async def state_of(node: Node, sandbox_id: str) -> int:
    return int((await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status.state)


def test_containers_are_killed_with_an_exit_code_and_the_address_is_given_back(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        status = await node.status(container_id)
        assert (status.state, status.exit_code) == (cri.CONTAINER_EXITED, 128 + KILL)
        assert status.finished_at > 0
        sandbox = (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status
        assert (sandbox.state, sandbox.network.ip) == (cri.SANDBOX_NOTREADY, "")
        assert not node.network.attached

    node(scenario)


def test_stopping_again_or_something_unknown_is_fine(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        for _ in range(2):
            await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        await node.client("StopPodSandbox", pod_sandbox_id="unknown")
        assert node.gate.log.count("shutdown") == 1

    node(scenario)


def test_a_stop_that_could_not_give_the_network_back_is_resumed_by_the_next(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        node.gate.fail["detach"] = SandboxError("the bridge is busy: try again")
        with pytest.raises(grpc.aio.AioRpcError, match="the bridge is busy"):
            await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        assert await state_of(node, sandbox_id) == cri.SANDBOX_NOTREADY
        node.gate.fail.clear()
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        assert not node.network.attached

    node(scenario)


def test_the_stop_goes_on_when_its_client_goes_away(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        node.gate.hold("shutdown")
        call = node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        await node.gate.reached["shutdown"].wait()
        call.cancel()
        node.gate.release("shutdown")
        await until(lambda: not node.runtime.operations)
        assert await state_of(node, sandbox_id) == cri.SANDBOX_NOTREADY

    node(scenario)


def test_nothing_new_begins_in_a_sandbox_that_is_being_stopped(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        created = await node.create(sandbox_id)
        node.gate.hold("program")
        creating = asyncio.ensure_future(node.create(sandbox_id, name="late"))
        await node.gate.reached["program"].wait()
        node.gate.hold("shutdown")
        stopping = asyncio.ensure_future(node.client("StopPodSandbox", pod_sandbox_id=sandbox_id))
        await node.gate.reached["shutdown"].wait()
        with pytest.raises(grpc.aio.AioRpcError, match="is not ready") as refused:
            await node.client("StartContainer", container_id=created)
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        node.gate.release("program")
        node.gate.release("shutdown")
        await stopping
        with pytest.raises(grpc.aio.AioRpcError, match="is not ready"):
            await creating
        assert [each.id for each in (await node.client("ListContainers")).containers] == [created]
        assert set(node.images.held) == {created}

    node(scenario)


def test_a_start_that_meets_the_end_of_its_sandbox_leaves_the_container_created(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        node.gate.hold("start")
        starting = asyncio.ensure_future(node.client("StartContainer", container_id=container_id))
        await node.gate.reached["start"].wait()
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        node.gate.release("start")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await starting
        assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert (await node.status(container_id)).state == cri.CONTAINER_CREATED

    node(scenario)


def test_a_pod_process_that_dies_takes_sandbox_and_containers_with_it(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        running = await node.start_container(sandbox_id)
        created = await node.create(sandbox_id, name="other")
        node.pods.processes[sandbox_id].die()
        assert await state_of(node, sandbox_id) == cri.SANDBOX_NOTREADY
        status = await node.status(running)
        assert (status.state, status.exit_code, status.reason) == (cri.CONTAINER_EXITED, 255, "Unknown")
        assert status.finished_at > status.started_at > 0
        assert (await node.status(created)).state == cri.CONTAINER_CREATED
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        assert not node.network.attached

    node(scenario)
