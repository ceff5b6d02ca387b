"""What a pod's network is told of the pod."""

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.network.provider import Dns, HostPort, PodRequest


def pod_request(config: cri.PodSandboxConfig) -> PodRequest:
    dns = config.dns_config
    return PodRequest(
        name=config.metadata.name,
        namespace=config.metadata.namespace,
        uid=config.metadata.uid,
        annotations=dict(config.annotations),
        host_ports=tuple(_host_port(port) for port in config.port_mappings if port.host_port),
        dns=Dns(tuple(dns.servers), tuple(dns.searches), tuple(dns.options)),
        cgroup_parent=config.linux.cgroup_parent,
    )


def _host_port(port: cri.PortMapping) -> HostPort:
    return HostPort(port.host_port, port.container_port, cri.Protocol.Name(port.protocol).lower(), port.host_ip)
