import pytest

from sandbox.errors import InvalidSpec, NotSupported
from sandbox.network.cni.capabilities import capability_arguments, check_honoured
from sandbox.network.cni.network_config import NetworkConfig
from sandbox.network.pod_annotations import ALIASES, EGRESS, INGRESS, IPS, MAC
from sandbox.network.provider import NO_REQUEST, Dns, HostPort, PodRequest


def annotated(**annotations: str) -> PodRequest:
    return PodRequest(annotations=annotations)


def test_a_pod_that_asks_for_nothing_has_no_arguments() -> None:
    assert capability_arguments(NO_REQUEST) == {}


def test_host_ports() -> None:
    ports = (HostPort(8080, 80, "tcp", ""), HostPort(53, 5353, "udp", "127.0.0.1"))
    assert capability_arguments(PodRequest(host_ports=ports))["portMappings"] == [
        {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
        {"hostPort": 53, "containerPort": 5353, "protocol": "udp", "hostIP": "127.0.0.1"},
    ]


def test_bandwidth_by_kubernetes_annotations() -> None:
    assert capability_arguments(annotated(**{INGRESS: "10M"}))["bandwidth"] == {
        "ingressRate": 10_000_000,
        "ingressBurst": (1 << 32) - 1,
    }
    assert set(capability_arguments(annotated(**{INGRESS: "1k", EGRESS: "1P"}))["bandwidth"]) == {
        "ingressRate",
        "ingressBurst",
        "egressRate",
        "egressBurst",
    }


def test_addresses_and_names_by_annotations() -> None:
    found = capability_arguments(annotated(**{IPS: "10.1.2.3/24, fd00::3", MAC: "02:00:00:00:00:01", ALIASES: "db,"}))
    assert found["ips"] == ["10.1.2.3/24", "fd00::3"]
    assert found["mac"] == "02:00:00:00:00:01"
    assert found["aliases"] == ["db"]


def test_what_plugins_are_told_for_their_information() -> None:
    request = PodRequest(annotations={"a": "b"}, dns=Dns(("10.0.0.10",), (), ("ndots:5",)), cgroup_parent="/pods")
    assert capability_arguments(request) == {
        "dns": {"servers": ["10.0.0.10"], "options": ["ndots:5"]},
        "cgroupPath": "/pods",
        "io.kubernetes.cri.pod-annotations": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (INGRESS, "much", f"annotation {INGRESS}: 'much' is no quantity"),
        (EGRESS, "10", "from 1k to 1P"),
        (EGRESS, "2P", "from 1k to 1P"),
        (IPS, "10.1.2", f"annotation {IPS}: '10.1.2' does not"),
    ],
)
def test_annotations_that_cannot_be_meant_are_refused(annotation: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidSpec, match=reason):
        capability_arguments(annotated(**{annotation: value}))


def test_what_no_plugin_gives_is_refused() -> None:
    arguments = capability_arguments(PodRequest(host_ports=(HostPort(8080, 80, "tcp", ""),), dns=Dns(("10.0.0.10",))))
    check_honoured(arguments, NetworkConfig("n", "1.0.0", [{"type": "p", "capabilities": {"portMappings": True}}]), "s")
    without = NetworkConfig("pods", "1.0.0", [{"type": "bridge", "capabilities": {"portMappings": False}}])
    with pytest.raises(NotSupported, match="sandbox s asks for host ports, but no plugin of CNI network pods has the"):
        check_honoured(arguments, without, "s")
