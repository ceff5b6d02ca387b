"""The root of a container as its guest finds it: layer, mounts, and nothing else."""

import asyncio
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import pod_process_link, run_record, start_files, syscalls
from sandbox.errors import StartFailure
from sandbox.mount_places import MountPlaces, apart
from sandbox.specs import GuestSpec, MountSpec, Run
from sandbox.start_files import StartFiles
from tests.guests.compiled import guest
from tests.prerequisites import require_file
from tests.sandbox.conftest import Exits, Node, log_lines

_MS_SHARED = 1 << 20


def started(node: Node, spec: GuestSpec, look: Callable[[Path], None] = lambda root: None) -> Run:
    """``look`` at the root of the running guest. Its run when it has ended, or been killed after that."""

    async def scenario() -> Run:
        async with node.processes() as processes:
            process = await processes.run(node.pod_spec(cgroup=spec.pod_cgroup))
            exits = Exits(process)
            run = await process.start(spec.container_id, node.write(spec))
            if spec.argv[0] == "tool":
                return await exits.next()
            look(Path(f"/proc/{run.pid}/root"))
            return run

    return asyncio.run(scenario())


def idle(node: Node, **changes: Any) -> GuestSpec:
    return node.guest_spec(node.pod_spec(), "sleeper", **changes)


def tool(node: Node, command: str, **changes: Any) -> list[str]:
    """What the tool prints."""
    guest("tool")
    spec = node.guest_spec(node.pod_spec(), "tool", *command.split(), **changes)
    started(node, spec)
    return [content for _, _, content in log_lines(spec)]


def is_refused(line: str) -> bool:
    """WASI preview 1 of wasmtime has no word for a read-only file system."""
    return line.startswith("tool: ") and line.endswith("I/O error")


def mount(source: Path | str, target: str, readonly: bool = False, propagate: bool = False) -> MountSpec:
    return MountSpec(str(source), target, readonly, propagate)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The files of an image."""
    root = tmp_path / "image"
    for folder in ("etc", "run", "var", "empty"):
        (root / folder).mkdir(parents=True)
    (root / "etc" / "hosts").write_text("of the image\n")
    (root / "var" / "run").symlink_to("/run")
    (root / "up").symlink_to("../../../../../..")
    (root / "host").symlink_to("/")
    return root


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.joinpath("note").write_text("of the volume\n")
    return folder


def test_what_a_guest_writes_goes_to_its_own_layer(node: Node, image: Path) -> None:
    command = "write /etc/hosts mine then cat /etc/hosts then rm /var/run then ls /var"
    assert tool(node, command, lower=str(image)) == ["mine"]
    assert tool(node, "cat /etc/hosts", lower=str(image)) == ["of the image"]
    assert image.joinpath("etc", "hosts").read_text() == "of the image\n"
    assert image.joinpath("var", "run").is_symlink()


def test_the_end_of_a_container_makes_nobody_wait_for_the_disk(node: Node, image: Path) -> None:
    """The kernel's sign of an overlay that is not synced, with all else on its disk, when it goes."""
    spec = idle(node, lower=str(image))
    started(node, spec, lambda root: None)
    assert Path(spec.layer, "work", "work", "incompat", "volatile").is_dir()


def test_a_start_that_a_dead_server_had_begun_is_begun_anew(node: Node, image: Path) -> None:
    spec = node.guest_spec(node.pod_spec(), "tool", "cat", "/etc/os-release", lower=str(image))
    path = node.write(spec)

    async def begin() -> None:
        places = MountPlaces(str(node.folder))
        await places.open()
        (await apart(lambda: start_files.open_all(places, path, "/proc/self/ns/net"), StartFiles.close)).close()
        places.close()

    asyncio.run(begin())
    assert not started(node, spec).reason.startswith("StartError")


def test_nothing_of_the_host_is_left(node: Node, image: Path) -> None:
    def look(root: Path) -> None:
        assert sorted(os.listdir(root)) == sorted(os.listdir(image))
        assert root.parent.joinpath("mounts").read_text() == ""

    started(node, idle(node, lower=str(image)), look)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/up/etc/passwd", "/host/etc/passwd", "/proc/self/status"])
def test_no_path_leads_out(node: Node, image: Path, path: str) -> None:
    [line] = tool(node, f"cat {path}", lower=str(image))
    assert "tool:" in line


def test_a_directory_and_a_single_file_are_mounted(node: Node, volume: Path) -> None:
    mounts = [mount(volume, "/data"), mount(volume / "note", "/etc/one")]
    command = "ls /data then cat /etc/one then write /data/new text then append /etc/one more"
    assert tool(node, command, mounts=mounts) == ["note", "of the volume"]
    assert volume.joinpath("new").read_text() == "text"
    assert volume.joinpath("note").read_text() == "of the volume\nmore"


@pytest.mark.parametrize("command", ["write /data/new x", "append /data/note x", "rm /data/note", "mkdir /data/d"])
def test_what_is_mounted_to_be_read_is_not_written(node: Node, volume: Path, command: str) -> None:
    [line] = tool(node, command, mounts=[mount(volume, "/data", readonly=True)])
    assert is_refused(line)
    assert [entry.name for entry in volume.iterdir()] == ["note"]


def test_a_read_only_root_has_writable_volumes(node: Node, image: Path, volume: Path) -> None:
    words = {"lower": str(image), "readonly_root": True, "mounts": [mount(volume, "/data/deep")]}
    assert tool(node, "write /data/deep/new x then cat /data/deep/new", **words) == ["x"]
    for command in ("write /new x", "write /etc/hosts x", "mkdir /data/beside", "rm /etc/hosts"):
        assert is_refused(tool(node, command, **words)[0])


def test_a_target_below_a_symlink_of_the_image_stays_inside(node: Node, image: Path, volume: Path) -> None:
    name = secrets.token_hex(8)
    mounts = [mount(volume, f"/{path}") for path in ("var/run/secrets", f"up/tmp/{name}", f"host/{name}")]

    def look(root: Path) -> None:
        for target in ("run/secrets", f"tmp/{name}", name):
            assert (root / target / "note").exists()

    started(node, idle(node, lower=str(image), mounts=mounts), look)
    assert not Path("/tmp", name).exists()
    assert not Path("/", name).exists()


def test_mounts_in_any_order(node: Node, tmp_path: Path) -> None:
    sources = {}
    for name in ("a", "b", "c"):
        sources[name] = tmp_path / name
        sources[name].mkdir()
        sources[name].joinpath(name).touch()
    mounts = [mount(sources["c"], "/a/b/c"), mount(sources["a"], "/a"), mount(sources["b"], "/a/b")]

    def look(root: Path) -> None:
        for path in ("a/a", "a/b/b", "a/b/c/c"):
            assert (root / path).exists()

    started(node, idle(node, mounts=mounts), look)


def test_a_mount_point_below_a_read_only_mount(node: Node, tmp_path: Path, volume: Path) -> None:
    outer = tmp_path / "outer"
    outer.joinpath("inner").mkdir(parents=True)
    mounts = [mount(outer, "/outer", readonly=True), mount(volume, "/outer/inner")]
    assert is_refused(tool(node, "write /outer/inner/new x then write /outer/new x", mounts=mounts)[0])
    assert volume.joinpath("new").exists()
    mounts = [mount(outer, "/outer", readonly=True), mount(volume, "/outer/missing")]
    with pytest.raises(StartFailure, match=r"/outer/missing.*Read-only"):
        started(node, idle(node, mounts=mounts))


def test_read_only_is_not_handed_to_mounts_below(node: Node, tmp_path: Path) -> None:
    """CRI: readonly alone is of the one mount; recursive_read_only would be of all."""
    disk = node.small_disk(1 << 20)
    assert tool(node, "write /v/disk/new x then write /v/new x", mounts=[mount(disk.parent, "/v", True)])
    assert disk.joinpath("new").exists()
    assert not disk.parent.joinpath("new").exists()


def test_recursively_read_only_are_the_mounts_below_too(node: Node) -> None:
    disk = node.small_disk(1 << 20)
    volume = mount(disk.parent, "/v", True)._replace(recursive=True)
    [line] = tool(node, "write /v/disk/new x", mounts=[volume])
    assert is_refused(line)
    assert not list(disk.iterdir())


def test_an_image_without_files_has_a_folder_for_temporary_ones(node: Node) -> None:
    assert tool(node, "write /tmp/new x then cat /tmp/new", uid=1000, gid=1000, groups=[1000]) == ["x"]


HARMLESS_DEVICE = os.ST_NOSUID | os.ST_NOEXEC | os.ST_RDONLY
COVER = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_RDONLY


def devices() -> list[MountSpec]:
    return [mount(f"/dev/{name}", f"/dev/{name}", True)._replace(device=True) for name in ("null", "zero", "full")]


def test_devices_work_and_stay_the_hosts(node: Node) -> None:
    before = Path("/dev/null").stat()
    command = "write /dev/null x then append /dev/null x then cat /dev/null then ls /dev"
    assert tool(node, command, mounts=devices()) == ["full", "null", "zero"]
    assert "space" in tool(node, "write /dev/full x", mounts=devices())[0]
    tool(node, "rm /dev/null", mounts=devices())

    def look(root: Path) -> None:
        with pytest.raises(OSError, match="Read-only"):
            (root / "dev" / "null").chmod(0o666)

    started(node, idle(node, mounts=devices()), look)
    assert Path("/dev/null").stat().st_mode == before.st_mode


def test_a_device_of_a_volume_is_none(node: Node, volume: Path) -> None:
    os.mknod(volume / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert "tool:" in tool(node, "write /data/null x", mounts=[mount(volume, "/data")])[0]


@pytest.mark.parametrize("path", ["/etc/hosts", "/etc", "/data/note", "/data"])
def test_a_masked_path_is_there_and_cannot_be_opened(node: Node, image: Path, volume: Path, path: str) -> None:
    words = {
        "lower": str(image),
        "mounts": [mount(volume, "/data")],
        "masked_paths": [path, "/proc/kcore", "/etc/hosts/x"],
    }
    look = "ls" if path in ("/etc", "/data") else "cat"
    [line] = tool(node, f"{look} {path}", **words)
    assert "denied" in line
    assert "tool:" in tool(node, f"write {path} x", **words)[0]
    assert volume.joinpath("note").read_text() == "of the volume\n"


@pytest.mark.parametrize(
    ("path", "renamed", "inside"),
    [("/data/note", "/data/other", ""), ("/data/deep", "/data/other", "/note"), ("/etc/hosts", "/etc/other", "")],
)
def test_what_is_masked_stays_so_under_another_name(
    node: Node, image: Path, volume: Path, path: str, renamed: str, inside: str
) -> None:
    volume.joinpath("deep").mkdir()
    volume.joinpath("deep", "note").write_text("deep in the volume\n")
    words: dict[str, Any] = {"lower": str(image), "mounts": [mount(volume, "/data")], "masked_paths": [path]}
    [line] = tool(node, f"rename {path} {renamed} then cat {renamed}{inside}", **words)
    assert "denied" in line or "busy" in line


def test_a_read_only_path_is_not_written(node: Node, image: Path, volume: Path) -> None:
    words = {"lower": str(image), "mounts": [mount(volume, "/data")], "readonly_paths": ["/etc", "/data", "/proc/sys"]}
    for command in ("write /etc/new x", "write /etc/hosts x", "write /data/note x", "rm /data/note"):
        assert is_refused(tool(node, command, **words)[0])
    assert tool(node, "cat /data/note then write /new x", **words) == ["of the volume"]


def test_a_masked_symlink_masks_what_it_leads_to_inside(node: Node, image: Path) -> None:
    (image / "host").unlink()
    (image / "secret").symlink_to("/etc/hosts")
    assert "denied" in tool(node, "cat /etc/hosts", lower=str(image), masked_paths=["/secret"])[0]


@pytest.mark.parametrize("lower", [False, True])
def test_nothing_in_a_container_gives_rights(node: Node, image: Path, volume: Path, lower: bool) -> None:
    """Neither a set-user-id program nor, but for the harmless ones, a device."""
    covered = "etc/hosts" if lower else "data/note"

    def look(root: Path) -> None:
        for path in ("", "data", covered):
            flags = os.statvfs(root / path).f_flag
            assert flags & os.ST_NOSUID, path
            assert flags & os.ST_NODEV, path
        assert os.statvfs(root / "dev" / "null").f_flag & HARMLESS_DEVICE == HARMLESS_DEVICE
        assert os.statvfs(root / covered).f_flag & COVER == COVER

    words: dict[str, Any] = {"mounts": [mount(volume, "/data"), *devices()], "masked_paths": ["/" + covered]}
    started(node, idle(node, lower=str(image) if lower else "", **words), look)


def test_a_symlinked_source_is_followed_on_the_host(node: Node, tmp_path: Path, volume: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(volume)
    assert tool(node, "cat /data/note", mounts=[mount(link, "/data")]) == ["of the volume"]


def test_a_missing_source_is_a_failed_start(node: Node, tmp_path: Path) -> None:
    with pytest.raises(StartFailure, match="missing' at '/data' failed: No such file"):
        started(node, idle(node, mounts=[mount(tmp_path / "missing", "/data")]))


@pytest.mark.filterwarnings("error")  # of the thread that has waited, and has nobody to tell at its end
def test_a_source_that_does_not_answer_is_a_failed_start(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a file server that is down."""
    monkeypatch.setattr(pod_process_link, "_OPEN_SECONDS", 0.5, raising=False)
    spec = idle(node)._replace(mounts=[mount(tmp_path / "served" / "folder", "/data")])
    tmp_path.joinpath("served").mkdir()
    server = os.open(require_file("/dev/fuse", "load the module fuse"), os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    syscalls.mount("served", str(tmp_path / "served"), "fuse", 0, options)
    try:
        with pytest.raises(StartFailure, match="did not start within .* mounts wait for"):
            started(node, spec)
    finally:
        os.close(server)
        syscalls.unmount(str(tmp_path / "served"), syscalls.MNT_DETACH)
    assert run_record.read(spec.run_path).exit_code == 128


def test_a_mount_on_what_is_of_the_other_kind_is_a_failed_start(node: Node, image: Path, volume: Path) -> None:
    for source, target in ((volume, "/etc/hosts"), (volume / "note", "/etc")):
        with pytest.raises(StartFailure, match=f"at '{target}' failed"):
            started(node, idle(node, lower=str(image), mounts=[mount(source, target)]))


@pytest.mark.parametrize("propagate", [False, True])
def test_a_later_mount_of_the_host_is_seen_where_that_is_asked_for(node: Node, tmp_path: Path, propagate: bool) -> None:
    shared = tmp_path / "shared"
    shared.joinpath("later").mkdir(parents=True)
    syscalls.mount(str(shared), str(shared), "", syscalls.MS_BIND)
    syscalls.mount("", str(shared), "", _MS_SHARED)

    def look(root: Path) -> None:
        syscalls.mount("tmpfs", str(shared / "later"), "tmpfs", 0)
        shared.joinpath("later", "seen").touch()
        assert (root / "data" / "later" / "seen").exists() is propagate
        syscalls.unmount(str(shared / "later"), syscalls.MNT_DETACH)
        assert not (root / "data" / "later" / "seen").exists()

    try:
        started(node, idle(node, mounts=[mount(shared, "/data", propagate=propagate)]), look)
    finally:
        syscalls.unmount(str(shared), syscalls.MNT_DETACH)


def mounts_below(folder: str) -> list[str]:
    """On the host, where other tests have some, too."""
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if folder in line]


def test_no_mount_reaches_the_host(node: Node, image: Path, volume: Path) -> None:
    """Not even where the host shares its mounts with whoever has a copy of them, as systemd has it."""
    folder = str(node.folder)
    syscalls.mount(folder, folder, "", syscalls.MS_BIND)
    syscalls.mount("", folder, "", _MS_SHARED)
    try:
        before = mounts_below(folder)

        def look(root: Path) -> None:
            assert mounts_below(folder) == before

        mounts = [mount(volume, "/data"), mount(image, "/data/image"), mount(volume, "/propagated", propagate=True)]
        volume.joinpath("image").mkdir()
        masked = {"masked_paths": ["/etc/hosts", "/data/note"], "readonly_paths": ["/data"]}
        started(node, idle(node, lower=str(image), mounts=mounts, **masked), look)
        started(node, idle(node, mounts=mounts, **masked), look)
    finally:
        syscalls.unmount(folder, syscalls.MNT_DETACH)


def test_a_working_directory_is_made(node: Node, image: Path) -> None:
    started(node, idle(node, lower=str(image), working_dir="/a/b"), lambda root: root.joinpath("a", "b").rmdir())
    with pytest.raises(StartFailure, match="working directory '/etc/hosts' cannot be made"):
        started(node, idle(node, lower=str(image), working_dir="/etc/hosts"))


def test_files_belong_to_the_user(node: Node, volume: Path) -> None:
    volume.chmod(0o777)
    tool(node, "write /data/new x", mounts=[mount(volume, "/data")], uid=1000, gid=1001, groups=[1001])
    found = volume.joinpath("new").stat()
    assert (found.st_uid, found.st_gid) == (1000, 1001)
    assert "denied" in tool(node, "write /new x", uid=1000, gid=1000, groups=[1000])[0]


def test_a_folder_name_with_any_character(node: Node, tmp_path: Path, volume: Path) -> None:
    image = tmp_path / 'ima:ge, with\\ "all"'
    image.mkdir()
    image.joinpath("file").write_text("text\n")
    assert tool(node, "cat /file", lower=str(image)) == ["text"]


def test_a_root_that_cannot_be_made_says_what_and_why(node: Node, tmp_path: Path) -> None:
    with pytest.raises(StartFailure, match=r"image and .*: No such file.*; see that both are there"):
        started(node, idle(node, lower=str(tmp_path / "image")))
