from cri_server.cri_v1 import api_pb2 as cri
from cri_server.pod_request import pod_request
from sandbox.network.provider import Dns, HostPort


def test_a_network_is_told_what_the_pod_is_and_asks_for() -> None:
    request = pod_request(
        cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name="web", namespace="prod", uid="u"),
            annotations={"a": "b"},
            port_mappings=[
                cri.PortMapping(container_port=80, host_port=8080, host_ip="127.0.0.1"),
                cri.PortMapping(container_port=53, host_port=53, protocol=cri.UDP),
                cri.PortMapping(container_port=9000),
            ],
            dns_config=cri.DNSConfig(servers=["10.0.0.10"], options=["ndots:5"]),
            linux=cri.LinuxPodSandboxConfig(cgroup_parent="/pods"),
        )
    )
    assert (request.name, request.namespace, request.uid) == ("web", "prod", "u")
    assert request.annotations == {"a": "b"}
    assert request.host_ports == (HostPort(8080, 80, "tcp", "127.0.0.1"), HostPort(53, 53, "udp", ""))
    assert request.dns == Dns(("10.0.0.10",), (), ("ndots:5",))
    assert request.cgroup_parent == "/pods"
