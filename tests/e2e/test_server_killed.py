"""The server is killed at a hundred random instants, under load from several clients; then the books must balance.

Each client keeps a ledger of what was acknowledged. After every restart the new server must show all of it, unchanged;
a call that died with the server may or may not have happened, but nothing in between.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import tree as cgroup
from sandbox.network.names import bridge_name
from tests.cri_client import AsyncCriClient
from tests.orphans import children, reap
from tests.real_node import RealNode, container_config, eventually

KILLS = int(os.environ.get("WASMLET_KILLS", "100"))
CLIENTS = 3
NAMES_EACH = 3
GUESTS = ("sleeper", "exit3")
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)


@dataclass
class ContainerBook:
    """What was acknowledged of a container."""

    id: str
    guest: str
    log: Path
    started: bool = False
    stop_asked: bool = False
    remove_asked: bool = False
    seen: dict[str, int] = field(default_factory=dict)
    """Times and exit code that a server has shown: they never change."""


@dataclass
class PodBook:
    id: str
    name: str
    created_at: int = 0
    stop_asked: bool = False
    remove_asked: bool = False
    containers: list[ContainerBook] = field(default_factory=list)


class Client:
    """Makes, runs, stops and removes pods of its own names until it is told to stop."""

    def __init__(self, node: RealNode, images: dict[str, str], number: int, seed: int) -> None:
        """``images``: references by guest."""
        self._node = node
        self._images = images
        self._cri = AsyncCriClient(node.server.socket)
        self._random = random.Random(seed)
        self._names = [f"client{number}-pod{index}" for index in range(NAMES_EACH)]
        self.pods: dict[str, PodBook] = {}
        """By name: what exists for certain, or may exist."""
        self.finished = 0

    async def close(self) -> None:
        await self._cri.close()

    async def work(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            name = self._random.choice(self._names)
            try:
                await self._step(name)
            except grpc.aio.AioRpcError as error:
                if error.code() not in LOST:
                    raise
                await self._find_out(name)

    async def _step(self, name: str) -> None:
        book = self.pods.get(name)
        if book is None:
            await self._run(name)
        elif book.stop_asked or len(book.containers) >= 2:
            await self._end(book)
        else:
            await self._grow(book)

    async def _run(self, name: str) -> None:
        config = self._node.pod_config(name)
        answer = await self._cri.call("RunPodSandbox", cri.RunPodSandboxRequest(config=config))
        self.pods[name] = PodBook(answer.pod_sandbox_id, name)

    async def _grow(self, book: PodBook) -> None:
        guest = self._random.choice(GUESTS)
        config = container_config(f"c{len(book.containers)}-{book.id[:12]}", self._images[guest])
        request = cri.CreateContainerRequest(
            pod_sandbox_id=book.id, config=config, sandbox_config=self._node.pod_config(book.name)
        )
        answer = await self._cri.call("CreateContainer", request)
        log = self._node.logs / book.name / config.log_path
        container = ContainerBook(answer.container_id, guest, log)
        book.containers.append(container)
        await self._cri.call("StartContainer", cri.StartContainerRequest(container_id=container.id))
        container.started = True

    async def _end(self, book: PodBook) -> None:
        for container in book.containers:
            if self._random.random() < 0.5:
                container.stop_asked = True
                request = cri.StopContainerRequest(container_id=container.id, timeout=self._random.choice((0, 5)))
                await self._cri.call("StopContainer", request)
            if self._random.random() < 0.3:
                container.stop_asked = container.remove_asked = True
                await self._cri.call("RemoveContainer", cri.RemoveContainerRequest(container_id=container.id))
        book.stop_asked = True
        await self._cri.call("StopPodSandbox", cri.StopPodSandboxRequest(pod_sandbox_id=book.id))
        book.remove_asked = True
        await self._cri.call("RemovePodSandbox", cri.RemovePodSandboxRequest(pod_sandbox_id=book.id))
        del self.pods[book.name]
        self.finished += 1

    async def _find_out(self, name: str) -> None:
        """A call was lost with its server: what is there now under this name?"""
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                return await self._adopt(name)
            await asyncio.sleep(0.02)

    async def _adopt(self, name: str) -> None:
        """As a kubelet would: what it did not know of is there to be used, or removed."""
        answer = await self._cri.call("ListPodSandbox", cri.ListPodSandboxRequest())
        found = [item.id for item in answer.items if item.metadata.name == name]
        assert len(found) <= 1, "a name is used once"
        book = self.pods.get(name)
        if book is not None and book.id not in found:
            assert book.remove_asked, f"acknowledged pod sandbox {book.id} is lost"
            del self.pods[name]
        elif book is None and found:
            self.pods[name] = PodBook(found[0], name)
        if name in self.pods:
            await self._adopt_containers(self.pods[name])

    async def _adopt_containers(self, book: PodBook) -> None:
        request = cri.ListContainersRequest(filter=cri.ContainerFilter(pod_sandbox_id=book.id))
        listed = {item.id: item for item in (await self._cri.call("ListContainers", request)).containers}
        for container in book.containers:
            assert container.id in listed or container.remove_asked, f"acknowledged container {container.id} is lost"
        known = {container.id for container in book.containers}
        for unknown in listed.keys() - known:
            await self._cri.call("RemoveContainer", cri.RemoveContainerRequest(container_id=unknown))
        if any(container.id not in listed or not container.started for container in book.containers):
            book.stop_asked = True  # begun and not finished: give this pod up

    async def end_all(self) -> None:
        """Every name can be used again, and goes."""
        for book in list(self.pods.values()):
            await self._end(book)
        for name in self._names:
            await self._run(name)
            await self._end(self.pods[name])

    async def audit(self) -> None:
        """Right after a restart: everything acknowledged is there as it was."""
        for book in list(self.pods.values()):
            if not book.stop_asked:
                await self._audit_pod(book)

    async def _audit_pod(self, book: PodBook) -> None:
        request = cri.PodSandboxStatusRequest(pod_sandbox_id=book.id)
        status = (await self._cri.call("PodSandboxStatus", request)).status
        assert status.state == cri.SANDBOX_READY
        assert status.network.ip
        assert book.created_at in (0, status.created_at)
        book.created_at = status.created_at
        for container in book.containers:
            if container.started and not container.stop_asked:
                await self._audit_container(container)

    async def _audit_container(self, container: ContainerBook) -> None:
        request = cri.ContainerStatusRequest(container_id=container.id)
        status = (await self._cri.call("ContainerStatus", request)).status
        shown = {name: getattr(status, name) for name in ("created_at", "started_at", "finished_at", "exit_code")}
        if container.guest == "sleeper":
            assert status.state == cri.CONTAINER_RUNNING, (status.state, status.reason, status.message)
        elif status.state == cri.CONTAINER_EXITED:
            assert (status.exit_code, status.reason) == (3, "Error")
        for name, value in container.seen.items():
            assert value in (0, shown[name]), f"{name} of {container.id} has changed"
        container.seen = shown
        assert container.log.read_text().count("\n") <= 1, "a guest says its one line once: it was not restarted"


@pytest.mark.timeout(3000)
def test_a_hundred_kills_and_the_books_balance(node: RealNode) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    images = {guest: node.pull(guest) for guest in GUESTS}
    asyncio.run(_scenario(node, images, seed))
    _assert_nothing_left(node)


async def _scenario(node: RealNode, images: dict[str, str], seed: int) -> None:
    chance = random.Random(seed)
    clients = [Client(node, images, number, seed + number + 1) for number in range(CLIENTS)]
    try:
        for _ in range(KILLS):
            await _one_life(node, clients, chance.uniform(0, 0.5))
        for client in clients:
            await client.end_all()
    finally:
        for client in clients:
            await client.close()
    assert sum(client.finished for client in clients) > KILLS / 4, "the load was none"


async def _one_life(node: RealNode, clients: list[Client], seconds: float) -> None:
    """Work for a while, kill the server in the middle of it, start another, look at what it shows."""
    stopping = asyncio.Event()
    work = [asyncio.create_task(client.work(stopping)) for client in clients]
    await asyncio.sleep(seconds)
    await asyncio.to_thread(node.server.kill)
    stopping.set()
    await asyncio.to_thread(node.server.start)
    await asyncio.gather(*work)
    for client in clients:
        await client.audit()


def _assert_nothing_left(node: RealNode) -> None:
    server = node.server
    assert not node.call("ListPodSandbox").items
    assert not node.call("ListContainers").containers
    for mount in cgroup.detect().mounts:
        left = list(_folders(Path(mount + server.cgroup_parent)))
        assert not left, f"cgroups are left: {left}"
    assert str(server.folder) not in Path("/proc/self/mounts").read_text()
    assert not list((server.state / "pods").iterdir())
    assert not list((server.root / "pods").iterdir())
    ports = Path(f"/sys/class/net/{bridge_name(server.state)}/brif")
    eventually(lambda: not list(ports.iterdir()))  # the kernel ends namespaces and their interfaces in the background
    server.stop()
    eventually(_no_children)


def _no_children() -> bool:
    reap()
    return not children()


def _folders(top: Path) -> Iterator[Path]:
    return (path for path in top.iterdir() if path.is_dir()) if top.is_dir() else iter(())
