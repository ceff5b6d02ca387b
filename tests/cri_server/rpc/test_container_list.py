from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import ARTIFACT
from tests.cri_server.rpc.test_pod_sandbox_run import Run


async def ids(node: Node, **conditions: object) -> list[str]:
    wanted = cri.ContainerFilter(**conditions)  # type: ignore[arg-type]
    listed = [item.id for item in (await node.client("ListContainers", filter=wanted)).containers]
    chunks = await node.client.stream("StreamContainers", filter=wanted)
    assert [item.id for chunk in chunks for item in chunk.containers] == listed
    return listed


def state(number: cri.ContainerState) -> cri.ContainerStateValue:
    return cri.ContainerStateValue(state=number)


def test_every_condition_of_the_filter_must_hold(node: Run) -> None:
    async def scenario(node: Node) -> None:
        web, db = await node.run_pod(), await node.run_pod(name="db")
        created = await node.create(web, labels={"app": "web"})
        running = await node.start_container(db, labels={"app": "db"})
        assert await ids(node) == [created, running]
        assert await ids(node, state=state(cri.CONTAINER_CREATED)) == [created]
        assert await ids(node, state=state(cri.CONTAINER_EXITED)) == []
        assert await ids(node, pod_sandbox_id=db[:16]) == [running]
        assert await ids(node, pod_sandbox_id="unknown") == []
        assert await ids(node, id=created[:16]) == [created]
        assert await ids(node, label_selector={"app": "db"}) == [running]
        assert await ids(node, label_selector={"app": "db"}, pod_sandbox_id=web) == []

    node(scenario)


def test_what_the_kubelet_reads_is_there(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        spec = cri.ImageSpec(image=ARTIFACT.id, user_specified_image="hello:1")
        await node.create(sandbox_id, image=spec)
        [item] = (await node.client("ListContainers")).containers
        assert item.image == spec
        assert (item.image_id, item.image_ref) == (ARTIFACT.id, ARTIFACT.repo_digests[0])
        assert (item.pod_sandbox_id, item.metadata.name) == (sandbox_id, "app")
        assert item.created_at > 0

    node(scenario)


def test_the_lists_answer_while_everything_else_is_stuck(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        node.gate.hold("start")
        call = node.client("StartContainer", container_id=container_id)
        await node.gate.reached["start"].wait()
        stop = node.client("StopContainer", container_id=container_id)
        assert await ids(node) == [container_id]
        assert (await node.status(container_id)).state == cri.CONTAINER_CREATED
        node.gate.release("start")
        await call
        await stop

    node(scenario)
