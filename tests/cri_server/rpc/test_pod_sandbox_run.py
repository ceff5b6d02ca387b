import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.handlers import HANDLERS
from cri_server.sandbox_store import Sandbox
from sandbox.errors import SandboxError
from tests.cri_server.conftest import Node

Run = Callable[[Callable[[Node], Awaitable[None]]], None]

HOST_NETWORK = cri.LinuxPodSandboxConfig(
    security_context=cri.LinuxSandboxSecurityContext(namespace_options=cri.NamespaceOption(network=cri.NODE))
)


def test_a_sandbox_is_ready_with_its_address_when_the_call_returns(node: Run) -> None:
    async def scenario(node: Node) -> None:
        config = node.pod(labels={"app": "web"}, annotations={"note": "ä"})
        sandbox_id = (await node.client("RunPodSandbox", config=config, runtime_handler="wasmlet")).pod_sandbox_id
        status = (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status
        assert status.state == cri.SANDBOX_READY
        assert status.network.ip == "10.0.0.2"
        assert status.metadata == config.metadata
        assert status.labels == config.labels
        assert status.annotations == config.annotations
        assert status.runtime_handler == "wasmlet"
        assert status.created_at > 0
        assert status.linux.namespaces.options.network == cri.POD

    node(scenario)


def test_the_pods_files_and_its_log_directory_are_there(node: Run) -> None:
    async def scenario(node: Node) -> None:
        dns = cri.DNSConfig(servers=["10.10.10.10"])
        sandbox_id = await node.run_pod(dns_config=dns)
        folder = node.pods.folder(sandbox_id)
        assert (folder / "resolv.conf").read_text() == "nameserver 10.10.10.10\n"
        assert "10.0.0.2\tweb\n" in (folder / "hosts").read_text()
        assert node.logs.is_dir()

    node(scenario)


def test_a_pod_in_the_hosts_network_says_so_and_has_no_address_of_its_own(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod(linux=HOST_NETWORK)
        status = (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status
        assert status.linux.namespaces.options.network == cri.NODE
        assert status.network.ip == ""
        assert "attach" not in node.gate.log

    node(scenario)


def test_a_name_is_taken_until_its_sandbox_is_removed(node: Run) -> None:
    async def scenario(node: Node) -> None:
        first = await node.run_pod()
        await node.client("StopPodSandbox", pod_sandbox_id=first)
        with pytest.raises(grpc.aio.AioRpcError, match="is reserved for") as refused:
            await node.run_pod()
        assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS
        await node.run_pod(attempt=1)
        await node.client("RemovePodSandbox", pod_sandbox_id=first)
        await node.run_pod()

    node(scenario)


@pytest.mark.parametrize("place", ["run", "attach"])
def test_a_failure_anywhere_leaves_nothing_and_frees_the_name(node: Run, place: str) -> None:
    async def scenario(node: Node) -> None:
        node.gate.fail[place] = SandboxError(f"no {place} today: come back tomorrow")
        with pytest.raises(grpc.aio.AioRpcError, match="come back tomorrow") as failed:
            await node.run_pod()
        assert failed.value.code() == grpc.StatusCode.INTERNAL
        await nothing_is_left(node)
        node.gate.fail.clear()
        await node.run_pod()

    node(scenario)


@pytest.mark.parametrize("place", ["run", "attach"])
def test_a_client_that_goes_away_leaves_nothing_and_frees_the_name(node: Run, place: str) -> None:
    async def scenario(node: Node) -> None:
        node.gate.hold(place)
        call = node.client("RunPodSandbox", config=node.pod())
        await node.gate.reached[place].wait()
        assert not (await node.client("ListPodSandbox")).items, "seen before it is ready"
        call.cancel()
        await until(lambda: not node.runtime.operations)
        await nothing_is_left(node)
        node.gate.release(place)
        await node.run_pod()

    node(scenario)


def test_a_sandbox_that_was_finished_for_nobody_is_removed(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node) -> None:
        add = node.runtime.sandboxes.add

        def add_and_leave(sandbox: Sandbox) -> None:
            add(sandbox)
            call.cancel()

        monkeypatch.setattr(node.runtime.sandboxes, "add", add_and_leave)
        request = cri.RunPodSandboxRequest(config=node.pod())
        call = asyncio.ensure_future(HANDLERS["RunPodSandbox"](node.runtime, request))
        with pytest.raises(asyncio.CancelledError):
            await call
        assert node.runtime.sandboxes.all(), "it was finished"
        await until(lambda: not node.runtime.operations)
        await nothing_is_left(node)

    node(scenario)


def test_a_pod_process_that_dies_on_the_way_fails_the_call(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.gate.hold("attach")
        call = node.client("RunPodSandbox", config=node.pod())
        await node.gate.reached["attach"].wait()
        [process] = node.pods.processes.values()
        process.die()
        node.gate.release("attach")
        with pytest.raises(grpc.aio.AioRpcError, match="died while the sandbox was made"):
            await call
        await nothing_is_left(node)

    node(scenario)


def test_a_full_disk_is_told_as_such(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("os.rename", full_disk_for("sandbox.record"))
            with pytest.raises(grpc.aio.AioRpcError, match="no space is left on the device") as failed:
                await node.run_pod()
        assert failed.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        await nothing_is_left(node)

    node(scenario)


def test_a_log_directory_that_cannot_be_made_fails_the_call_with_its_name(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.logs.write_text("a file")
        with pytest.raises(grpc.aio.AioRpcError, match=f"{node.logs} cannot be written: File exists"):
            await node.run_pod()
        await nothing_is_left(node)

    node(scenario)


def test_what_cannot_be_undone_is_left_to_the_next_start(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node) -> None:
        node.gate.fail["detach"] = OSError("not now")
        with monkeypatch.context() as patched:
            patched.setattr("cri_server.etc_files.write", full_disk_for_files)
            with pytest.raises(grpc.aio.AioRpcError, match="no space is left"):
                await node.run_pod()
        node.gate.fail.clear()
        assert not (await node.client("ListPodSandbox")).items
        assert node.network.attached
        await node.run_pod()  # the name is free
        await node.restart()
        assert len(os.listdir(node.paths.pods)) == 1
        assert len(node.network.attached) == 1

    node(scenario)


def full_disk_for_files(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_disk_for(name: str) -> Callable[[str, str], None]:
    rename = os.rename

    def renamed(source: str, target: str) -> None:
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(source, target)

    return renamed


async def nothing_is_left(node: Node) -> None:
    assert not (await node.client("ListPodSandbox")).items
    assert not any(process.alive for process in node.pods.processes.values())
    assert not node.network.attached
    await until(lambda: not node.left_on_disk())


async def until(condition: Callable[[], bool]) -> None:
    """Waits as long as the test may."""
    while not condition():
        await asyncio.sleep(0.005)
