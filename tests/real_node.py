"""A real server with a registry of guests: pods of it are real processes in real namespaces and cgroups."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cri_server.cri_v1 import api_pb2 as cri
from deploy.demo_registry import Registry, serving
from sandbox.network.bridge import BridgeNetwork, BridgeSettings
from tests.cri_client import CriClient
from tests.guests.compiled import guest
from tests.images import push_artifact
from tests.prerequisites import require_root
from tests.wasmlet_server import WasmletServer

_SECONDS_TO_HAPPEN = 300
_SECONDS_TO_ANSWER = 500
"""Whole interpreters are compiled, and other tests may run."""


class RealNode:
    def __init__(self, server: WasmletServer, registry: Registry) -> None:
        self.server = server
        self.registry = registry
        self.logs = server.folder / "logs"

    @property
    def client(self) -> CriClient:
        return self.server.client

    def call(self, method: str, **fields: Any) -> Any:
        request = getattr(cri, f"{method}Request")(**fields)
        with self.client as client:
            return client.call(method, request, timeout=_SECONDS_TO_ANSWER)

    def pull(self, name: str) -> str:
        """Reference of the image of a guest, on the node."""
        reference = push_artifact(self.registry.address, name, guest(name))
        with self.client as client:
            request = cri.PullImageRequest(image=cri.ImageSpec(image=reference))
            client.call("PullImage", request, timeout=_SECONDS_TO_ANSWER)
        return reference

    def pod_config(self, name: str, **fields: Any) -> cri.PodSandboxConfig:
        linux = fields.pop("linux", cri.LinuxPodSandboxConfig())
        linux.cgroup_parent = self.server.cgroup_parent
        metadata = cri.PodSandboxMetadata(name=name, namespace="default", uid=f"uid-{name}")
        return cri.PodSandboxConfig(
            metadata=metadata, hostname=name, log_directory=str(self.logs / name), linux=linux, **fields
        )

    def run_pod(self, name: str = "web", **fields: Any) -> str:
        return str(self.call("RunPodSandbox", config=self.pod_config(name, **fields)).pod_sandbox_id)

    def start(self, sandbox_id: str, guest_name: str, name: str = "main", **fields: Any) -> str:
        """Id of a container that has been created and started."""
        config = container_config(name, self.pull(guest_name), **fields)
        response = self.call("CreateContainer", pod_sandbox_id=sandbox_id, config=config)
        self.call("StartContainer", container_id=response.container_id)
        return str(response.container_id)

    def status(self, container_id: str) -> cri.ContainerStatus:
        status: cri.ContainerStatus = self.call("ContainerStatus", container_id=container_id).status
        return status

    def exited(self, container_id: str) -> cri.ContainerStatus:
        """Its status, once it has exited."""
        eventually(lambda: self.status(container_id).state == cri.CONTAINER_EXITED)
        return self.status(container_id)

    def address(self, sandbox_id: str) -> str:
        return str(self.call("PodSandboxStatus", pod_sandbox_id=sandbox_id).status.network.ip)

    def log(self, container_id: str) -> list[str]:
        """Content of the log's lines."""
        lines = Path(self.status(container_id).log_path).read_text().splitlines()
        return [line.split(" ", 3)[3] for line in lines]


def container_config(name: str, image: str, **fields: Any) -> cri.ContainerConfig:
    return cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name=name),
        image=cri.ImageSpec(image=image),
        log_path=f"{name}.log",
        **fields,
    )


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_HAPPEN
    while not condition():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.01)


@contextmanager
def real_node(folder: Path, extra_config: str = "") -> Iterator[RealNode]:
    """Nothing of it is left afterwards: no pod, process, cgroup, bridge or rule."""
    require_root()
    server = WasmletServer(folder, extra_config)
    try:
        server.start()
        with serving() as registry:
            yield RealNode(server, registry)
    finally:
        server.clean_up()
        asyncio.run(BridgeNetwork(server.root, server.state, BridgeSettings()).teardown())
