"""HTTP servers to measure, each in a pod network of its own, so that all are reached by the same way.

wasmlet's are containers; ``wasmtime serve`` is a process of this machine in the network and the cgroup of a pod that
has no container: a processor that others want, too, is shared out among groups, and then among what is in each.
"""

import http.client
import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup import layout
from tests.bench.server import BenchError, Server
from tests.cri_client import CriClient
from tests.guests.compiled import guest
from tests.prerequisites import BUILT_TOOLS

PORT = 8080
WASMTIME = BUILT_TOOLS.parent / "wasmtime" / "wasmtime_cli" / "wasmtime"
_NUMBERS = itertools.count(1)
_SECONDS_TO_ANSWER = 60


@dataclass(frozen=True)
class Serving:
    """``network``: the inode of the namespace in which all its processes are."""

    name: str
    address: str
    network: int

    def url(self, path: str) -> str:
        return f"http://{self.address}:{PORT}{path}"

    def pids(self) -> set[int]:
        found = set()
        for entry in os.listdir("/proc"):
            with suppress(OSError):
                if entry.isdecimal() and os.stat(f"/proc/{entry}/ns/net").st_ino == self.network:
                    found.add(int(entry))
        return found


class Pods:
    """``logs``: folder for the containers' logs."""

    def __init__(self, server: Server, client: CriClient, logs: Path) -> None:
        self._server = server
        self._client = client
        self._logs = logs

    @contextmanager
    def wasmlet(self, image: str) -> Iterator[Serving]:
        """A container of the image that answers. Raises BenchError."""
        with self._pod() as (pod, config):
            self.start(pod, config, image)
            yield self._answering("wasmlet", pod)

    @contextmanager
    def wasmtime_serve(self, guest_name: str, folder: Path) -> Iterator[Serving]:
        """Raises BenchError."""
        if not WASMTIME.exists():
            raise BenchError(f"{WASMTIME} does not exist: run 'make bench-http-tools'")
        component = folder / f"{guest_name}.wasm"
        component.write_bytes(guest(guest_name))
        with self._pod() as (pod, _):
            enter: list[str | Path] = ["nsenter", f"--net=/proc/{self._pid(pod)}/ns/net"]
            command = [*enter, WASMTIME, "serve", "-S", "cli", "--addr", f"0.0.0.0:{PORT}", component]
            with (folder / "wasmtime.log").open("ab") as log:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                _join(self._pid(pod), process.pid)
                yield self._answering("wasmtime serve", pod)
            finally:
                process.kill()
                process.wait()

    def first_answer(self, image: str, path: str) -> float:
        """Milliseconds from StartContainer's answer to that of the container. Raises BenchError."""
        with self._pod() as (pod, config):
            address = self._address(pod)
            self.start(pod, config, image)
            begin = time.perf_counter()
            _await_answer(address, path)
            return (time.perf_counter() - begin) * 1000

    def start(self, pod: str, config: cri.PodSandboxConfig, image: str) -> None:
        container = cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name="main", attempt=0),
            image=cri.ImageSpec(image=image),
            log_path="main.log",
        )
        request = cri.CreateContainerRequest(pod_sandbox_id=pod, config=container, sandbox_config=config)
        made = self._client.call("CreateContainer", request)
        self._client.call("StartContainer", cri.StartContainerRequest(container_id=made.container_id))

    @contextmanager
    def _pod(self) -> Iterator[tuple[str, cri.PodSandboxConfig]]:
        name = f"http-{next(_NUMBERS)}"
        (self._logs / name).mkdir(parents=True)
        config = cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=name, namespace="bench", uid=f"uid-{name}", attempt=0),
            hostname=name,
            log_directory=str(self._logs / name),
            port_mappings=[cri.PortMapping(container_port=PORT)],
            linux=cri.LinuxPodSandboxConfig(cgroup_parent=self._server.cgroup_parent),
        )
        pod = self._client.call("RunPodSandbox", cri.RunPodSandboxRequest(config=config)).pod_sandbox_id
        try:
            yield pod, config
        finally:
            self._client.call("StopPodSandbox", cri.StopPodSandboxRequest(pod_sandbox_id=pod))
            self._client.call("RemovePodSandbox", cri.RemovePodSandboxRequest(pod_sandbox_id=pod))

    def _answering(self, name: str, pod: str) -> Serving:
        address = self._address(pod)
        _await_answer(address, "/")
        return Serving(name, address, os.stat(f"/proc/{self._pid(pod)}/ns/net").st_ino)

    def _address(self, pod: str) -> str:
        return str(self._status(pod).status.network.ip)

    def _pid(self, pod: str) -> int:
        return int(json.loads(self._status(pod).info["info"])["pid"])

    def _status(self, pod: str) -> cri.PodSandboxStatusResponse:
        request = cri.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
        answer: cri.PodSandboxStatusResponse = self._client.call("PodSandboxStatus", request)
        return answer


def _join(member: int, pid: int) -> None:
    """The process enters the cgroups of the other one."""
    found = layout.detect()
    for line in Path(f"/proc/{member}/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        for mount in found.mounts if found.unified else {found.controllers.get(controllers.split(",")[0])}:
            if mount is not None:
                Path(f"{mount}{group}/cgroup.procs").write_text(str(pid))


def _await_answer(address: str, path: str) -> None:
    """Of whatever status: it is the server's."""
    deadline = time.monotonic() + _SECONDS_TO_ANSWER
    while True:
        client = http.client.HTTPConnection(address, PORT, timeout=_SECONDS_TO_ANSWER)
        try:
            client.request("GET", path)
            client.getresponse().read()
            return
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                raise BenchError(f"http://{address}:{PORT}{path} does not answer: {error}") from error
            time.sleep(0.0005)
        finally:
            client.close()
