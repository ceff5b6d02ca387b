"""The TCP ports whose listening sockets a container gets, and what tells it of them. No I/O.

The CRI has ports on the pod sandbox alone. The kubelet adds to each container, as an annotation, the ports that the pod
declares for it; of another client the first container that can use them is given those of the sandbox. An annotation
of wasmlet's own comes before both. Sockets are passed to modules of WASI preview 1 that import ``sock_accept``.
"""

import json
import re
from collections.abc import Collection
from typing import Any, NamedTuple

from cri_server import container_network
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest

ANNOTATION = "wasmlet.dev/listen"
"""On a container; on a pod with ``.`` and the container's name behind."""
NO_PORTS = "none"
MOST_PORTS = 32
"""As many sockets go with a start (see ``sandbox.control``)."""

_OF_KUBELET = "io.kubernetes.container.ports"
_MARK_OF_KUBELET = "io.kubernetes.container.hash"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
_HIGHEST = (1 << 16) - 1


class Port(NamedTuple):
    name: str
    """Its number where it has no other name."""
    number: int


def listening_ports(
    config: cri.ContainerConfig,
    sandbox: cri.PodSandboxConfig,
    accepts: bool,
    may_listen: bool = True,
    taken: Collection[int] = (),
) -> list[Port]:
    """Each number once. ``accepts``: the program can use a listening socket; ``may_listen``: the pod lets it;
    ``taken``: ports that other containers of the pod have. Raises InvalidRequest."""
    wanted = _annotation(config, sandbox)
    chosen = None if wanted is None else _chosen(wanted, config.metadata.name)
    if chosen:
        _check_chosen(config.metadata.name, accepts, may_listen)
    ports: dict[int, Port] = {}
    for port in (declared(config, sandbox, taken) if chosen is None else chosen) if accepts and may_listen else []:
        ports.setdefault(port.number, port)
    if len(ports) > MOST_PORTS:
        raise InvalidRequest(
            f"container {config.metadata.name} declares {len(ports)} TCP ports, more than the {MOST_PORTS} that it can "
            f"be given sockets for: choose some by annotation {ANNOTATION}"
        )
    return list(ports.values())


def listening_variables(ports: list[Port]) -> dict[str, str]:
    """As systemd tells a service of its sockets."""
    if not ports:
        return {}
    return {"LISTEN_FDS": str(len(ports)), "LISTEN_FDNAMES": ":".join(port.name for port in ports)}


def _check_chosen(container: str, accepts: bool, may_listen: bool) -> None:
    if not accepts:
        raise InvalidRequest(
            f"the program of container {container} is no WASI preview 1 module that accepts connections: "
            f"remove annotation {ANNOTATION}, or build it with sock_accept"
        )
    if not may_listen:
        raise InvalidRequest(
            f"container {container} is to listen by annotation {ANNOTATION}, and may not by annotation "
            f"{container_network.ANNOTATION}: remove one of them"
        )


def _annotation(config: cri.ContainerConfig, sandbox: cri.PodSandboxConfig) -> str | None:
    of_pod = sandbox.annotations.get(f"{ANNOTATION}.{config.metadata.name}")
    return config.annotations.get(ANNOTATION, of_pod)


def _chosen(text: str, container: str) -> list[Port]:
    if text.strip() == NO_PORTS:
        return []
    return [_parsed(item.strip(), container) for item in text.split(",")]


def _parsed(item: str, container: str) -> Port:
    name, _, number = item.rpartition("=")
    valid = number.isascii() and number.isdecimal() and 0 < int(number) <= _HIGHEST
    if not valid or not _NAME.fullmatch(name or number):
        raise InvalidRequest(
            f'annotation {ANNOTATION} of container {container} has {item!r}: give TCP ports as in "8080,admin=9090", '
            f'or "{NO_PORTS}"'
        )
    return Port(name or number, int(number))


def declared(config: cri.ContainerConfig, sandbox: cri.PodSandboxConfig, taken: Collection[int]) -> list[Port]:
    """By the pod for this container. Raises InvalidRequest."""
    if _OF_KUBELET in config.annotations:
        return _of_kubelet(config.annotations[_OF_KUBELET], config.metadata.name)
    if _MARK_OF_KUBELET in config.annotations:
        return []
    numbers = [mapping.container_port for mapping in sandbox.port_mappings if mapping.protocol == cri.TCP]
    return [Port(str(number), number) for number in numbers if number not in taken]


def _of_kubelet(text: str, container: str) -> list[Port]:
    try:
        return [_port(item) for item in json.loads(text) if item.get("protocol", "TCP") == "TCP"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidRequest(
            f"annotation {_OF_KUBELET} of container {container} is no list of ports ({error}): mend it"
        ) from error


def _port(item: dict[str, Any]) -> Port:
    number = int(item["containerPort"])
    return Port(item.get("name") or str(number), number)
