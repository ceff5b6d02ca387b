import asyncio

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import KILL, TERM, FakePodProcess
from tests.cri_server.rpc.test_pod_sandbox_run import Run, until

FOREVER = 1000


async def running(node: Node) -> tuple[str, FakePodProcess]:
    sandbox_id = await node.run_pod()
    return await node.start_container(sandbox_id), node.pods.processes[sandbox_id]


def test_the_stop_signal_ends_a_container_that_heeds_it(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id, process = await running(node)
        await node.client("StopContainer", container_id=container_id, timeout=FOREVER)
        assert process.signals == [TERM]
        status = await node.status(container_id)
        assert (status.state, status.exit_code) == (cri.CONTAINER_EXITED, 128 + TERM)

    node(scenario)


def test_the_configured_signal_is_the_one_that_is_sent(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id, stop_signal="SIGNAL_SIGINT")
        await node.client("StopContainer", container_id=container_id, timeout=FOREVER)
        assert node.pods.processes[sandbox_id].signals == [2]

    node(scenario)


@pytest.mark.parametrize("timeout", [0, -5])
def test_without_a_timeout_it_is_killed(node: Run, timeout: int) -> None:
    async def scenario(node: Node) -> None:
        container_id, process = await running(node)
        await node.client("StopContainer", container_id=container_id, timeout=timeout)
        assert process.signals == [KILL]
        assert (await node.status(container_id)).exit_code == 128 + KILL

    node(scenario)


def test_a_deaf_container_is_killed_at_the_timeout(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id, process = await running(node)
        process.deaf = {TERM}
        await node.client("StopContainer", container_id=container_id, timeout=1)
        assert process.signals == [TERM, KILL]

    node(scenario)


def test_the_shortest_of_overlapping_timeouts_decides_and_the_signal_is_sent_once(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id, process = await running(node)
        process.deaf = {TERM}
        patient = [node.client("StopContainer", container_id=container_id, timeout=FOREVER) for _ in range(2)]
        stops = [asyncio.ensure_future(call) for call in patient]
        await until(lambda: TERM in process.signals)
        await node.client("StopContainer", container_id=container_id, timeout=0)
        await asyncio.gather(*stops)
        assert process.signals == [TERM, KILL]

    node(scenario)


def test_the_stop_goes_on_when_its_client_goes_away(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id, process = await running(node)
        process.deaf = {TERM}
        stopping = node.client("StopContainer", container_id=container_id, timeout=1)
        await until(lambda: TERM in process.signals)
        stopping.cancel()
        await until(lambda: not node.runtime.operations)
        assert (await node.status(container_id)).state == cri.CONTAINER_EXITED

    node(scenario)


def test_what_does_not_run_or_is_unknown_is_stopped_already(node: Run) -> None:
    async def scenario(node: Node) -> None:
        created = await node.create(await node.run_pod())
        await node.client("StopContainer", container_id=created, timeout=0)
        assert (await node.status(created)).state == cri.CONTAINER_CREATED
        container_id = created
        await node.client("StartContainer", container_id=container_id)
        for _ in range(2):
            await node.client("StopContainer", container_id=container_id, timeout=0)
        await node.client("StopContainer", container_id="unknown", timeout=0)

    node(scenario)


def test_a_stop_during_the_start_stops_what_was_started(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.create(await node.run_pod())
        node.gate.hold("start")
        starting = asyncio.ensure_future(node.client("StartContainer", container_id=container_id))
        await node.gate.reached["start"].wait()
        stopping = asyncio.ensure_future(node.client("StopContainer", container_id=container_id, timeout=0))
        node.gate.release("start")
        await asyncio.gather(starting, stopping)
        assert (await node.status(container_id)).state == cri.CONTAINER_EXITED

    node(scenario)


def test_a_pod_process_that_dies_during_the_stop_ends_it(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id, process = await running(node)
        process.deaf = {TERM}
        stopping = asyncio.ensure_future(node.client("StopContainer", container_id=container_id, timeout=FOREVER))
        await until(lambda: TERM in process.signals)
        process.die()
        await stopping
        assert (await node.status(container_id)).exit_code == 255

    node(scenario)
