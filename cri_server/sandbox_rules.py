"""What RunPodSandbox refuses: contradictions, and whatever would be a false promise.

The kubelet sets most fields for every ordinary pod. What a WebAssembly sandbox satisfies by its nature (seccomp,
SELinux labels, a PID namespace) is accepted and recorded.
"""

import re
from ipaddress import ip_address

from cri_server import container_network
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.sandbox_store import has_host_network

HANDLERS = ("", "wasmlet")
"""CRI: "" is the default one."""

_HIGHEST_PORT = 65535
_SYSCTL_NAME = re.compile(r"[a-z0-9_-]+([./][a-zA-Z0-9_-]+)+")
_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")


def check_sandbox(request: cri.RunPodSandboxRequest, reject_privileged: bool) -> None:
    """Raises InvalidRequest, NotOffered."""
    check_metadata(request.config)
    name = request.config.metadata.name
    if request.runtime_handler not in HANDLERS:
        known = " or ".join(f'"{handler}"' for handler in HANDLERS)
        raise InvalidRequest(
            f'runtime handler "{request.runtime_handler}" of pod sandbox {name} is not known; use {known}'
        )
    _check_hostname(request.config)
    _check_user(request.config)
    check_namespaces(request.config.linux.security_context.namespace_options, f"pod sandbox {name}")
    _check_paths(request.config)
    _check_ports(request.config)
    _check_sysctls(request.config)
    container_network.check_annotations(request.config)
    if reject_privileged and request.config.linux.security_context.privileged:
        raise InvalidRequest(f"pod sandbox {name} is privileged, which has no meaning for WebAssembly: remove that")


def check_metadata(config: cri.PodSandboxConfig) -> None:
    if not config.HasField("metadata") or not config.metadata.name:
        raise InvalidRequest("the pod sandbox config has no metadata with a name: add it")
    if config.HasField("windows") and not config.HasField("linux"):
        raise InvalidRequest(f"pod sandbox {config.metadata.name} is configured for Windows: this node runs Linux")


def _check_hostname(config: cri.PodSandboxConfig) -> None:
    if config.hostname and not _HOSTNAME.fullmatch(config.hostname):
        raise InvalidRequest(f"hostname {config.hostname!r} of pod sandbox {config.metadata.name} is not a host's name")


def _check_paths(config: cri.PodSandboxConfig) -> None:
    if "\0" in config.linux.cgroup_parent:
        raise InvalidRequest(f"cgroup parent of pod sandbox {config.metadata.name} has a NUL byte: mend it")
    path = config.log_directory
    if path and (not path.startswith("/") or "\0" in path):
        raise InvalidRequest(
            f"log directory {path!r} of pod sandbox {config.metadata.name} is not an absolute path: give one"
        )


def _check_user(config: cri.PodSandboxConfig) -> None:
    context = config.linux.security_context
    if context.HasField("run_as_group") and not context.HasField("run_as_user"):
        raise InvalidRequest(
            f"pod sandbox {config.metadata.name} sets run_as_group without run_as_user: set the user, too"
        )


def check_namespaces(options: cri.NamespaceOption, subject: str) -> None:
    if options.network not in (cri.POD, cri.NODE):
        raise InvalidRequest(f"{subject} asks for the network of a container or target: only POD and NODE exist")
    if options.HasField("userns_options") and options.userns_options.mode != cri.NODE:
        raise InvalidRequest(f"{subject} asks for a user namespace, which wasmlet does not offer: leave the host's")


def _check_ports(config: cri.PodSandboxConfig) -> None:
    """In the host's network every port is a host port already."""
    if has_host_network(config):
        return
    for port in config.port_mappings:
        if port.host_port:
            _check_port(config, port)


def _check_port(config: cri.PodSandboxConfig, port: cri.PortMapping) -> None:
    if not 0 < port.host_port <= _HIGHEST_PORT or not 0 < port.container_port <= _HIGHEST_PORT:
        raise InvalidRequest(
            f"pod sandbox {config.metadata.name} publishes port {port.container_port} as {port.host_port}: "
            f"choose both from 1 to {_HIGHEST_PORT}"
        )
    if port.host_ip and not _is_address(port.host_ip):
        raise InvalidRequest(
            f"host port {port.host_port} of pod sandbox {config.metadata.name} is to listen on {port.host_ip!r}, "
            "which is no IP address: give one"
        )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _check_sysctls(config: cri.PodSandboxConfig) -> None:
    """CRI: a sysctl that is not the pod's own would change the node."""
    for name in config.linux.sysctls:
        if not _SYSCTL_NAME.fullmatch(name) or not _is_namespaced(dotted(name), config):
            raise InvalidRequest(
                f"sysctl {name} of pod sandbox {config.metadata.name} is not one of the pod's own namespaces: remove it"
            )


def _is_namespaced(name: str, config: cri.PodSandboxConfig) -> bool:
    if name.startswith("net."):
        return not has_host_network(config)
    host_ipc = config.linux.security_context.namespace_options.ipc == cri.NODE
    return name.startswith(_IPC_SYSCTLS) and not host_ipc


def dotted(sysctl: str) -> str:
    return sysctl.replace("/", ".")
