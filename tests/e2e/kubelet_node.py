"""A node with a kubelet, wasmlet below it and a registry, as if on a machine of its own."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import tree as cgroup
from tests.bench.cgroup_hierarchies import remove_groups
from tests.docker_registry import docker_registry
from tests.e2e.kubelet import NODE, Kubelet, kubelet
from tests.e2e.node_namespaces import node_namespaces
from tests.e2e.pods import tool
from tests.guests.compiled import guest
from tests.images import push_artifact
from tests.prerequisites import require_root, require_tool
from tests.wasmlet_server import WasmletServer

_CGROUPS = Path("/sys/fs/cgroup")
_POD_NAME = "io.kubernetes.pod.name"


@dataclass(frozen=True)
class KubeletNode:
    kubelet: Kubelet
    server: WasmletServer
    registry: str
    _pushed: dict[str, str] = field(default_factory=dict)
    _pushing: threading.Lock = field(default_factory=threading.Lock)

    def image(self, guest_name: str, tag: str = "latest") -> str:
        """Reference of a guest's image, in the registry."""
        return self.pushed(
            f"{guest_name}:{tag}", lambda: push_artifact(self.registry, guest_name, guest(guest_name), tag)
        )

    def pushed(self, name: str, push: Callable[[], str]) -> str:
        """Reference of an image, which is pushed when it is asked for first. To push it again would do no good to who
        pulls it just then: the registry writes the files that lead to it anew, in their place."""
        with self._pushing:
            if name not in self._pushed:
                self._pushed[name] = push()
            return self._pushed[name]

    def tool(self, *commands: str, **fields: Any) -> dict[str, Any]:
        """A container of a manifest that runs commands of the guest of many uses, quoted as for a shell."""
        return tool(self.image("tool"), *commands, **fields)

    def call(self, method: str, **fields: Any) -> Any:
        """Of the CRI, beside the kubelet."""
        with self.server.client as client:
            return client.call(method, getattr(cri, f"{method}Request")(**fields))

    def sandboxes(self, pod: str) -> list[cri.PodSandbox]:
        """Those of a pod, static or not, that are listed, in whichever state."""
        items: list[cri.PodSandbox] = self.call("ListPodSandbox").items
        return [item for item in items if item.labels[_POD_NAME] in (pod, f"{pod}-{NODE}")]

    def pid(self, pod: str) -> int:
        """Of a process in the namespaces of a pod that runs."""
        [ready] = [each.id for each in self.sandboxes(pod) if each.state == cri.SANDBOX_READY]
        info = self.call("PodSandboxStatus", pod_sandbox_id=ready, verbose=True).info["info"]
        return int(json.loads(info)["pid"])

    @contextmanager
    def server_killed(self) -> Iterator[None]:
        """For a while, as a crash would."""
        self.server.kill()
        try:
            yield
        finally:
            self.server.start()

    def pod_cgroups(self) -> list[str]:
        """Groups of pods that are there, in any hierarchy."""
        parent = self.server.cgroup_parent.strip("/")
        walks = (os.walk(folder / parent) for folder in (_CGROUPS, *_CGROUPS.iterdir()))
        return [
            f"{folder}/{name}" for walk in walks for folder, names, _ in walk for name in names if name[:3] == "pod"
        ]

    def is_running(self, pod: str) -> bool:
        return any(sandbox.state == cri.SANDBOX_READY for sandbox in self.sandboxes(pod))


@contextmanager
def kubelet_node(
    folder: Path, feature_gates: Mapping[str, bool] = MappingProxyType({}), server_config: str = "", **options: Any
) -> Iterator[KubeletNode]:
    """The options are the kubelet's; ``server_config``: more of wasmlet's configuration.

    Nothing of the node is left afterwards. Skips the test where a program is missing.
    """
    require_root()
    for program in ("ip", "kubelet"):
        require_tool(program)
    options |= {"feature_gates": feature_gates, "server_config": server_config}
    with node_namespaces(folder / "shown"), kubelet_node_here(folder, **options) as node:
        yield node


@contextmanager
def kubelet_node_here(folder: Path, **options: Any) -> Iterator[KubeletNode]:
    """In the namespaces of a node that the caller has entered."""
    server_config = options.pop("server_config", "")
    with (
        docker_registry(folder / "registry") as registry,
        _server(folder / "wasmlet", server_config) as server,
        kubelet(folder / "kubelet", server.socket, server.cgroup_parent, **options) as running,
    ):
        yield KubeletNode(running, server, registry)


@contextmanager
def _server(folder: Path, config: str) -> Iterator[WasmletServer]:
    """With the cgroup that the kubelet takes for the root; it makes groups in more hierarchies than wasmlet."""
    server = WasmletServer(folder, config)
    cgroup.create_pod_group(cgroup.detect(), server.cgroup_parent)
    try:
        server.start()
        yield server
    finally:
        try:
            server.clean_up()
        finally:
            remove_groups(server.cgroup_parent.strip("/"))
