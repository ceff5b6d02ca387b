"""What a container may do in its pod's network, as the pod's annotations say. No I/O."""

from collections.abc import Iterable, Mapping

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest, NotOffered
from image_store.image import Program
from sandbox import network_access

ANNOTATION = "wasmlet.dev/network"
"""On a pod, for all its containers; with ``.`` and a container's name behind for that one. On a container, for clients
other than the kubelet."""


def access_of(config: cri.ContainerConfig, sandbox: cri.PodSandboxConfig) -> str:
    """One of ``network_access.ALL``. Raises InvalidRequest."""
    name = config.metadata.name
    of_pod = sandbox.annotations.get(f"{ANNOTATION}.{name}", sandbox.annotations.get(ANNOTATION, network_access.FULL))
    return _parsed(config.annotations.get(ANNOTATION, of_pod), ANNOTATION, f"container {name}")


def check_annotations(sandbox: cri.PodSandboxConfig) -> None:
    """Raises InvalidRequest for a value that is none."""
    for name in _named(sandbox.annotations):
        if name.endswith("."):
            raise InvalidRequest(
                f"annotation {name} of pod sandbox {sandbox.metadata.name} names no container: put its name behind the "
                "dot, or leave the dot out"
            )
        _parsed(sandbox.annotations[name], name, f"pod sandbox {sandbox.metadata.name}")


def check_support(config: cri.ContainerConfig, program: Program, access: str, refusal: str) -> None:
    """``refusal``: why no component can use sockets on this node; empty where all can. Raises NotOffered."""
    if refusal and program.opens_sockets and access != network_access.NONE:
        raise NotOffered(
            f"component {program.name} of container {config.metadata.name} uses wasi:sockets, which this node cannot "
            f'give: {refusal}; or set annotation {ANNOTATION} to "{network_access.NONE}"'
        )


def _named(annotations: Mapping[str, str]) -> Iterable[str]:
    return [name for name in annotations if name == ANNOTATION or name.startswith(f"{ANNOTATION}.")]


def _parsed(value: str, annotation: str, subject: str) -> str:
    access = value.strip()
    if access not in network_access.ALL:
        known = '", "'.join(network_access.ALL[:-1])
        raise InvalidRequest(
            f"annotation {annotation} of {subject} is {value!r}, which wasmlet does not know: choose "
            f'"{known}" or "{network_access.ALL[-1]}"'
        )
    return access
