"""kube-proxy as it comes, with iptables: its rules belong to the node's own network and go with it."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.control_plane import POD_ADDRESSES
from tests.e2e.kubelet import NODE
from tests.prerequisites import require_tool

PROGRAM = "kube-proxy"

_OF_THE_WHOLE_MACHINE = {"conntrack-max-per-core": "0"}
"""Settings of the kernel that no namespace keeps: left as they are."""
SECONDS_TO_CONNECT = 20
"""The kernel does it. Who comes before there are rules may never get through."""


def is_reached(address: str, port: int) -> bool:
    """By a stream: there are rules that lead there, and somebody listens."""
    try:
        socket.create_connection((address, port), SECONDS_TO_CONNECT).close()
    except OSError:
        return False
    return True


@contextmanager
def kube_proxy(log: Path, kubeconfig: Path) -> Iterator[None]:
    """The caller is in the namespaces of a node. Skips the test where the program is missing."""
    options = {
        "proxy-mode": "iptables",
        "kubeconfig": str(kubeconfig),
        "hostname-override": NODE,
        "cluster-cidr": POD_ADDRESSES,
        **_OF_THE_WHOLE_MACHINE,
    }
    command = [str(require_tool(PROGRAM)), *(f"--{option}={value}" for option, value in options.items())]
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=written, stderr=written)
    try:
        yield
        assert process.poll() is None, f"kube-proxy has ended:\n{log.read_text()}"
    finally:
        process.kill()
        process.wait()
