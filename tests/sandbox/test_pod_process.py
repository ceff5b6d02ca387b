"""Pod processes and their guests, for real: namespaces, logs, exits, kills."""

import asyncio
import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import control, run_record, start_files
from sandbox.cgroup import tree as cgroup
from sandbox.errors import GuestGone, InvalidSpec, PodProcessGone, SandboxError, StartFailure
from sandbox.mount_places import MountPlaces, apart
from sandbox.pod_process_link import PodProcess, open_connection
from sandbox.pod_processes import PodProcesses
from sandbox.specs import GuestSpec, PodSpec, ProgramSpec, Run
from sandbox.start_files import StartFiles
from tests.prerequisites import require_tool
from tests.sandbox.conftest import Exits, Node, log_lines


async def start(process: PodProcess, node: Node, spec: GuestSpec) -> Run:
    return await process.start(spec.container_id, node.write(spec))


async def start_and_kill(at_once: asyncio.Semaphore, process: PodProcess, node: Node, spec: GuestSpec) -> None:
    """The kill comes at any moment: before the guest is forked, while it starts, when it runs."""
    async with at_once:
        starting = asyncio.create_task(start(process, node, spec))
        await asyncio.wait([starting], timeout=random.uniform(0, 0.02))
        await process.signal(spec.container_id, signal.SIGKILL)
        with contextlib.suppress(StartFailure):
            await starting
            await process.signal(spec.container_id, signal.SIGKILL)


def descriptors(pid: int) -> dict[int, str]:
    """Without those that it closes meanwhile."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(link.name)] = os.readlink(link)
    return found


def connections(pid: int) -> int:
    """Of a pod process, which has a listener besides."""
    return sum(name.startswith("socket:") for name in descriptors(pid).values()) - 1


def fill(filler: Path) -> None:
    """Take all the space that its disk has left."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def next_answer(connection: socket.socket) -> control.Message:
    while True:
        message, _ = control.receive(connection)
        assert message is not None
        if "id" in message:
            return message


@contextlib.asynccontextmanager
async def handed(node: Node, spec: GuestSpec) -> AsyncIterator[StartFiles]:
    """What a server opens for a start."""
    places, path = MountPlaces(str(node.folder)), node.write(spec)
    await places.open()
    files = await apart(lambda: start_files.open_all(places, path, "/proc/self/ns/net"), StartFiles.close)
    try:
        yield files
    finally:
        files.close()
        places.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def in_pod(node: Node, scenario: Callable[[PodProcesses, PodSpec, PodProcess], Awaitable[None]]) -> None:
    async def run() -> None:
        async with node.processes() as processes:
            pod = node.pod_spec()
            await scenario(processes, pod, await processes.run(pod))

    asyncio.run(run())


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
        exits = Exits(process)
        spec = node.guest_spec(pod, "flood", "300000")
        await start(process, node, spec)
        path, parts = Path(spec.log_path), []
        for number in range(20):
            part = path.with_suffix(f".{number}")
            path.rename(part)
            try:
                await process.reopen_log(spec.container_id, spec.log_path)
            except GuestGone:  # the guest has been quicker
                part.rename(path)
                break
            parts.append(part)
            assert path.exists()
        assert parts
        await exits.next()
        text = b"".join(part.read_bytes() for part in [*parts, path])
        assert text.count(b"\n") == 300_000
        assert all(part.read_bytes()[-1:] in (b"", b"\n") for part in parts)

    in_pod(node, scenario)


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


def test_killing_the_server_side_leaves_the_pod(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "sleeper")
        await start(process, node, spec)
        process.release()
        again = await processes.adopt(pod.sandbox_id)
        assert again is not None
        assert again.pid == process.pid
        exits = Exits(again)
        await again.signal(spec.container_id, signal.SIGTERM)
        assert (await exits.next()).exit_code == 143

    in_pod(node, scenario)


def test_the_death_of_a_pod_process_is_its_guests_death(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        ended = asyncio.Event()
        process.on_end = ended.set
        started = await start(process, node, node.guest_spec(pod, "busy"))
        os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            await ended.wait()
        assert not Path(f"/proc/{started.pid}").exists()
        assert not process.alive
        assert await processes.adopt(pod.sandbox_id) is None
        with pytest.raises(PodProcessGone):
            await process.reopen_log("any", "")
        await process.shutdown()

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
        async with asyncio.timeout(30):
            await ended.wait()
        assert run_record.read(specs[0].run_path).exit_code == 143

    in_pod(node, scenario)


def test_a_pod_process_without_guests_ends_when_it_is_told(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        os.kill(process.pid, signal.SIGTERM)
        await until(lambda: not process.alive)

    in_pod(node, scenario)


def test_the_death_of_the_zygote_harms_no_pod_and_the_next_one_is_served(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "sleeper")
        started = await start(process, node, spec)
        first = processes.zygote_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        fresh = await processes.run(node.pod_spec())
        assert fresh.alive
        assert processes.zygote_pid not in (None, first)
        assert Path(f"/proc/{started.pid}").exists()
        assert process.alive

    in_pod(node, scenario)


def test_pods_are_forked_while_the_zygote_dies_again_and_again(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        async def one() -> None:
            spec = node.pod_spec()
            try:
                assert (await processes.run(spec)).alive
            except SandboxError:
                assert spec.sandbox_id not in processes.known()

        async def killer() -> None:
            for _ in range(5):
                await asyncio.sleep(0.05)
                if processes.zygote_pid is not None:
                    with contextlib.suppress(ProcessLookupError):  # nobody has asked for another since the last kill
                        os.kill(processes.zygote_pid, signal.SIGKILL)

        await asyncio.gather(killer(), *(one() for _ in range(30)))

    in_pod(node, scenario)
    assert cgroup.processes(node.layout, node.cgroup_parent) == []


def test_a_pod_that_cannot_be_isolated_says_why_and_leaves_nothing(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.pod_spec(sysctls={"net.no.such": "1"})
        with pytest.raises(SandboxError, match=r"net\.no\.such"):
            await processes.run(spec)
        assert spec.sandbox_id not in processes.known()
        assert await processes.adopt(spec.sandbox_id) is None

    in_pod(node, scenario)


def test_a_request_from_a_newer_server_is_refused_with_a_sentence(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        connection = open_connection(processes.folder(pod.sandbox_id))
        control.send(connection, {"version": 9, "id": 1, "op": "levitate"})
        answer, _ = await asyncio.to_thread(control.receive, connection)
        connection.close()
        assert answer is not None
        assert "levitate" in answer["message"]

    in_pod(node, scenario)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'"id"',
        b"[" * 30_000,
        b"x" * control.PACKET_BYTES,
        b'{"op":"hello"}',
        b'{"id":1}',
        b'{"id":1,"op":["start"]}',
        b'{"id":1,"op":"start"}',
        b'{"id":1,"op":"start","container":"x","spec":7}',
        b'{"id":1,"op":"signal","number":9}',
    ],
)
def test_a_request_that_makes_no_sense_harms_nobody(node: Node, packet: bytes) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        with open_connection(processes.folder(pod.sandbox_id)) as connection:
            connection.send(packet)
            await asyncio.to_thread(connection.recv, control.PACKET_BYTES)  # an answer or the end
        assert (await start(process, node, node.guest_spec(pod, "sleeper"))).pid

    in_pod(node, scenario)


@pytest.mark.parametrize("change", [{"limits": {"levity": 1}}, {"argv": 7}])
def test_a_spec_of_another_version_fails_the_start_alone(node: Node, change: dict[str, Any]) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        with pytest.raises(StartFailure, match="another version"):
            await start(process, node, node.guest_spec(pod, "hello", **change))
        assert (await exits.next()).reason == "StartError"
        assert (await start(process, node, node.guest_spec(pod, "sleeper"))).pid

    in_pod(node, scenario)


def test_the_answer_to_a_client_that_left_reaches_no_other(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "busy_at_start")
        folder = processes.folder(pod.sandbox_id)
        async with handed(node, spec) as files:
            with open_connection(folder) as leaving:
                control.send(leaving, {"id": 1, "op": "hello"})
                await asyncio.to_thread(control.receive, leaving)
                request = {"id": 2, "op": "start", "container": spec.container_id, "carried": files.names}
                control.send(leaving, request, tuple(files.descriptors))
        await until(lambda: spec.log_path in descriptors(process.pid).values() and connections(process.pid) == 1)
        with open_connection(folder) as coming:
            control.send(coming, {"id": 3, "op": "signal", "container": spec.container_id, "number": 9})
            await until(lambda: run_record.read(spec.run_path).finished_at > 0)
            for number in (3, 4):
                assert (await asyncio.to_thread(next_answer, coming))["id"] == number
                control.send(coming, {"id": 4, "op": "hello"})

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


def test_the_longest_reason_of_a_failed_start_is_heard(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        limits = {"unified": {"memory." + "\U0001f600" * 50_000: "1"}}
        with pytest.raises(StartFailure, match="memory"):
            await start(process, node, node.guest_spec(pod, "hello", limits=limits))
        assert "memory" in (await exits.next()).message

    in_pod(node, scenario)


@pytest.mark.parametrize("host_network", [False, True])
@pytest.mark.parametrize("host_ipc", [False, True])
def test_a_pod_shares_with_the_host_what_it_asks_for(node: Node, host_network: bool, host_ipc: bool) -> None:
    async def scenario() -> None:
        async with node.processes() as processes:
            process = await processes.run(node.pod_spec(host_network=host_network, host_ipc=host_ipc))
            for name, shared in (("net", host_network), ("uts", host_network), ("ipc", host_ipc), ("pid", False)):
                ours, hosts = os.readlink(f"/proc/{process.pid}/ns/{name}"), os.readlink(f"/proc/self/ns/{name}")
                assert (ours == hosts) is shared

    asyncio.run(scenario())


def test_hostname_and_sysctls_are_the_pods_own(node: Node) -> None:
    nsenter = require_tool("nsenter")
    sysctls = {"net.ipv4.ip_unprivileged_port_start": "7", "kernel.shmmax": "77777", "net/ipv4/tcp_syncookies": "0"}
    paths = [f"/proc/sys/{name.replace('.', '/')}" for name in sysctls]
    before = [Path(path).read_text() for path in paths]

    async def scenario() -> None:
        async with node.processes() as processes:
            process = await processes.run(node.pod_spec(hostname="bear", sysctls=sysctls))
            inside = [str(nsenter), f"--target={process.pid}", "--net", "--ipc", "--uts"]
            command = [*inside, "sh", "-c", f"hostname; cat {' '.join(paths)}"]
            shown = await asyncio.to_thread(subprocess.check_output, command, text=True)
            assert shown.split() == ["bear", *sysctls.values()]

    asyncio.run(scenario())
    assert [Path(path).read_text() for path in paths] == before
    assert socket.gethostname() != "bear"


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


def test_a_guest_killed_from_outside_is_not_out_of_memory(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        run = await start(process, node, node.guest_spec(pod, "busy", limits={"memory_limit": 32 << 20}))
        os.kill(run.pid, signal.SIGKILL)
        ended = await exits.next()
        assert (ended.exit_code, ended.reason) == (137, "Error")

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
            await process.reopen_log(spec.container_id, spec.log_path)
        await process.signal(spec.container_id, signal.SIGTERM)
        assert (await exits.next()).exit_code == 143
        node.grow_disk(64 << 20)
        await until(lambda: len(descriptors(process.pid)) == before + 1)  # the guest's code; the log is closed
        numbers = [int(content.split()[-1]) for _, tag, content in log_lines(spec) if tag == "F"]
        assert numbers == list(range(1_000_000, 1_000_000 + len(numbers)))
        assert Path(spec.log_path).stat().st_size > 1 << 20

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


def test_a_client_that_does_not_read_is_cut_off_and_nobody_else(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        before = connections(process.pid)
        with open_connection(processes.folder(pod.sandbox_id)):
            await until(lambda: connections(process.pid) == before + 1)
            for _ in range(1000):
                await start(process, node, node.guest_spec(pod, "hello"))
                assert (await exits.next()).exit_code == 0
                if connections(process.pid) == before:
                    break
            assert connections(process.pid) == before

    in_pod(node, scenario)


def test_a_network_is_attached_to_the_pods_namespace_and_without_it_there_is_no_pod(node: Node) -> None:
    async def attach(path: str) -> None:
        assert os.readlink(path) != os.readlink("/proc/self/ns/net")
        raise SandboxError("the network is full")

    async def scenario() -> None:
        async with node.processes() as processes:
            with pytest.raises(SandboxError, match="the network is full"):
                await processes.run(node.pod_spec(), attach)
            assert not processes.known()

    asyncio.run(scenario())


def test_no_network_is_attached_to_a_pod_that_cannot_be_isolated(node: Node) -> None:
    async def attach(path: str) -> None:
        raise AssertionError("it would be the host's")

    async def scenario() -> None:
        async with node.processes() as processes:
            with pytest.raises(SandboxError, match="cannot be isolated"):
                await processes.run(node.pod_spec(sysctls={"net.no.such": "1"}), attach)
            assert not processes.known()

    asyncio.run(scenario())
