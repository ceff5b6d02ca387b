from pathlib import Path

import pytest

from cri_server import container_mounts
from cri_server.container_volumes import Volume
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from image_store.image_files import ImageFiles
from image_store.resources import Resource
from sandbox.specs import MountSpec


def resolve(host: Path, container: str, **fields: object) -> MountSpec:
    mount = cri.Mount(host_path=str(host), container_path=container, **fields)  # type: ignore[arg-type]
    [resolved] = container_mounts.resolved(cri.ContainerConfig(mounts=[mount]), [], "/no/such/folder")
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
    targets = [mount.target for mount in container_mounts.etc_mounts("/state/pod", own)]
    assert targets == ["/etc/hostname", "/etc/resolv.conf"]
    assert [mount.source for mount in container_mounts.etc_mounts("/state/pod", [])] == [
        "/state/pod/hosts",
        "/state/pod/hostname",
        "/state/pod/resolv.conf",
    ]


def test_a_volume_at_etc_is_left_alone() -> None:
    assert container_mounts.etc_mounts("/state/pod", [MountSpec("/volume", "/etc", False, False)]) == []


def test_who_the_container_runs_as_is_shown_unless_it_mounts_a_proc_of_its_own() -> None:
    [given] = container_mounts.status_mounts("/root/container", [MountSpec("/volume", "/data", False, False)])
    assert given == MountSpec("/root/container/status", "/proc/self/status", readonly=True, propagate=False)
    for target in ("/proc", "/proc/self", "/proc/self/status"):
        assert container_mounts.status_mounts("/root/container", [MountSpec("/volume", target, False, False)]) == []


def test_the_tables_of_the_pods_network_are_shown_unless_the_container_mounts_a_proc_of_its_own() -> None:
    [given] = container_mounts.socket_mounts(42, [MountSpec("/volume", "/data", False, False)])
    assert given == MountSpec("/proc/42/net", "/proc/net", readonly=True, propagate=False)
    for target in ("/proc", "/proc/net"):
        assert container_mounts.socket_mounts(42, [MountSpec("/volume", target, False, False)]) == []


def test_recursively_read_only_as_asked(tmp_path: Path) -> None:
    assert resolve(tmp_path, "/data", readonly=True, recursive_read_only=True).recursive
    assert not resolve(tmp_path, "/data", readonly=True).recursive


def test_devices_are_given_unless_the_container_mounts_its_own() -> None:
    own = [MountSpec("/volume", "/dev/zero", False, False), MountSpec("/volume", "/dev/shm", False, False)]
    targets = [mount.target for mount in container_mounts.device_mounts(own)]
    assert targets == ["/dev/null", "/dev/full", "/dev/random", "/dev/urandom"]
    assert all(mount.device and mount.readonly for mount in container_mounts.device_mounts([]))
    assert container_mounts.device_mounts([MountSpec("/volume", "/dev", False, False)]) == []


def test_paths_that_no_container_has_cost_nothing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ls").touch()
    (tmp_path / "proc").mkdir()
    (tmp_path / "lib").symlink_to("/data")
    made = ["/data/x", "/", "/proc/self/status"]
    paths = [
        "/proc/kcore",
        "/sys/firmware",
        "/bin/ls",
        "data/x/secret",
        "//bin/../bin/ls",
        "/data",
        "/lib/x",
        "/bin/no",
    ]
    kept = ["/bin/ls", "/data/x/secret", "/bin/ls", "/data", "/lib/x"]
    assert container_mounts.present(paths, str(tmp_path), made) == kept
    assert container_mounts.present(paths, "", []) == []


def volume(path: Path, file_name: str = "") -> Volume:
    return Volume("image data:1", "sha256:1", ImageFiles(Resource("tree", "1"), path, file_name))


def of_image(found: Volume, folder: Path, **fields: object) -> MountSpec:
    image = cri.ImageSpec(image="data:1")
    mount = cri.Mount(container_path="/data", image=image, readonly=True, **fields)  # type: ignore[arg-type]
    [resolved] = container_mounts.resolved(cri.ContainerConfig(mounts=[mount]), [found], str(folder))
    return resolved


def test_an_image_is_mounted_to_be_read(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    assert of_image(volume(tmp_path), tmp_path) == MountSpec(str(tmp_path), "/data", readonly=True, propagate=False)
    assert of_image(volume(tmp_path), tmp_path, image_sub_path="etc").source == str(tmp_path / "etc")


@pytest.mark.parametrize("sub_path", ["../..", "/", "host", "a/../../..", "up"])
def test_no_sub_path_leads_out_of_the_image(tmp_path: Path, sub_path: str) -> None:
    image = tmp_path / "deep" / "image"
    image.mkdir(parents=True)
    (image / "host").symlink_to("/")
    (image / "up").symlink_to("../../..")
    assert of_image(volume(image), tmp_path, image_sub_path=sub_path).source in (str(image), f"{image}/")


@pytest.mark.parametrize("sub_path", ["missing", "host/etc/passwd", "../../etc/passwd"])
def test_a_sub_path_that_is_not_in_the_image_is_refused(tmp_path: Path, sub_path: str) -> None:
    image = tmp_path / "image"
    image.mkdir()
    (image / "host").symlink_to("/")
    with pytest.raises(InvalidRequest, match="^ImageVolumeMountFailed: image data:1 has no "):
        of_image(volume(image), tmp_path, image_sub_path=sub_path)


def test_an_artifact_is_a_folder_with_its_file(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"\0asm")
    artifact = volume(blob, "main.wasm")
    source = of_image(artifact, tmp_path / "container").source
    assert [(file.name, file.read_bytes()) for file in Path(source).iterdir()] == [("main.wasm", b"\0asm")]
    alone = of_image(artifact, tmp_path / "container", image_sub_path="main.wasm").source
    assert Path(alone) == Path(source, "main.wasm")
    with pytest.raises(InvalidRequest, match="has no 'other'"):
        of_image(artifact, tmp_path / "container", image_sub_path="other")
