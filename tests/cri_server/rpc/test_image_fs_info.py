from pathlib import Path

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_the_kubelet_finds_an_existing_directory_and_figures(node: Run) -> None:
    async def scenario(node: Node) -> None:
        [usage] = (await node.client("ImageFsInfo")).image_filesystems
        assert Path(usage.fs_id.mountpoint).is_dir()
        assert usage.HasField("used_bytes")
        assert (usage.used_bytes.value, usage.inodes_used.value) == (1000, 10)
        assert usage.timestamp > 0

    node(scenario)


def test_what_containers_have_written_is_told_apart(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.create(await node.run_pod())
        container = node.runtime.container(container_id)
        Path(container.guest.layer, "upper", "large").write_bytes(bytes(1 << 20))
        node.runtime.usage_sampler.sample(node.runtime.cgroup_layout, [container], [])
        [usage] = (await node.client("ImageFsInfo")).container_filesystems
        assert Path(usage.fs_id.mountpoint).is_dir()
        assert usage.used_bytes.value >= 1 << 20
        assert usage.inodes_used.value >= 2
        assert usage.timestamp > 0

    node(scenario)
