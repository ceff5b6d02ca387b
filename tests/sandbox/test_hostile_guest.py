"""Guests that look for a way out, take all they can get, or disturb others."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import SandboxError
from sandbox.pod_process_link import PodProcess
from sandbox.specs import GuestSpec, MountSpec, PodSpec
from tests.guests.compiled import guest
from tests.sandbox.conftest import Exits, Node, log_lines

TIMES = 3000


class Volume:
    """A folder of the host for the pod, beside a file that is the host's alone."""

    def __init__(self, folder: Path) -> None:
        self.secret = folder / "secret"
        self.secret.write_text("outside")
        self.folder = folder / "volume"
        self.folder.mkdir()
        self.mounts = [MountSpec(str(self.folder), "/data", readonly=False, propagate=False)]

    def furnish_door(self) -> None:
        """``door`` is a directory, ``trap`` leads out of the volume, by its name."""
        self.folder.joinpath("door").mkdir()
        self.folder.joinpath("door", "secret").write_text("inside")
        self.folder.joinpath("trap").symlink_to(self.secret.parent)


@pytest.fixture
def volume(node: Node) -> Volume:
    guest("hostile")
    return Volume(node.folder)


def lines(spec: GuestSpec) -> list[str]:
    return [content for _, _, content in log_lines(spec)]


async def exited(node: Node, process: PodProcess, spec: GuestSpec) -> tuple[int, list[str]]:
    exits = Exits(process)
    await process.start(spec.container_id, node.write(spec))
    return (await exits.next()).exit_code, lines(spec)


async def run(node: Node, pod: PodSpec, spec: GuestSpec) -> tuple[int, list[str]]:
    """Its exit code and its log."""
    async with node.processes() as processes:
        return await exited(node, await processes.run(pod), spec)


@pytest.mark.parametrize("lower", [False, True])
def test_no_way_leads_to_a_file_of_the_host(node: Node, tmp_path: Path, volume: Volume, lower: bool) -> None:
    """Neither by the pod's own layer nor by the files of an image that helps."""
    image = tmp_path / "image"
    image.joinpath("data").mkdir(parents=True)
    image.joinpath("proc").symlink_to("/")
    image.joinpath("secret").symlink_to(volume.secret)
    pod = node.pod_spec()
    spec = node.guest_spec(
        pod, "hostile", "escape", str(volume.secret), mounts=volume.mounts, lower=str(image) if lower else ""
    )
    assert asyncio.run(run(node, pod, spec)) == (0, ["0 ways out"])
    assert volume.secret.read_text() == "outside"
    assert volume.secret.stat().st_nlink == 1


def test_a_file_that_the_pod_mounts_is_reached(node: Node, volume: Volume) -> None:
    """Without this, finding nothing would prove nothing."""
    mounts = [*volume.mounts, MountSpec(str(volume.secret), str(volume.secret), readonly=True, propagate=False)]
    pod = node.pod_spec()
    exit_code, found = asyncio.run(
        run(node, pod, node.guest_spec(pod, "hostile", "escape", str(volume.secret), mounts=mounts))
    )
    assert exit_code == 1
    assert f"out by {volume.secret}" in found


def test_the_hosts_proc_has_no_link_that_leads_out(node: Node, volume: Volume) -> None:
    """Not even that of a process which the guest's user may examine."""
    volume.secret.chmod(0o644)
    volume.folder.chmod(0o777)
    outside = node.folder / "outside"
    outside.mkdir()
    volume.secret.rename(outside / "secret")
    user: dict[str, Any] = {"user": 1000, "group": 1000, "extra_groups": []}
    with subprocess.Popen(["sleep", "600"], cwd=outside, **user) as of_host:
        try:
            secret = f"/proc/{of_host.pid}/cwd/secret"
            assert subprocess.check_output(["cat", secret], cwd="/", text=True, **user) == "outside"
            mounts = [*volume.mounts, MountSpec("/proc", "/proc", readonly=True, propagate=False)]
            spec = node.guest_spec(node.pod_spec(), "hostile", "escape", secret, mounts=mounts)
            spec = spec._replace(uid=1000, gid=1000, groups=[1000])
            pod = node.pod_spec(cgroup=spec.pod_cgroup)
            assert asyncio.run(run(node, pod, spec)) == (0, ["0 ways out"])
        finally:
            of_host.kill()


def test_a_door_that_is_swapped_while_it_is_entered_leads_nowhere(node: Node, volume: Volume) -> None:
    """Two containers of a pod share a volume: the one changes what the other opens, at any moment."""
    volume.furnish_door()

    async def scenario() -> None:
        async with node.processes() as processes:
            pod = node.pod_spec()
            process = await processes.run(pod)
            swapping = node.guest_spec(pod, "hostile", "swap", mounts=volume.mounts)
            await process.start(swapping.container_id, node.write(swapping))
            entering = node.guest_spec(pod, "hostile", "enter", str(TIMES), mounts=volume.mounts)
            assert await exited(node, process, entering) == (0, ["inside and not, 0 ways out"])

    asyncio.run(scenario())


def test_open_files_are_limited_and_the_guest_is_told(node: Node, volume: Volume) -> None:
    pod = node.pod_spec()
    spec = node.guest_spec(pod, "hostile", "open", mounts=volume.mounts)
    exit_code, [line] = asyncio.run(run(node, pod, spec))
    assert (exit_code, line.rpartition(", and ")[2]) == (0, "not before")


def test_a_flood_of_output_disturbs_no_other_container(node: Node) -> None:
    async def scenario() -> None:
        async with node.processes() as processes:
            pod = node.pod_spec()
            process = await processes.run(pod)
            flooding = node.guest_spec(pod, "tool", "flood", "1000000000")
            await process.start(flooding.container_id, node.write(flooding))
            for _ in range(3):
                exit_code, [line] = await exited(node, process, node.guest_spec(pod, "tool", "print", "heard"))
                assert (exit_code, line) == (0, "heard")
            exits = Exits(process)
            await process.signal(flooding.container_id, 9)
            assert (await exits.next()).exit_code == 137

    guest("tool")
    asyncio.run(scenario())


def test_there_are_no_threads_to_be_made(node: Node) -> None:
    with pytest.raises(SandboxError, match="thread-spawn"):
        asyncio.run(run(node, pod := node.pod_spec(), node.guest_spec(pod, "threads")))
