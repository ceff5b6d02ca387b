"""What a pod process writes of its guests, also where the disk takes no more."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from sandbox import run_record
from sandbox.errors import GuestGone, SandboxError
from sandbox.pod_process_link import PodProcess
from sandbox.pod_processes import PodProcesses
from sandbox.specs import GuestSpec, PodSpec
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.one_pod import descriptors, in_pod, start, until


def test_both_streams_and_a_terminal(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        for tty, streams in ((False, {"stdout", "stderr"}), (True, {"stdout"})):
            spec = node.guest_spec(pod, "both_streams", tty=tty)
            await start(process, node, spec)
            await exits.next()
            assert {stream for stream, _, _ in log_lines(spec)} == streams
            assert not any("\r" in content for _, _, content in log_lines(spec))

    in_pod(node, scenario)


def test_a_flood_loses_no_line(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "flood", "300000")
        await start(process, node, spec)
        assert (await exits.next()).exit_code == 0
        numbers = [int(content.split()[-1]) for _, _, content in log_lines(spec)]
        assert len(numbers) == 300_000
        assert numbers == list(range(numbers[0], numbers[0] + 300_000))

    in_pod(node, scenario)


def test_rotation_splits_no_line_and_loses_none(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits, parts = Exits(process), list[Path]()
        while not parts:
            spec = node.guest_spec(pod, "flood", "300000")
            await start(process, node, spec)
            path, parts = Path(spec.log_path), await rotate(process, spec)
            await exits.next()
        text = b"".join(part.read_bytes() for part in [*parts, path])
        assert text.count(b"\n") == 300_000
        assert all(part.read_bytes()[-1:] in (b"", b"\n") for part in parts)

    in_pod(node, scenario)


async def rotate(process: PodProcess, spec: GuestSpec) -> list[Path]:
    """Former logs, up to 20: none where the guest has been quicker."""
    path, parts = Path(spec.log_path), list[Path]()
    for number in range(20):
        part = path.with_suffix(f".{number}")
        path.rename(part)
        try:
            await process.reopen_log(spec.container_id, spec.log_path)
        except GuestGone:
            part.rename(path)
            break
        parts.append(part)
        assert path.exists()
    return parts


def test_reopening_the_log_of_none_is_refused(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        with pytest.raises(GuestGone, match="not running"):
            await process.reopen_log("nobody", "")

    in_pod(node, scenario)


def test_without_a_log_there_is_nothing_to_reopen(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "sleeper", log_path="")
        await start(process, node, spec)
        await process.reopen_log(spec.container_id, "")

    in_pod(node, scenario)


def test_a_full_disk_blocks_the_log_and_loses_nothing(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "flood", "100000", log_path=str(node.small_disk(1 << 20) / "0.log"))
        filler = Path(spec.log_path).with_name("filler")
        filler.write_bytes(b"x" * (900 << 10))
        await start(process, node, spec)
        await until(lambda: Path(spec.log_path).stat().st_size > 50_000)
        await asyncio.sleep(0.3)
        assert not run_record.read(spec.run_path).finished_at
        node.grow_disk(64 << 20)
        assert (await exits.next()).exit_code == 0
        assert len(log_lines(spec)) == 100_000

    in_pod(node, scenario)


async def reopen_until_refused(process: PodProcess, spec: GuestSpec) -> None:
    """Until the guest has written."""
    while True:
        await process.reopen_log(spec.container_id, spec.log_path)


def test_an_empty_log_that_cannot_be_reopened_stays(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        path = node.small_disk(1 << 20) / "0.log"
        path.with_name("filler").write_bytes(b"x" * ((1 << 20) - os.sysconf("SC_PAGE_SIZE")))
        path.with_name("rest").write_bytes(b"x")
        assert os.statvfs(path.parent).f_bavail == 0
        spec = node.guest_spec(pod, "flood", "100000", log_path=str(path))
        await start(process, node, spec)
        with pytest.raises(SandboxError, match="takes no more"):
            await reopen_until_refused(process, spec)
        node.grow_disk(64 << 20)
        await exits.next()
        await until(lambda: path.exists() and len(log_lines(spec)) == 100_000)

    in_pod(node, scenario)


def test_what_a_full_disk_did_not_take_is_written_after_the_guests_end(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        before = len(descriptors(process.pid))
        spec = node.guest_spec(pod, "flood", "100000", log_path=str(node.small_disk(1 << 20) / "0.log"))
        await start(process, node, spec)
        await until(lambda: os.statvfs(spec.log_path).f_bavail == 0)
        with pytest.raises(SandboxError, match="takes no more"):
            await reopen_until_refused(process, spec)
        await process.signal(spec.container_id, signal.SIGTERM)
        assert (await exits.next()).exit_code == 143
        node.grow_disk(64 << 20)
        await until(lambda: len(descriptors(process.pid)) == before + 1)  # the guest's code; the log is closed
        numbers = [int(content.split()[-1]) for _, tag, content in log_lines(spec) if tag == "F"]
        assert numbers == list(range(1_000_000, 1_000_000 + len(numbers)))
        assert Path(spec.log_path).stat().st_size > 1 << 20

    in_pod(node, scenario)
