import asyncio
from pathlib import Path

import grpc
import pytest

from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from sandbox.errors import PodProcessGone, StartFailure
from sandbox.records import read_record
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run, until


async def start_fails(node: Node, container_id: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await node.client("StartContainer", container_id=container_id)
    return failed.value


async def waited_for(container: Container, calls: int) -> None:
    """By so many that want to start or remove it."""
    await until(lambda: len(container.lock._waiters or ()) == calls)


def test_a_started_container_runs_when_the_call_returns(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        status = await node.status(container_id)
        assert status.state == cri.CONTAINER_RUNNING
        assert status.started_at >= status.created_at > 0

    node(scenario)


def test_an_exit_is_seen_at_once(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        node.pods.processes[sandbox_id].exit(container_id, 3)
        status = await node.status(container_id)
        assert (status.state, status.exit_code, status.reason) == (cri.CONTAINER_EXITED, 3, "Error")
        assert status.finished_at >= status.started_at
        sandbox = (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status
        assert sandbox.state == cri.SANDBOX_READY

    node(scenario)


def test_a_container_starts_only_once(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        for _ in range(2):
            error = await start_fails(node, container_id)
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
            assert "only a created one can be started" in str(error.details())
            await node.client("StopContainer", container_id=container_id)
        assert (await start_fails(node, "unknown")).code() == grpc.StatusCode.NOT_FOUND

    node(scenario)


def test_a_failed_start_is_an_error_and_an_exit_with_128(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.create(await node.run_pod())
        node.gate.fail["start"] = StartFailure("mount of /x failed: make the source")
        assert "mount of /x failed" in str((await start_fails(node, container_id)).details())
        status = await node.status(container_id)
        assert (status.state, status.exit_code, status.reason) == (cri.CONTAINER_EXITED, 128, "StartError")
        assert status.message == "mount of /x failed: make the source"
        assert status.finished_at > 0

    node(scenario)


def test_code_that_cannot_be_compiled_any_more_is_a_failed_start(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        node.images.current = None
        assert "pull the image again" in str((await start_fails(node, container_id)).details())
        status = await node.status(container_id)
        assert (status.exit_code, status.reason) == (128, "StartError")
        await node.restart()
        assert await node.status(container_id) == status

    node(scenario)


def test_the_code_of_the_present_engine_is_started(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        node.images.current = Path("/images/compiled/newer")
        await node.client("StartContainer", container_id=container_id)
        guest = read_record(node.paths.guest_record(sandbox_id, container_id), "guest")
        assert guest["program"]["compiled"] == "/images/compiled/newer"

    node(scenario)


def test_the_start_goes_on_when_its_client_goes_away(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.create(await node.run_pod())
        node.gate.hold("start")
        call = node.client("StartContainer", container_id=container_id)
        await node.gate.reached["start"].wait()
        call.cancel()
        node.gate.release("start")
        await until(lambda: not node.runtime.operations)
        assert (await node.status(container_id)).state == cri.CONTAINER_RUNNING

    node(scenario)


def test_of_start_and_remove_at_the_same_time_one_fails_and_the_container_is_gone(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        first = await node.create(sandbox_id, name="first")
        node.gate.hold("compiled")
        starting = asyncio.ensure_future(node.client("StartContainer", container_id=first))
        await node.gate.reached["compiled"].wait()
        removing = asyncio.ensure_future(node.client("RemoveContainer", container_id=first))
        waiting = asyncio.ensure_future(node.client("StartContainer", container_id=first))
        await waited_for(node.runtime.container(first), 2)
        assert not removing.done()
        node.gate.release("compiled")
        await starting
        await removing
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await waiting
        assert late.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert not node.pods.processes[sandbox_id].guests
        assert not (await node.client("ListContainers")).containers

    node(scenario)


def test_whoever_waits_to_start_what_is_being_removed_is_too_late(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        container = node.runtime.container(container_id)
        async with container.lock:
            starting = asyncio.ensure_future(node.client("StartContainer", container_id=container_id))
            await waited_for(container, 1)
            removing = asyncio.ensure_future(node.client("RemoveContainer", container_id=container_id))
            while not container.removing:
                await asyncio.sleep(0.005)
        with pytest.raises(grpc.aio.AioRpcError, match="is being removed") as late:
            await starting
        assert late.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        await removing
        assert "start" not in node.gate.log

    node(scenario)


def test_a_start_whose_answer_was_lost_is_followed_all_the_same(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection broke, the pod process and its new guest live."""

    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        process = node.pods.processes[sandbox_id]
        start = process.start

        async def start_unheard(container_id: str, spec_path: str) -> None:
            await start(container_id, spec_path)
            raise PodProcessGone("pod process is gone")

        monkeypatch.setattr(process, "start", start_unheard)
        with pytest.raises(grpc.aio.AioRpcError, match="is gone"):
            await node.client("StartContainer", container_id=container_id)
        assert (await node.status(container_id)).state == cri.CONTAINER_RUNNING
        await node.client("StopContainer", container_id=container_id)
        assert (await node.status(container_id)).exit_code == 137

    node(scenario)
