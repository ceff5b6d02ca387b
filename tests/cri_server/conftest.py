"""Two kinds of servers: ``node``, in this process, the real services on a real socket over stand-ins for what is below
(see ``fakes``), and ``server``, the real one in a process of its own (see ``real_node``)."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from cri_server.config import Settings
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.handlers import HANDLERS
from cri_server.operations import settle
from cri_server.paths import Paths
from cri_server.recovery import recover
from cri_server.runtime import Runtime
from cri_server.service import OPTIONS, generic_handlers
from cri_server.streaming.server import StreamingServer
from cri_server.toolbox import Toolbox
from sandbox.cgroup.layout import Layout
from sandbox.file_system import FileSystem
from tests.cri_server.client import Client
from tests.cri_server.fakes import FakeImages, FakeNetwork, FakePods, Gate
from tests.real_node import RealNode, real_node

Scenario = Callable[["Node"], Awaitable[None]]
_SECONDS = 240


class Node:
    """One root and state; servers come and go on it. ``pods``, ``network`` and ``images`` outlive them."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(str(folder / "root"), str(folder / "state"))
        for path in (self.paths.pods, self.paths.trash, self.paths.pod_states):
            os.makedirs(path)
        self.socket = str(folder / "s.sock")
        self.logs = folder / "logs"
        self.settings = Settings()
        self.gate = Gate()
        self.pods = FakePods(Path(self.paths.state), self.gate)
        self.network = FakeNetwork(self.gate)
        self.images = FakeImages(folder, self.gate)
        self.streaming = StreamingServer(self.settings.streaming)
        self.runtime: Runtime
        self.client: Client
        self._server: grpc.aio.Server
        self._channel: grpc.aio.Channel

    async def start(self) -> None:
        self.runtime = Runtime(
            settings=self.settings,
            paths=self.paths,
            pods=cast(Any, self.pods),
            images=cast(Any, self.images),
            network=self.network,
            streaming=self.streaming,
            toolbox=Toolbox("off", cast(Any, self.images)),
            cgroup_layout=Layout(unified=True, mounts=(str(self.pods.cgroups),), controllers={}),
            cgroup_driver="cgroupfs",
            file_system=FileSystem("/", "/dev/vda"),
        )
        await recover(self.runtime)
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers(generic_handlers(self.runtime, HANDLERS))
        self._server.add_insecure_port(f"unix://{self.socket}")
        await self._server.start()
        self._channel = grpc.aio.insecure_channel(f"unix://{self.socket}", options=OPTIONS)
        self.client = Client(self._channel)

    async def stop(self) -> None:
        await self._channel.close(None)
        await self._server.stop(None)
        await settle(self.runtime, _SECONDS)

    async def restart(self) -> None:
        """Another server on the same disk: only that and the pod processes are left of the last one."""
        await self.stop()
        self.images.held.clear()
        self.network.attached.clear()
        await self.start()

    def pod(self, name: str = "web", attempt: int = 0, **fields: Any) -> cri.PodSandboxConfig:
        metadata = cri.PodSandboxMetadata(name=name, namespace="prod", uid=f"uid-{name}", attempt=attempt)
        return cri.PodSandboxConfig(metadata=metadata, hostname=name, log_directory=str(self.logs), **fields)

    def container(self, name: str = "app", attempt: int = 0, **fields: Any) -> cri.ContainerConfig:
        metadata = cri.ContainerMetadata(name=name, attempt=attempt)
        image = fields.pop("image", cri.ImageSpec(image="registry.test/hello:1"))
        return cri.ContainerConfig(metadata=metadata, image=image, log_path=f"{name}/{attempt}.log", **fields)

    async def run_pod(self, **fields: Any) -> str:
        response = await self.client("RunPodSandbox", config=self.pod(**fields))
        return str(response.pod_sandbox_id)

    async def create(self, sandbox_id: str, **fields: Any) -> str:
        response = await self.client("CreateContainer", pod_sandbox_id=sandbox_id, config=self.container(**fields))
        return str(response.container_id)

    async def start_container(self, sandbox_id: str, **fields: Any) -> str:
        container_id = await self.create(sandbox_id, **fields)
        await self.client("StartContainer", container_id=container_id)
        return container_id

    async def status(self, container_id: str) -> cri.ContainerStatus:
        response = await self.client("ContainerStatus", container_id=container_id)
        return cast(cri.ContainerStatus, response.status)

    def left_on_disk(self) -> list[str]:
        """Everything of pods and containers, trash included."""
        folders = (self.paths.pods, self.paths.pod_states, self.paths.trash)
        return [os.path.join(folder, name) for folder in folders for name in os.listdir(folder)]


@pytest.fixture
def node(tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario, a coroutine function of the node, with a server started."""

    async def run(scenario: Scenario) -> None:
        node = Node(tmp_path)
        await node.start()
        try:
            async with asyncio.timeout(_SECONDS):
                await scenario(node)
        finally:
            await node.stop()

    return lambda scenario: asyncio.run(run(scenario))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealNode]:
    with real_node(tmp_path / "node") as running:
        yield running
