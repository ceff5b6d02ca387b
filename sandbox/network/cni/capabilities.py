"""What a pod asks of its network, as plugins that have the capability are told it. No I/O.

CNI: conventions, "dynamic plugin specific fields". The annotations of bandwidth are Kubernetes' own.
"""

from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Any

from sandbox.errors import InvalidSpec, NotSupported
from sandbox.network.cni.network_config import NetworkConfig
from sandbox.network.pod_annotations import ALIASES, EGRESS, INGRESS, IPS, MAC, rate
from sandbox.network.provider import HostPort, PodRequest

_POD_ANNOTATIONS = "io.kubernetes.cri.pod-annotations"

_BURST = (1 << 32) - 1
"""Bits; what other runtimes give."""
_ASKED = {
    "portMappings": "host ports",
    "bandwidth": f"a bandwidth ({INGRESS}, {EGRESS})",
    "ips": f"addresses of its own choice ({IPS})",
    "mac": f"a hardware address ({MAC})",
    "aliases": f"aliases ({ALIASES})",
}
"""What a pod would miss. Of the other capabilities plugins are told for their information."""


def capability_arguments(request: PodRequest) -> dict[str, Any]:
    """By capability. Raises InvalidSpec for annotations that cannot be meant."""
    annotations = request.annotations
    found = {
        "portMappings": [_port_mapping(port) for port in request.host_ports],
        "bandwidth": _bandwidth(annotations),
        "ips": [_address(text) for text in _listed(annotations, IPS)],
        "mac": annotations.get(MAC, ""),
        "aliases": _listed(annotations, ALIASES),
        "dns": {key: list(values) for key, values in request.dns._asdict().items() if values},
        "cgroupPath": request.cgroup_parent,
        _POD_ANNOTATIONS: dict(annotations),
    }
    return {name: value for name, value in found.items() if value}


def check_honoured(arguments: dict[str, Any], config: NetworkConfig, sandbox_id: str) -> None:
    """Raises NotSupported for what no plugin of the network can give."""
    for name in sorted(_ASKED.keys() & arguments.keys() - config.capabilities):
        raise NotSupported(
            f"pod sandbox {sandbox_id} asks for {_ASKED[name]}, but no plugin of CNI network {config.name} has the "
            f"capability {name}: add one to its configuration, or ask for none"
        )


def _port_mapping(port: HostPort) -> dict[str, Any]:
    fields = {"hostPort": port.host_port, "containerPort": port.container_port, "protocol": port.protocol}
    return {**fields, "hostIP": port.host_ip} if port.host_ip else fields


def _bandwidth(annotations: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for annotation, direction in ((INGRESS, "ingress"), (EGRESS, "egress")):
        if (wanted := rate(annotations, annotation)) is not None:
            found |= {f"{direction}Rate": wanted, f"{direction}Burst": _BURST}
    return found


def _listed(annotations: Mapping[str, str], annotation: str) -> list[str]:
    return [text.strip() for text in annotations.get(annotation, "").split(",") if text.strip()]


def _address(text: str) -> str:
    try:
        ip_interface(text)
    except ValueError as error:
        raise InvalidSpec(f"annotation {IPS}: {error}; write addresses as in 10.1.2.3/24, with commas") from error
    return text
