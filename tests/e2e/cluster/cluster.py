"""A whole cluster of one node around wasmlet: etcd, control plane, kubelet and kube-proxy, none of them changed."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cri_server.cri_v1 import api_pb2 as cri
from tests.e2e.cluster.cluster_dns import DOMAIN, SERVICE_ADDRESS, Records, cluster_dns, publish
from tests.e2e.cluster.control_plane import PROGRAMS, ControlPlane, control_plane, last_words
from tests.e2e.cluster.kube_proxy import PROGRAM as KUBE_PROXY
from tests.e2e.cluster.kube_proxy import kube_proxy
from tests.e2e.cluster.kubectl import Kubectl, eventually
from tests.e2e.cluster.workloads import Containers, pod, running_containers
from tests.e2e.kubelet import NODE
from tests.e2e.kubelet_node import KubeletNode, kubelet_node_here
from tests.e2e.node_namespaces import ADDRESS, INTERFACES, node_namespaces
from tests.prerequisites import require_root, require_tool

WITNESS = "witness"
ADDRESS_IPV6 = "fd00:192::10"
"""The node's other one: the cluster has both families, IPv4 first."""
RESOLV_CONF = "search node.example\nnameserver 192.0.2.53\noptions timeout:1\n"
"""The node's."""

_KUBELET_SETTINGS = {
    "syncFrequency": "10s",
    "kubeAPIQPS": 500,
    "kubeAPIBurst": 1000,
    "eventRecordQPS": 0,
    "serializeImagePulls": False,
    "maxPods": 200,
    "volumeStatsAggPeriod": "10s",
    "clusterDNS": [SERVICE_ADDRESS],
    "clusterDomain": DOMAIN,
}
"""So that less is waited for, and what nobody leaves out; the rest is as by default."""
_WASMLET_SETTINGS = '[exec]\ntoolbox = "builtin"\n'


@dataclass(frozen=True)
class Cluster:
    node: KubeletNode
    control_plane: ControlPlane
    kubectl: Kubectl
    proxy_log: Path
    names: Records
    """Which the server of names knows that pods ask."""

    def create_namespace(self, name: str) -> Kubectl:
        """Inside of it. Its service account is there, without which it has no pods."""
        self.kubectl("create", "namespace", name)
        kubectl = self.kubectl.inside(name)
        kubectl.wait("serviceaccount/default", "create")
        return kubectl

    def start_witness(self) -> Containers:
        """A pod that runs as long as the cluster does, whatever is done to it: a kubelet that has started again is
        known to have heard of its pods as soon as it knows this one."""
        self.kubectl.wait("serviceaccount/default", "create")
        self.kubectl.apply(pod(WITNESS, self.node.tool("count 1")))
        self.kubectl.wait(f"pod/{WITNESS}", "condition=Ready")
        return running_containers([self.kubectl.get(f"pod/{WITNESS}")])

    def remove_all_pods(self) -> None:
        """With their namespaces."""
        names = [found["metadata"]["name"] for found in self.kubectl.objects("namespace")]
        ours = [name for name in names if name != "default" and not name.startswith("kube-")]
        if ours:
            self.kubectl.delete("namespace", *ours, "--ignore-not-found")  # some were about to go
        self.kubectl.delete(f"pod/{WITNESS}")

    def left_behind(self) -> list[str]:
        """Of pods, which have all been removed, on the node."""
        sandboxes = self.node.call("ListPodSandbox").items
        ready = [f"sandbox {each.metadata.name}" for each in sandboxes if each.state == cri.SANDBOX_READY]
        below = f"{self.node.kubelet.folder}/root/pods"
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if below in line]
        return [*ready, *mounts, *self.node.pod_cgroups(), *pod_interfaces()]

    def defects(self) -> list[str]:
        """What the server and the kubelet tell of their own."""
        kubelet = [line for line in self.node.kubelet.log.read_text().splitlines() if line.startswith(("F", "panic"))]
        server = [line for line in self.node.server.log.read_text().splitlines() if not _is_usual(line)]
        return [*kubelet, *server]

    def last_words(self) -> str:
        """Of every component whose log is still there."""
        logs = [*self.control_plane.logs(), self.proxy_log, self.node.kubelet.log, self.node.server.log]
        return "\n".join(last_words(log) for log in logs if log.exists())


def _is_usual(line: str) -> bool:
    """Of the server's log, in which a traceback is no event."""
    return line.startswith("{") and json.loads(line)["level"] in ("debug", "info", "warning")


def pod_interfaces() -> list[str]:
    """Ends of pairs whose other end is in a pod."""
    pairs = subprocess.run(["ip", "-json", "link", "show", "type", "veth"], check=True, capture_output=True).stdout
    return [pair["ifname"] for pair in json.loads(pairs) if pair["ifname"] not in INTERFACES]


@contextmanager
def _ipv6() -> Iterator[None]:
    """Of the node, until that ends."""
    for command in (
        f"address add {ADDRESS_IPV6}/64 dev {INTERFACES[0]} nodad",
        f"route add default via fd00:192::1 dev {INTERFACES[0]}",
    ):
        subprocess.run(["ip", "-6", *command.split()], check=True)
    yield


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Ready. Until its end the calling thread is in namespaces of its own; nothing of it is left then. Skips the test
    where a program is missing."""
    require_root()
    for program in ("ip", "iptables", "openssl", "kubectl", "kubelet", KUBE_PROXY, *PROGRAMS):
        require_tool(program)
    proxy_log, resolv_conf = folder / "kube-proxy.log", folder / "resolv.conf"
    resolv_conf.write_text(RESOLV_CONF)
    with (
        node_namespaces(folder / "shown"),
        _ipv6(),
        control_plane(folder / "control-plane") as control,
        kube_proxy(proxy_log, control.kubeconfig),
        cluster_dns() as names,
        kubelet_node_here(
            folder,
            kubeconfig=control.kubeconfig,
            resolvConf=str(resolv_conf),
            node_ip=f"{ADDRESS},{ADDRESS_IPV6}",
            server_config=_WASMLET_SETTINGS,
            **_KUBELET_SETTINGS,
        ) as node,
    ):
        kubectl = Kubectl(control.kubeconfig)
        kubectl.wait(f"node/{NODE}", "create")
        kubectl.wait(f"node/{NODE}", "condition=Ready")
        publish(kubectl)
        running = Cluster(node, control, kubectl, proxy_log, names)
        witness = running.start_witness()
        yield running
        assert running_containers([kubectl.get(f"pod/{WITNESS}")]) == witness
        running.remove_all_pods()
        eventually(lambda: not running.left_behind(), "nothing is left of any pod")
        defects = running.defects()
        assert not defects, "\n".join(defects)
