"""A CRI server to measure: where it listens, what it runs, where its pods belong."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_client import CriClient

SECONDS_TO_START = 60


class BenchError(Exception):
    """Why nothing can be measured, in one sentence with the remedy."""


@dataclass(frozen=True)
class Server:
    name: str
    socket: Path
    image: str
    """Prints a line and sleeps."""
    cgroup_parent: str

    def version(self) -> str:
        with CriClient(self.socket) as client:
            answer = client.call("Version", cri.VersionRequest())
        return f"{answer.runtime_name} {answer.runtime_version}"

    def pull(self) -> None:
        """Raises BenchError: what the server says about its image."""
        with CriClient(self.socket) as client:
            try:
                client.call("PullImage", cri.PullImageRequest(image=cri.ImageSpec(image=self.image)), timeout=300)
            except grpc.RpcError as error:
                raise BenchError(f"{self.name} cannot pull {self.image}: {error}") from error


def start_server(command: Sequence[str | Path], socket: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Return when it answers and its network is ready. Raises BenchError with the end of its log."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    deadline = time.monotonic() + SECONDS_TO_START
    while not _is_ready(socket):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"{command[0]} does not serve; the end of its log:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)
    return process


def _is_ready(socket: Path) -> bool:
    with suppress(grpc.RpcError), CriClient(socket) as client:
        conditions = client.call("Status", cri.StatusRequest(), timeout=2).status.conditions
        # A server may report more, such as the use of what is deprecated.
        return {"RuntimeReady", "NetworkReady"} <= {each.type for each in conditions if each.status}
    return False
