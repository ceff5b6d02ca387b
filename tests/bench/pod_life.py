"""One pod on one server, from RunPodSandbox to RemovePodSandbox, with the time of every call."""

import itertools
import secrets
import time
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from cri_server.cri_v1 import api_pb2 as cri
from tests.bench.first_line import FirstLine
from tests.bench.server import Server
from tests.cri_client import CriClient

_NUMBERS = itertools.count(1)
_OURS = {"wasmlet.dev/bench": secrets.token_hex(4)}


class PodLife:
    """``times``: milliseconds by what was measured."""

    def __init__(self, server: Server, client: CriClient, logs: Path) -> None:
        name = f"bench-{next(_NUMBERS)}"
        self.times: dict[str, float] = {}
        self._client = client
        self._image = server.image
        self._log = logs / server.name / name / "0.log"
        self._config = _pod_config(name, server.cgroup_parent, str(self._log.parent))
        self.pod = self.container = ""
        """Ids, once they are there."""

    def up(self, watched: bool = False) -> None:
        """Run, create, start; ``watched``: until the first log line."""
        self._log.parent.mkdir(parents=True)  # the kubelet's part
        begin = time.perf_counter()
        self._run()
        self._create()
        first_line = FirstLine(self._log) if watched else None
        start = time.perf_counter()
        self._call("StartContainer", cri.StartContainerRequest(container_id=self.container))
        self.times["pod up"] = (time.perf_counter() - begin) * 1000
        if first_line:
            self.times["first log line"] = (first_line.time() - start) * 1000

    def down(self) -> None:
        self._call("StopContainer", cri.StopContainerRequest(container_id=self.container, timeout=0))
        self._call("StopPodSandbox", cri.StopPodSandboxRequest(pod_sandbox_id=self.pod))
        self._call("RemovePodSandbox", cri.RemovePodSandboxRequest(pod_sandbox_id=self.pod))

    def _run(self) -> None:
        self.pod = self._call("RunPodSandbox", cri.RunPodSandboxRequest(config=self._config)).pod_sandbox_id

    def _create(self) -> None:
        request = cri.CreateContainerRequest(
            pod_sandbox_id=self.pod, config=_container_config(self._image, self._log.name), sandbox_config=self._config
        )
        self.container = self._call("CreateContainer", request).container_id

    def _call(self, name: str, request: Message) -> Any:
        begin = time.perf_counter()
        answer = self._client.call(name, request)
        self.times[name] = (time.perf_counter() - begin) * 1000
        return answer


def remove_pods(client: CriClient) -> None:
    """What is left of this run's, if anything."""
    ours = cri.ListPodSandboxRequest(filter=cri.PodSandboxFilter(label_selector=_OURS))
    for pod in client.call("ListPodSandbox", ours).items:
        client.call("StopPodSandbox", cri.StopPodSandboxRequest(pod_sandbox_id=pod.id))
        client.call("RemovePodSandbox", cri.RemovePodSandboxRequest(pod_sandbox_id=pod.id))


def _pod_config(name: str, cgroup_parent: str, log_directory: str) -> cri.PodSandboxConfig:
    """As the kubelet sends it for a pod without requests and limits."""
    return cri.PodSandboxConfig(
        metadata=cri.PodSandboxMetadata(name=name, namespace="bench", uid=f"uid-{name}", attempt=0),
        hostname=name,
        log_directory=log_directory,
        labels={**_OURS, "io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": "bench"},
        linux=cri.LinuxPodSandboxConfig(cgroup_parent=cgroup_parent),
    )


def _container_config(image: str, log_path: str) -> cri.ContainerConfig:
    return cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name="ready", attempt=0),
        image=cri.ImageSpec(image=image),
        log_path=log_path,
        labels={"io.kubernetes.container.name": "ready"},
        linux=cri.LinuxContainerConfig(resources=cri.LinuxContainerResources(cpu_shares=2, oom_score_adj=1000)),
    )
