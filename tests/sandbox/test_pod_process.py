"""Guests of a pod process, for real: how they run, end, and are confined."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from sandbox import run_record
from sandbox.errors import SandboxError
from sandbox.pod_process_link import PodProcess
from sandbox.pod_processes import PodProcesses
from sandbox.specs import PodSpec
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.one_pod import descriptors, in_pod, start, until


def fill(filler: Path) -> None:
    """Take all the space that its disk has left."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_guest_runs_logs_and_exits(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "hello")
        started = await start(process, node, spec)
        run = await exits.next()
        assert (run.exit_code, run.reason, run.message) == (0, "Completed", "")
        assert run.finished_at >= run.started_at == started.started_at > 0
        assert run_record.read(spec.run_path) == run
        assert [(stream, tag) for stream, tag, _ in log_lines(spec)] == [("stdout", "F")]

    in_pod(node, scenario)


def test_an_exit_code_is_the_guests_own(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        await start(process, node, node.guest_spec(pod, "exit3"))
        run = await exits.next()
        assert (run.exit_code, run.reason) == (3, "Error")

    in_pod(node, scenario)


def test_a_trap_is_134_with_its_backtrace_in_status_and_log(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "trap")
        await start(process, node, spec)
        run = await exits.next()
        assert (run.exit_code, run.reason) == (134, "Error")
        log = "\n".join(content for stream, _, content in log_lines(spec) if stream == "stderr")
        for text in ("unreachable", "inner", "middle"):
            assert text in run.message
            assert text in log

    in_pod(node, scenario)


@pytest.mark.parametrize("guest", ["busy", "sleeper", "stdin_block"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, 137), (signal.SIGINT, 130)])
def test_a_signal_ends_a_guest_whatever_it_does(node: Node, guest: str, number: int, code: int) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, guest, stdin=True)
        await start(process, node, spec)
        await until(lambda: guest == "stdin_block" or log_lines(spec) != [])
        await process.signal(spec.container_id, number)
        run = await exits.next()
        assert (run.exit_code, run.reason) == (code, "Error")
        await process.signal(spec.container_id, number)

    in_pod(node, scenario)


def test_without_stdin_a_guest_reads_its_end(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "stdin_block")
        await start(process, node, spec)
        assert (await exits.next()).exit_code == 0
        assert log_lines(spec)[-1][2] == "eof"

    in_pod(node, scenario)


def test_the_memory_limit_ends_the_guest_alone(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        bystander = node.guest_spec(pod, "sleeper")
        await start(process, node, bystander)
        await start(process, node, node.guest_spec(pod, "memory_hog", limits={"memory_limit": 32 << 20}))
        run = await exits.next()
        assert (run.exit_code, run.reason) == (137, "OOMKilled")
        assert not run_record.read(bystander.run_path).finished_at

    in_pod(node, scenario)


def test_a_guest_is_confined(node: Node) -> None:
    """What the kernel says of the guest process: user, groups, capabilities, privileges, files, cgroup, namespaces."""

    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "sleeper", uid=1000, gid=1001, groups=[1001, 2000])
        started = await start(process, node, spec)
        lines = Path(f"/proc/{started.pid}/status").read_text().splitlines()
        status = {key: value.split() for key, value in (line.split(":", 1) for line in lines)}
        assert status["Uid"] == ["1000"] * 4
        assert status["Gid"] == ["1001"] * 4
        assert status["Groups"] == ["1001", "2000"]
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert status[kind] == ["0" * 16]
        assert status["NoNewPrivs"] == ["1"]
        assert os.getsid(started.pid) == started.pid
        assert os.path.samefile(f"/proc/{started.pid}/root", Path(spec.layer) / "upper")
        assert Path(f"/proc/{started.pid}/mounts").read_text() == "", "not even the pod's few are in its root"
        group = Path(f"/proc/{started.pid}/cgroup").read_text()
        assert f"{pod.cgroup}/{spec.container_id}" in group
        for name, shared in (("net", True), ("ipc", True), ("uts", True), ("pid", True), ("mnt", True)):
            ours, theirs, hosts = (os.readlink(f"/proc/{pid}/ns/{name}") for pid in (started.pid, process.pid, "self"))
            assert (ours == theirs) is shared
            assert ours != hosts

    in_pod(node, scenario)


def test_a_guest_holds_no_descriptor_of_others(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        other = node.guest_spec(pod, "sleeper", stdin=True)
        first = await start(process, node, other)
        started = await start(process, node, node.guest_spec(pod, "sleeper"))
        held, others = descriptors(started.pid), descriptors(first.pid)
        assert set(held) >= {0, 1, 2}
        private = {target for target in held.values() if target.startswith(("pipe:", "socket:"))}
        assert not private & set(others.values())
        assert not {target for target in held.values() if target.endswith((".log", "epoll", "control.sock"))} & set(
            descriptors(process.pid).values()
        )

    in_pod(node, scenario)


def test_a_pod_process_that_is_told_to_end_does_so_with_its_last_guest(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        ended = asyncio.Event()
        process.on_end = ended.set
        specs = [node.guest_spec(pod, name) for name in ("busy", "sleeper")]
        stopped, _ = [await start(process, node, spec) for spec in specs]
        os.kill(stopped.pid, signal.SIGSTOP)
        await until(lambda: "State:\tT" in Path(f"/proc/{stopped.pid}/status").read_text())
        os.kill(process.pid, signal.SIGTERM)
        await until(lambda: run_record.read(specs[1].run_path).exit_code == 143)
        with pytest.raises(SandboxError, match="is ending"):
            await start(process, node, node.guest_spec(pod, "hello"))
        assert process.alive
        os.kill(stopped.pid, signal.SIGCONT)
        async with asyncio.timeout(240):
            await ended.wait()
        assert run_record.read(specs[0].run_path).exit_code == 143

    in_pod(node, scenario)


def test_a_pod_process_without_guests_ends_when_it_is_told(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        os.kill(process.pid, signal.SIGTERM)
        await until(lambda: not process.alive)

    in_pod(node, scenario)


def test_a_pod_outlives_a_full_disk_that_takes_no_complaint(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "sleeper")
        await start(process, node, spec)
        os.unlink(spec.run_path)  # its end is something to complain of
        fill(node.folder / "state" / "filler")
        await process.signal(spec.container_id, signal.SIGKILL)
        assert (await exits.next()).exit_code == 137
        assert (await start(process, node, node.guest_spec(pod, "sleeper"))).pid

    (node.folder / "state").symlink_to(node.small_disk(1 << 20))
    in_pod(node, scenario)


def test_a_guest_killed_from_outside_is_not_out_of_memory(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        run = await start(process, node, node.guest_spec(pod, "busy", limits={"memory_limit": 32 << 20}))
        os.kill(run.pid, signal.SIGKILL)
        ended = await exits.next()
        assert (ended.exit_code, ended.reason) == (137, "Error")

    in_pod(node, scenario)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason", "message"),
    [
        (["hello"], 0, "Completed", ""),
        (["code", "77"], 77, "Error", ""),
        (["failing"], 1, "Error", ""),
        (["trap"], 134, "Error", "inner"),
    ],
)
def test_a_component_exits_as_a_module_does(
    node: Node, arguments: list[str], exit_code: int, reason: str, message: str
) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        spec = node.guest_spec(pod, "component", *arguments)
        await start(process, node, spec)
        run = await exits.next()
        assert (run.exit_code, run.reason, message in run.message) == (exit_code, reason, True)
        assert message in "\n".join(content for _, _, content in log_lines(spec))

    in_pod(node, scenario)
