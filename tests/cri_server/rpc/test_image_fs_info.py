from dataclasses import replace
from pathlib import Path

import pytest

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
        assert usage.used_bytes.value >= 1 << 20
        assert usage.inodes_used.value >= 2
        assert usage.timestamp > 0

    node(scenario)


@pytest.mark.parametrize("is_shared", [True, False])
def test_one_file_system_has_one_name(node: Run, is_shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRI: the kubelet takes different mount points for different disks."""

    async def scenario(node: Node) -> None:
        place = Path(node.paths.root if is_shared else "/dev/shm")
        usage = replace(node.runtime.images.usage(), mountpoint=place)
        monkeypatch.setattr(node.runtime.images, "usage", lambda: usage)
        told = await node.client("ImageFsInfo")
        [images], [layers] = told.image_filesystems, told.container_filesystems
        assert images.fs_id.mountpoint == str(place)
        assert layers.fs_id.mountpoint == (str(place) if is_shared else node.paths.pods)

    node(scenario)
