"""Pod processes as their server has them: forked by a zygote, isolated, adopted, and what each death ends."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from sandbox.cgroup import tree as cgroup
from sandbox.errors import PodProcessGone, SandboxError
from sandbox.pod_process_link import PodProcess
from sandbox.pod_processes import PodProcesses
from sandbox.specs import PodSpec
from tests.prerequisites import require_tool
from tests.sandbox.conftest import Exits, Node
from tests.sandbox.one_pod import in_pod, start, until


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
        async with asyncio.timeout(240):
            await ended.wait()
        assert not Path(f"/proc/{started.pid}").exists()
        assert not process.alive
        assert await processes.adopt(pod.sandbox_id) is None
        with pytest.raises(PodProcessGone):
            await process.reopen_log("any", "")
        await process.shutdown()

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


def test_a_network_is_attached_when_it_has_the_pods_sysctls(node: Node) -> None:
    """New interfaces take over what they say by default."""
    nsenter = require_tool("nsenter")
    seen: list[str] = []

    async def attach(path: str) -> None:
        inside = [str(nsenter), f"--net={path}", "cat", "/proc/sys/net/ipv4/conf/default/log_martians"]
        seen.append(await asyncio.to_thread(subprocess.check_output, inside, text=True))

    async def scenario() -> None:
        async with node.processes() as processes:
            await processes.run(node.pod_spec(sysctls={"net.ipv4.conf.default.log_martians": "1"}), attach)

    asyncio.run(scenario())
    assert seen == ["1\n"]


def test_what_was_attached_is_the_pods_network_and_no_other_pods(node: Node) -> None:
    async def scenario() -> None:
        async with node.processes() as processes:
            attached: list[str] = []

            async def attach(path: str) -> None:
                attached.append(os.readlink(path))

            pods = [await processes.run(node.pod_spec(), attach) for _ in range(3)]
            assert attached == [os.readlink(f"/proc/{pod.pid}/ns/net") for pod in pods]
            assert len(set(attached)) == 3

    asyncio.run(scenario())


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_who_attaches_a_network_to_a_pod_that_fails_meanwhile_does_it_to_no_other(
    node: Node, is_cancelled: bool
) -> None:
    """What is under way cannot be called back."""
    seen: list[str] = []

    async def scenario() -> None:
        async with node.processes() as processes:
            begun, go_on = asyncio.Event(), asyncio.Event()

            async def connect(path: str) -> None:
                seen.append(os.readlink(path))
                begun.set()
                await go_on.wait()
                seen.append(os.readlink(path))

            async def attach(path: str) -> None:
                await asyncio.shield(connecting := asyncio.ensure_future(connect(path)))
                connecting.result()

            spec = node.pod_spec(hostname="" if is_cancelled else "too long" * 10)
            running = asyncio.create_task(processes.run(spec, attach))
            await begun.wait()
            if is_cancelled:
                running.cancel()
            others = [await processes.run(node.pod_spec()) for _ in range(2)]
            go_on.set()
            with pytest.raises((SandboxError, asyncio.CancelledError)):
                await running
            await until(lambda: len(seen) == 2)
            assert seen[0] == seen[1]
            assert seen[0] not in [os.readlink(f"/proc/{other.pid}/ns/net") for other in others]

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
