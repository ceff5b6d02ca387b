"""A host that is a network namespace of the test's own, and pods that are processes in theirs."""

import asyncio
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import syscalls
from sandbox.network.bridge import BridgeNetwork, BridgeSettings
from tests.prerequisites import require_root, require_tool

UPLINK_MTU = 1400
HOST_IN_WORLD, WORLD = "198.51.100.2", "198.51.100.1"


class Pod:
    """A process in a network namespace of its own."""

    def __init__(self) -> None:
        self.sandbox_id = secrets.token_hex(32)
        command = ["unshare", "--net", "sh", "-c", "echo && exec sleep 1000"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout
        self._process.stdout.readline()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def netns_path(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    def run(self, *command: str) -> str:
        """The output of a command in the pod's network."""
        return run("nsenter", f"--net={self.netns_path}", *command)

    def python(self, program: str) -> str:
        return self.run(sys.executable, "-c", program).strip()

    def start_python(self, program: str) -> "subprocess.Popen[str]":
        command = ["nsenter", f"--net={self.netns_path}", sys.executable, "-c", program]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def interface(self, name: str) -> dict[str, Any]:
        return next(link for link in json.loads(self.run("ip", "-j", "addr")) if link["ifname"] == name)

    def addresses(self) -> list[str]:
        found = [link for link in json.loads(self.run("ip", "-j", "-4", "addr")) if link["ifname"] == "eth0"]
        return [f"{address['local']}/{address['prefixlen']}" for link in found for address in link["addr_info"]]

    def reaches(self, other: "Pod", address: str) -> bool:
        """Whether the other pod, which has this address, sees who connects."""
        listening = (
            "import socket; s = socket.create_server(('0.0.0.0', 7)); s.settimeout(60); print(flush=True);"
            "c = s.accept()[0]; print(c.getpeername()[0])"
        )
        server = other.start_python(listening)
        try:
            assert server.stdout
            server.stdout.readline()
            mine = self.python(f"import socket; print(socket.create_connection(('{address}', 7), 60).getsockname()[0])")
            return server.stdout.readline().strip() == mine
        finally:
            server.kill()
            server.communicate()

    def end(self) -> None:
        """Idempotent."""
        with self._process:
            self._process.kill()


class Host:
    """What runs in its thread runs in its network namespace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pods: list[Pod] = []

    def run_test(self, test: Callable[[], Awaitable[None]]) -> None:
        failures: list[BaseException] = []

        def in_namespace() -> None:
            syscalls.unshare(syscalls.CLONE_NEWNET)
            run("ip", "link", "set", "lo", "up")
            try:
                asyncio.run(_finished(test))
            except BaseException as error:  # noqa: BLE001 (raised again by the test's own thread)
                failures.append(error)

        thread = threading.Thread(target=in_namespace)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]

    def pod(self) -> Pod:
        pod = Pod()
        self._pods.append(pod)
        return pod

    def pods(self, count: int) -> list[Pod]:
        return [self.pod() for _ in range(count)]

    def network(self, name: str = "server", **settings: str) -> BridgeNetwork:
        """Of the server of that name."""
        root = self.folder / name / "root"
        root.mkdir(parents=True, exist_ok=True)
        return BridgeNetwork(root, self.folder / name / "state", BridgeSettings(**settings))

    def world(self) -> Pod:
        """What is behind the default route."""
        world = self.pod()
        run("ip", "link", "add", "uplink", "mtu", str(UPLINK_MTU), "type", "veth", "peer", "name", "eth0")
        run("ip", "link", "set", "eth0", "netns", world.netns_path)
        run("ip", "addr", "add", f"{HOST_IN_WORLD}/24", "dev", "uplink")
        run("ip", "link", "set", "uplink", "up")
        run("ip", "route", "add", "default", "via", WORLD)
        world.run("ip", "addr", "add", f"{WORLD}/24", "dev", "eth0")
        world.run("ip", "link", "set", "eth0", "up")
        return world

    def end(self) -> None:
        for pod in self._pods:
            pod.end()


async def _finished(test: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(540):
        await test()


def run(*command: str) -> str:
    """The output of a command in the namespace of the calling thread. It must succeed."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{command}: {finished.stderr}"
    return finished.stdout


def links() -> dict[str, dict[str, Any]]:
    """By name."""
    return {link["ifname"]: link for link in json.loads(run("ip", "-j", "-d", "link"))}


def ports() -> dict[str, str]:
    """The host's ends of pods: bridge by interface."""
    return {
        name: link.get("master", "") for name, link in links().items() if link.get("ifalias", "").startswith("wasmlet")
    }


def addresses_of(interface: str) -> set[str]:
    (link,) = json.loads(run("ip", "-j", "-4", "addr", "show", interface))
    return {f"{address['local']}/{address['prefixlen']}" for address in link["addr_info"]}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it; the test's time limit is the limit."""
    while not condition():
        await asyncio.sleep(0.01)


class KernelWithoutNftables:
    def __init__(self, bridge: str) -> None:
        pass

    def try_out(self) -> None:
        raise OSError(93, "Protocol not supported")


def translate_by(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """``nft``, or a variant of iptables."""
    require_tool("nft")
    require_tool(program)
    if program != "nft":
        monkeypatch.setattr("sandbox.network.address_translation.Nftables", KernelWithoutNftables)
        monkeypatch.setattr("sandbox.network.iptables._PROGRAMS", (program,))


def rules_of(program: str) -> str:
    if program == "nft":
        return run("nft", "list", "ruleset")
    return run(f"{program}-save") + run(f"{for_ipv6(program)}-save")


def for_ipv6(program: str) -> str:
    return program.replace("ip", "ip6", 1)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    require_root()
    for tool in ("ip", "unshare", "nsenter"):
        require_tool(tool)
    made = Host(tmp_path)
    yield made
    made.end()


async def attach(network: BridgeNetwork, pod: Pod) -> str:
    """The pod's first address."""
    return (await network.attach(pod.sandbox_id, pod.netns_path)).ips[0]


def bridge_of(network: BridgeNetwork) -> str:
    return next(name for name, link in links().items() if link.get("linkinfo", {}).get("info_kind") == "bridge")
