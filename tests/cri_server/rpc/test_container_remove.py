import asyncio
import os

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run, until


def test_a_container_goes_in_any_state_with_its_layer_and_its_name(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        created = await node.create(sandbox_id, name="created")
        running = await node.start_container(sandbox_id, name="running")
        exited = await node.start_container(sandbox_id, name="exited")
        node.pods.processes[sandbox_id].exit(exited, 0)
        for container_id in (created, running, exited):
            await node.client("RemoveContainer", container_id=container_id)
        assert not (await node.client("ListContainers")).containers
        assert not node.pods.processes[sandbox_id].guests
        assert not node.images.held
        await until(lambda: not os.listdir(node.paths.containers(sandbox_id)) and not os.listdir(node.paths.trash))
        for name in ("created", "running", "exited"):
            await node.create(sandbox_id, name=name)

    node(scenario)


def test_removing_at_the_same_time_again_or_something_unknown_is_fine(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        await asyncio.gather(*(node.client("RemoveContainer", container_id=container_id) for _ in range(4)))
        await node.client("RemoveContainer", container_id=container_id)

    node(scenario)


def test_a_container_that_runs_with_a_name_in_use_elsewhere_leaves_that_alone(node: Run) -> None:
    async def scenario(node: Node) -> None:
        one = await node.create(await node.run_pod())
        other = await node.create(await node.run_pod(name="db"))
        await node.client("RemoveContainer", container_id=one[:20])
        assert [each.id for each in (await node.client("ListContainers")).containers] == [other]

    node(scenario)
