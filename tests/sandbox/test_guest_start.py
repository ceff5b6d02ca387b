"""Starts of guests in a pod process: what they are given, and starts that fail."""

import asyncio
import contextlib
import random
import resource
import signal
from pathlib import Path

import pytest

from sandbox import run_record
from sandbox.cgroup import tree as cgroup
from sandbox.errors import InvalidSpec, SandboxError, StartFailure
from sandbox.pod_process_link import PodProcess
from sandbox.pod_processes import PodProcesses
from sandbox.specs import GuestSpec, PodSpec, ProgramSpec
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.one_pod import descriptors, in_pod, start, until


async def start_and_kill(at_once: asyncio.Semaphore, process: PodProcess, node: Node, spec: GuestSpec) -> None:
    """The kill comes at any moment: before the guest is forked, while it starts, when it runs."""
    async with at_once:
        starting = asyncio.create_task(start(process, node, spec))
        await asyncio.wait([starting], timeout=random.uniform(0, 0.02))
        await process.signal(spec.container_id, signal.SIGKILL)
        with contextlib.suppress(StartFailure):
            await starting
            await process.signal(spec.container_id, signal.SIGKILL)


@pytest.mark.parametrize("version", [3, 4])
def test_a_guest_has_its_environment_from_pod_processes_of_either_version(node: Node, version: int) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        process.version = version
        exits = Exits(process)
        spec = node.guest_spec(pod, "tool", "env", env=["A=1", "B=\udcc3\udca9=", "C="])
        await start(process, node, spec)
        assert (await exits.next()).exit_code == 0
        assert [text for _, _, text in log_lines(spec)] == ["A=1", "B=\u00e9=", "C="]

    in_pod(node, scenario)


def test_a_wrong_environment_is_told_without_its_value(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "tool", "env", env=["A=secret\udcff"])
        with pytest.raises(StartFailure, match="^environment variable A is not UTF-8, .*: change it$"):
            await start(process, node, spec)
        assert "secret" not in run_record.read(spec.run_path).message

    in_pod(node, scenario)


def test_a_failed_start_is_128_with_the_cause(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        missing = ProgramSpec("module", "/nowhere.cwasm", "_start")
        for spec, cause in (
            (node.guest_spec(pod, "hello", program=missing), "nowhere"),
            (node.guest_spec(pod, "hello", log_path="/proc/no/such/0.log"), "cannot be written"),
        ):
            with pytest.raises(StartFailure, match=cause):
                await start(process, node, spec)
            run = await exits.next()
            assert (run.exit_code, run.reason) == (128, "StartError")
            assert cause in run.message
            assert run_record.read(spec.run_path) == run

    in_pod(node, scenario)


def test_a_container_runs_once(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "sleeper")
        await start(process, node, spec)
        with pytest.raises(InvalidSpec, match="started before"):
            await start(process, node, spec)
        await process.signal(spec.container_id, signal.SIGKILL)
        await exits.next()
        with pytest.raises(InvalidSpec, match="started before"):
            await start(process, node, spec)

    in_pod(node, scenario)


def test_starts_that_fail_leave_nothing_open(node: Node) -> None:
    """Without room for another process, and without descriptors left at any step."""

    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        await start(process, node, node.guest_spec(pod, "exit3"))
        await exits.next()
        before = descriptors(process.pid)
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        for room in range(10):
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (max(before) + 1 + room, hard))
            with contextlib.suppress(SandboxError):
                await start(process, node, node.guest_spec(pod, "exit3", stdin=True, tty=room % 2 == 0))
            await until(lambda: descriptors(process.pid) == before)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        pids = Path(node.layout.mounts[0] if node.layout.unified else node.layout.controllers["pids"])
        pids.joinpath(pod.cgroup[1:], "pids.max").write_text("1")
        with pytest.raises(StartFailure, match="no process can be made"):
            await start(process, node, node.guest_spec(pod, "exit3"))
        assert descriptors(process.pid) == before

    in_pod(node, scenario)


def test_a_guest_killed_while_it_starts_is_a_failed_start(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "busy_at_start")
        starting = asyncio.create_task(start(process, node, spec))
        await until(lambda: cgroup.processes(node.layout, f"{pod.cgroup}/{spec.container_id}") != [])
        await process.signal(spec.container_id, signal.SIGKILL)
        with pytest.raises(StartFailure, match="status -9 before its first instruction"):
            await starting
        run = run_record.read(spec.run_path)
        assert (run.exit_code, run.reason) == (128, "StartError")

    in_pod(node, scenario)


def test_after_many_containers_nothing_of_them_is_left(node: Node) -> None:
    """Started several at a time, some of them killed at any moment."""

    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        for guest in ("hello", "sleeper"):  # their code stays loaded
            await start(process, node, node.guest_spec(pod, guest))
        await exits.next()
        before = sorted(descriptors(process.pid)), cgroup.processes(node.layout, pod.cgroup)
        specs = [node.guest_spec(pod, "sleeper" if number % 3 else "hello") for number in range(200)]
        at_once = asyncio.Semaphore(8)
        await asyncio.gather(*(start_and_kill(at_once, process, node, spec) for spec in specs))
        for _ in specs:
            await exits.next()
        assert (sorted(descriptors(process.pid)), cgroup.processes(node.layout, pod.cgroup)) == before
        assert all(run_record.read(spec.run_path).finished_at for spec in specs)
        groups = {path.name for path in Path(node.layout.mounts[0] + pod.cgroup).iterdir() if path.is_dir()}
        assert not groups & {spec.container_id for spec in specs}
        assert len(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()) == 1

    in_pod(node, scenario)
