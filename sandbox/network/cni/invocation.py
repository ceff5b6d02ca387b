"""What a plugin is told: its environment and its input. No I/O.

CNI: sections 2 (execution protocol) and 4 (plugin execution, deriving the configuration) of the specification.
"""

import json
from typing import Any, NamedTuple

from sandbox.errors import InvalidSpec
from sandbox.network.cni.network_config import NetworkConfig, Plugin
from sandbox.network.names import POD_INTERFACE
from sandbox.network.provider import PodRequest

Result = dict[str, Any]
"""The JSON object that a plugin answers with."""


class Target(NamedTuple):
    """The pod that a plugin is to change."""

    sandbox_id: str
    netns: str
    """Path, "" if the namespace is no more."""
    arguments: str
    """CNI_ARGS."""
    capabilities: dict[str, Any]
    """Arguments by capability."""


class Invocation(NamedTuple):
    plugin: str
    network: str
    verb: str
    environment: dict[str, str]
    input: bytes


def pod_arguments(sandbox_id: str, request: PodRequest) -> str:
    """CNI_ARGS as every runtime of Kubernetes has them. Raises InvalidSpec for a name that would add others."""
    found = {
        "IgnoreUnknown": "1",
        "K8S_POD_NAMESPACE": request.namespace,
        "K8S_POD_NAME": request.name,
        "K8S_POD_INFRA_CONTAINER_ID": sandbox_id,
        "K8S_POD_UID": request.uid,
    }
    for value in found.values():
        if any(character in value for character in ";=\0"):
            raise InvalidSpec(f"pod sandbox {sandbox_id} is named {value!r}, which CNI cannot tell: leave out ';', '='")
    return ";".join(f"{name}={value}" for name, value in found.items())


def invocation(
    verb: str, config: NetworkConfig, plugin: Plugin, target: Target, previous: Result | None = None
) -> Invocation:
    """Of ADD, DEL or CHECK. ``previous``: result of the plugin before, or of all."""
    environment = {"CNI_CONTAINERID": target.sandbox_id, "CNI_NETNS": target.netns, "CNI_IFNAME": POD_INTERFACE}
    fields = _fields(config, plugin)
    if enabled := _runtime_config(plugin, target.capabilities):
        fields["runtimeConfig"] = enabled
    if previous is not None:
        fields["prevResult"] = previous
    return _invocation(verb, config, plugin, {**environment, "CNI_ARGS": target.arguments}, fields)


def garbage_invocation(config: NetworkConfig, plugin: Plugin, valid: list[str]) -> Invocation:
    """GC; ``valid``: the sandboxes that are attached."""
    attachments = [{"containerID": sandbox_id, "ifname": POD_INTERFACE} for sandbox_id in valid]
    fields = {**_fields(config, plugin), "cni.dev/valid-attachments": attachments, "cni.dev/attachments": attachments}
    return _invocation("GC", config, plugin, {}, fields)


def status_invocation(config: NetworkConfig, plugin: Plugin) -> Invocation:
    return _invocation("STATUS", config, plugin, {}, _fields(config, plugin))


def _fields(config: NetworkConfig, plugin: Plugin) -> dict[str, Any]:
    return {**plugin, "name": config.name, "cniVersion": config.version}


def _runtime_config(plugin: Plugin, arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: arguments[name] for name, on in plugin.get("capabilities", {}).items() if on and name in arguments}


def _invocation(
    verb: str, config: NetworkConfig, plugin: Plugin, environment: dict[str, str], fields: dict[str, Any]
) -> Invocation:
    return Invocation(
        plugin["type"], config.name, verb, {"CNI_COMMAND": verb, **environment}, json.dumps(fields).encode()
    )
