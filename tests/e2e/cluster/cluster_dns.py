"""A server of names in the place of CoreDNS: behind a Service, at the address that the kubelet tells its pods."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.kube_proxy import is_reached
from tests.e2e.cluster.kubectl import Kubectl, Object, eventually
from tests.e2e.node_namespaces import ADDRESS
from tests.sandbox.name_server import serving

SERVICE_ADDRESS = "10.96.0.10"
DOMAIN = "cluster.local"

_NAME = "kube-dns"
_THIS_NETWORK = "/proc/thread-self/ns/net"

Records = dict[str, list[str]]
"""Addresses by names."""


@contextmanager
def cluster_dns() -> Iterator[Records]:
    """In the node's network; the caller is in it. What it knows may be added to at any time."""
    records: Records = {}
    with serving(_THIS_NETWORK, records, ADDRESS):
        yield records


def publish(kubectl: Kubectl) -> None:
    """Make the Service that leads there. Return when it does."""
    ports = [{"name": name, "protocol": name.upper(), "port": 53} for name in ("udp", "tcp")]
    spec = {"clusterIP": SERVICE_ADDRESS, "ports": ports}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": _NAME, "labels": {"kubernetes.io/service-name": _NAME}},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
    }
    service: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": _NAME}, "spec": spec}
    inside = kubectl.inside("kube-system")
    kubectl.wait("namespace/kube-system", "create")
    inside.apply(service, endpoints)
    eventually(lambda: is_reached(SERVICE_ADDRESS, 53), "the server of names is reached")
