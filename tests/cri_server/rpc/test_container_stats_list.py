from pathlib import Path

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import layout
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run
from tests.cri_server.version_2_group import group_of_container, use_version_2
from tests.real_node import RealNode, eventually


async def ids(node: Node, **conditions: object) -> list[str]:
    wanted = cri.ContainerStatsFilter(**conditions) if conditions else None  # type: ignore[arg-type]
    listed = [item.attributes.id for item in (await node.client("ListContainerStats", filter=wanted)).stats]
    chunks = await node.client.stream("StreamContainerStats", filter=wanted)
    assert [item.attributes.id for chunk in chunks for item in chunk.container_stats] == listed
    return listed


def test_every_condition_of_the_filter_must_hold(node: Run) -> None:
    async def scenario(node: Node) -> None:
        web, db = await node.run_pod(), await node.run_pod(name="db")
        one = await node.start_container(web, labels={"app": "web"})
        other = await node.start_container(db, labels={"app": "db"})
        await node.create(web, name="not-started")
        use_version_2(node)
        for container_id in (one, other):
            group_of_container(node, container_id)
        assert await ids(node) == [one, other]
        assert await ids(node, id=one[:16]) == [one]
        assert await ids(node, id="f" * 64) == []
        assert await ids(node, pod_sandbox_id=db[:16]) == [other]
        assert await ids(node, label_selector={"app": "db"}) == [other]
        assert await ids(node, label_selector={"app": "db"}, pod_sandbox_id=web) == []

    node(scenario)


def test_one_that_vanishes_meanwhile_is_left_out(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        stays, vanishes = [await node.start_container(sandbox_id, name=name) for name in ("stays", "vanishes")]
        use_version_2(node)
        group_of_container(node, stays)
        assert await ids(node) == [stays]
        assert vanishes in [item.id for item in (await node.client("ListContainers")).containers]

    node(scenario)


def test_they_are_what_the_kernel_says_of_real_guests(server: RealNode) -> None:
    sandbox_id = server.run_pod()
    container_ids = {server.start(sandbox_id, "sleeper", name) for name in ("one", "two")}
    ended = server.start(sandbox_id, "hello", "ended")
    server.exited(ended)
    groups = {each: f"{server.server.cgroup_parent}/{sandbox_id}/{each}" for each in container_ids}

    def are_the_kernels() -> bool:
        stats = {each.attributes.id: each for each in server.call("ListContainerStats").stats}
        assert stats.keys() == container_ids
        assert all(each.cpu.usage_core_nano_seconds.value > 0 for each in stats.values())
        return all(each.memory.usage_bytes.value == memory_used(groups[name]) for name, each in stats.items())

    eventually(are_the_kernels)


def memory_used(group: str) -> int:
    """It is charged in batches, also of a guest that does nothing."""
    found = layout.detect()
    folder = found.mounts[0] if found.unified else found.controllers["memory"]
    file = "memory.current" if found.unified else "memory.usage_in_bytes"
    return int(Path(folder + group, file).read_text())


def test_cpu_usage_of_late_appears_by_itself(server: RealNode) -> None:
    container_id = server.start(server.run_pod(), "busy")

    def is_told() -> bool:
        [stats] = server.call("ListContainerStats", filter=cri.ContainerStatsFilter(id=container_id)).stats
        return bool(stats.cpu.usage_nano_cores.value > 0)

    eventually(is_told)
