from pathlib import Path

import pytest

from cri_server import container_mounts
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from sandbox.specs import MountSpec


def resolve(host: Path, container: str, **fields: object) -> MountSpec:
    mount = cri.Mount(host_path=str(host), container_path=container, **fields)  # type: ignore[arg-type]
    [resolved] = container_mounts.resolved(cri.ContainerConfig(mounts=[mount]))
    return resolved


def test_a_symlinked_host_path_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert resolve(tmp_path / "link", "/data/").source == str(tmp_path / "real")


def test_a_missing_host_path_is_made(tmp_path: Path) -> None:
    resolved = resolve(tmp_path / "new" / "dir", "/data")
    assert Path(resolved.source).is_dir()
    assert Path(resolved.source).stat().st_mode & 0o777 == 0o755


def test_a_host_path_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="does not exist and cannot be made: Not a directory"):
        resolve(tmp_path / "file" / "below", "/data")


def test_flags_of_the_request_reach_the_guest(tmp_path: Path) -> None:
    resolved = resolve(tmp_path, "//data/./x/", readonly=True, propagation=cri.PROPAGATION_HOST_TO_CONTAINER)
    assert resolved == MountSpec(str(tmp_path), "/data/x", readonly=True, propagate=True)


def test_the_pods_files_are_mounted_unless_the_container_mounts_its_own() -> None:
    own = [MountSpec("/kubelet/hosts", "/etc/hosts", False, False)]
    targets = [mount.target for mount in container_mounts.etc_mounts("/state/pod", own, readonly=True)]
    assert targets == ["/etc/hostname", "/etc/resolv.conf"]
    assert [mount.source for mount in container_mounts.etc_mounts("/state/pod", [], False)] == [
        "/state/pod/hosts",
        "/state/pod/hostname",
        "/state/pod/resolv.conf",
    ]


def test_a_volume_at_etc_is_left_alone() -> None:
    assert container_mounts.etc_mounts("/state/pod", [MountSpec("/volume", "/etc", False, False)], False) == []
