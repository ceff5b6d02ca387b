"""How a container serves HTTP whose component handles requests: its port and its limits. No I/O.

The port is the first that says anything of: an annotation, the variable that runwasi's wasmtime shim reads, the only
TCP port that the pod declares for the container, 8080.
"""

import os
import re
from collections.abc import Collection, Mapping
from math import ceil
from typing import Any

from pydantic import ValidationError

from cri_server import container_ports
from cri_server.config import HttpSettings
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from sandbox import network_access
from sandbox.http.limits import HttpLimits

PREFIX = "wasmlet.dev/http-"
"""On a pod, for all its containers; with ``.`` and a container's name behind for that one; or on a container."""
VARIABLE = "WASMTIME_HTTP_PROXY_SOCKET_ADDR"
DEFAULT_PORT = 8080

_ANY_ADDRESS = ("", "0.0.0.0", "[::]")
_MOST_WORKERS = 4
_HIGHEST_PORT = (1 << 16) - 1
_NUMBER = re.compile(r"[0-9]{1,12}")
_PORT = "port"


def check_access(config: cri.ContainerConfig, access: str) -> None:
    """``access``: one of ``network_access.ALL``. Raises InvalidRequest."""
    if not network_access.listens(access):
        raise InvalidRequest(
            f"the component of container {config.metadata.name} handles HTTP requests, and annotation "
            f'wasmlet.dev/network is "{access}", which lets nobody connect to it: choose "full" or "inbound"'
        )


def port(
    config: cri.ContainerConfig,
    sandbox: cri.PodSandboxConfig,
    variables: Mapping[str, str],
    taken: Collection[int] = (),
) -> int:
    """``variables``: the container's environment; ``taken``: ports of other containers of the pod.

    Raises InvalidRequest."""
    chosen = _annotation(config, sandbox, _PORT)
    if chosen is not None:
        return _number(chosen, f"annotation {PREFIX}{_PORT}", config)
    if VARIABLE in variables:
        return _of_address(variables[VARIABLE], config)
    declared = {each.number for each in container_ports.declared(config, sandbox, taken)}
    return declared.pop() if len(declared) == 1 else DEFAULT_PORT


def limits(config: cri.ContainerConfig, sandbox: cri.PodSandboxConfig, settings: HttpSettings) -> HttpLimits:
    """``settings``: of the node. Raises InvalidRequest."""
    values = settings.model_dump()
    for name in values:
        text = _annotation(config, sandbox, name.replace("_", "-"))
        if text is not None:
            values[name] = int(text) if _NUMBER.fullmatch(text.strip()) else text.strip()
    chosen = _checked(values, config)
    return HttpLimits(
        workers=chosen.workers or _fitting_workers(config.linux.resources),
        concurrency=chosen.concurrency,
        header_bytes=chosen.max_header_bytes,
        body_bytes=chosen.max_body_bytes,
        header_seconds=chosen.header_seconds,
        body_seconds=chosen.body_seconds,
        idle_seconds=chosen.idle_seconds,
        request_seconds=chosen.request_seconds,
        access_log=chosen.access_log,
    )


def _checked(values: dict[str, Any], config: cri.ContainerConfig) -> HttpSettings:
    """The settings' own bounds are those of the annotations."""
    try:
        return HttpSettings(**values)
    except ValidationError as error:
        complaint = error.errors()[0]
        name = str(complaint["loc"][0]).replace("_", "-")
        raise InvalidRequest(
            f"annotation {PREFIX}{name} of container {config.metadata.name} is {complaint['input']!r}: "
            f"{complaint['msg']}; mend it"
        ) from error


def _fitting_workers(resources: cri.LinuxContainerResources) -> int:
    processors = len(os.sched_getaffinity(0))
    if resources.cpu_quota > 0 and resources.cpu_period > 0:
        processors = min(processors, ceil(resources.cpu_quota / resources.cpu_period))
    return min(processors, _MOST_WORKERS)


def _annotation(config: cri.ContainerConfig, sandbox: cri.PodSandboxConfig, name: str) -> str | None:
    annotation = PREFIX + name
    of_pod = sandbox.annotations.get(annotation)
    of_container = sandbox.annotations.get(f"{annotation}.{config.metadata.name}", of_pod)
    return config.annotations.get(annotation, of_container)


def _of_address(text: str, config: cri.ContainerConfig) -> int:
    address, _, number = text.strip().rpartition(":")
    if address not in _ANY_ADDRESS:
        raise InvalidRequest(
            f"variable {VARIABLE} of container {config.metadata.name} is {text!r}: wasmlet listens at all addresses of "
            'the pod; write it as "0.0.0.0:PORT"'
        )
    return _number(number, f"variable {VARIABLE}", config)


def _number(text: str, subject: str, config: cri.ContainerConfig) -> int:
    number = int(text.strip()) if _NUMBER.fullmatch(text.strip()) else 0
    if not 0 < number <= _HIGHEST_PORT:
        raise InvalidRequest(f"{subject} of container {config.metadata.name} is {text!r}: give a port, 1 to 65535")
    return number
