from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run

READY = cri.PodSandboxStateValue(state=cri.SANDBOX_READY)


async def ids(node: Node, **conditions: object) -> list[str]:
    wanted = cri.PodSandboxFilter(**conditions)  # type: ignore[arg-type]
    listed = [item.id for item in (await node.client("ListPodSandbox", filter=wanted)).items]
    chunks = await node.client.stream("StreamPodSandboxes", filter=wanted)
    assert [item.id for chunk in chunks for item in chunk.pod_sandboxes] == listed
    return listed


def test_every_condition_of_the_filter_must_hold(node: Run) -> None:
    async def scenario(node: Node) -> None:
        first = await node.run_pod(labels={"app": "web", "tier": "front"})
        second = await node.run_pod(name="db", labels={"app": "db"})
        await node.client("StopPodSandbox", pod_sandbox_id=second)
        assert await ids(node) == [first, second]
        assert await ids(node, state=READY) == [first]
        assert await ids(node, id=first[:13]) == [first]
        assert await ids(node, id="unknown") == []
        assert await ids(node, label_selector={"app": "db"}) == [second]
        assert await ids(node, label_selector={"app": "web", "tier": "back"}) == []
        assert await ids(node, id=second, state=READY) == []

    node(scenario)


def test_an_ambiguous_id_matches_nothing(node: Run) -> None:
    async def scenario(node: Node) -> None:
        created = [await node.run_pod(attempt=attempt) for attempt in range(17)]
        first = created[0][0]
        expected = created if sum(each[0] == first for each in created) == 1 else []
        assert len(await ids(node, id="")) == 17
        prefixes = [digit for digit in "0123456789abcdef" if sum(each[0] == digit for each in created) > 1]
        assert prefixes, "17 ids have 16 first digits"
        assert await ids(node, id=prefixes[0]) == []
        assert first in prefixes or expected

    node(scenario)


def test_what_the_kubelet_reads_is_there(node: Run) -> None:
    async def scenario(node: Node) -> None:
        await node.run_pod(labels={"a": "b"}, annotations={"c": "d"})
        [item] = (await node.client("ListPodSandbox")).items
        assert item.metadata.uid == "uid-web"
        assert (dict(item.labels), dict(item.annotations)) == ({"a": "b"}, {"c": "d"})
        assert item.created_at > 0

    node(scenario)
