from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run
from tests.cri_server.version_2_group import group_of_pod, use_version_2


async def ids(node: Node, **conditions: object) -> list[str]:
    wanted = cri.PodSandboxStatsFilter(**conditions) if conditions else None  # type: ignore[arg-type]
    listed = [item.attributes.id for item in (await node.client("ListPodSandboxStats", filter=wanted)).stats]
    chunks = await node.client.stream("StreamPodSandboxStats", filter=wanted)
    assert [item.attributes.id for chunk in chunks for item in chunk.pod_sandbox_stats] == listed
    return listed


def test_every_condition_of_the_filter_must_hold_and_only_ready_ones_are_listed(node: Run) -> None:
    async def scenario(node: Node) -> None:
        web, db = await node.run_pod(labels={"app": "web"}), await node.run_pod(name="db", labels={"app": "db"})
        stopped, vanishing = await node.run_pod(name="stopped"), await node.run_pod(name="vanishing")
        await node.client("StopPodSandbox", pod_sandbox_id=stopped)
        use_version_2(node)
        for sandbox_id in (web, db, stopped):
            group_of_pod(node, sandbox_id)
        assert await ids(node) == [web, db]
        assert await ids(node, id=web[:16]) == [web]
        assert await ids(node, id=vanishing) == []
        assert await ids(node, label_selector={"app": "db"}) == [db]
        assert await ids(node, label_selector={"app": "db"}, id=web) == []

    node(scenario)
