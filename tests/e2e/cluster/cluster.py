"""A whole cluster of one node around wasmlet: etcd, the control plane and the kubelet, none of them changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster.control_plane import PROGRAMS, ControlPlane, control_plane, last_words
from tests.e2e.cluster.kubectl import Kubectl
from tests.e2e.kubelet import NODE
from tests.e2e.kubelet_node import KubeletNode, kubelet_node_here
from tests.e2e.node_namespaces import node_namespaces
from tests.prerequisites import require_root, require_tool

_KUBELET_SETTINGS = {
    "syncFrequency": "10s",
    "kubeAPIQPS": 500,
    "kubeAPIBurst": 1000,
    "eventRecordQPS": 0,
    "serializeImagePulls": False,
    "maxPods": 200,
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "cluster.local",
}
"""So that less is waited for, and what nobody leaves out; the rest is as by default."""


@dataclass(frozen=True)
class Cluster:
    node: KubeletNode
    control_plane: ControlPlane
    kubectl: Kubectl

    def create_namespace(self, name: str) -> Kubectl:
        """Inside of it. Its service account is there, without which it has no pods."""
        self.kubectl("create", "namespace", name)
        kubectl = self.kubectl.inside(name)
        kubectl.wait("serviceaccount/default", "create")
        return kubectl

    def last_words(self) -> str:
        """Of every component."""
        logs = [*self.control_plane.logs(), self.node.kubelet.log, self.node.server.log]
        return "\n".join(last_words(log) for log in logs)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Ready. Until its end the calling thread is in namespaces of its own; nothing of it is left then. Skips the test
    where a program is missing."""
    require_root()
    for program in ("ip", "openssl", "kubectl", "kubelet", *PROGRAMS):
        require_tool(program)
    with (
        node_namespaces(folder / "shown"),
        control_plane(folder / "control-plane") as control,
        kubelet_node_here(folder, kubeconfig=control.kubeconfig, **_KUBELET_SETTINGS) as node,
    ):
        kubectl = Kubectl(control.kubeconfig)
        kubectl.wait(f"node/{NODE}", "create")
        kubectl.wait(f"node/{NODE}", "condition=Ready")
        yield Cluster(node, control, kubectl)
