"""What keeps a pod from its network: it is told as an event of the pod, and the pod runs once it is mended.

These change the node for everybody, so they run one after the other.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from cri_server.cri_v1 import api_pb2 as cri
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.kubectl import Kubectl
from tests.e2e.cluster.workloads import pod
from tests.e2e.kubelet import NODE
from tests.e2e.node_namespaces import INTERFACES

SMALLEST = "10.244.250.0/30"
ITS_ONLY_ADDRESS = "10.244.250.2"
TAKEN = "10.244.251.0/24"
BY_SOMEBODY = "10.244.251.77/24"


@contextmanager
def pod_range(cluster: Cluster, cidr: str) -> Iterator[None]:
    """Of the addresses of new pods, as a kubelet announces it."""
    announce(cluster, cidr)
    yield
    announce(cluster, ",".join(cluster.kubectl.get(f"node/{NODE}")["spec"]["podCIDRs"]))


def announce(cluster: Cluster, cidr: str) -> None:
    config = cri.RuntimeConfig(network_config=cri.NetworkConfig(pod_cidr=cidr))
    cluster.node.call("UpdateRuntimeConfig", runtime_config=config)


@contextmanager
def address_of_the_node(address: str) -> Iterator[None]:
    subprocess.run(["ip", "address", "add", address, "dev", INTERFACES[1]], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "address", "delete", address, "dev", INTERFACES[1]], check=True)


def test_a_pod_waits_until_an_address_is_free(cluster: Cluster, kubectl: Kubectl) -> None:
    with pod_range(cluster, SMALLEST):
        kubectl.apply(pod("first", cluster.node.tool("sleep 1000")))
        kubectl.wait("pod/first", "condition=Ready")
        kubectl.apply(pod("second", cluster.node.tool("sleep 1000")))
        kubectl.wait_for_event("second", "FailedCreatePodSandBox", SMALLEST)
        kubectl.delete("pod/first")
        kubectl.wait("pod/second", "condition=Ready")
        assert kubectl.get("pod/second")["status"]["podIP"] == ITS_ONLY_ADDRESS
        kubectl.delete("pod/second")


def test_a_pod_waits_until_nobody_has_an_address_among_those_of_pods(cluster: Cluster, kubectl: Kubectl) -> None:
    with address_of_the_node(BY_SOMEBODY), pod_range(cluster, TAKEN):
        kubectl.apply(pod("waiting", cluster.node.tool("sleep 1000")))
        kubectl.wait_for_event("waiting", "NetworkNotReady", f"interface {INTERFACES[1]} of this host has", TAKEN)
    kubectl.wait("pod/waiting", "condition=Ready")
