"""The ``info`` maps of verbose answers: what people read with crictl and scripts pick out, as containerd names it.

crictl prints a value that begins with ``{`` as a JSON object and all others as strings.
"""

import json
from typing import Any

from google.protobuf.message import Message

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.network.cni.results import addresses
from sandbox.network.names import POD_INTERFACE

INFO = "info"
RUNTIME_TYPE = "wasmlet"


def encoded(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def message_fields(message: Message) -> dict[str, Any]:
    """A message as JSON: names as in the proto, enums by name."""
    from google.protobuf.json_format import MessageToDict  # only people ask for it

    fields: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return fields


def container_config_fields(config: cri.ContainerConfig) -> dict[str, Any]:
    """Environment values are bytes, which JSON would show as base64: here they are text."""
    fields = message_fields(config)
    fields["envs"] = [{"key": item.key, "value": item.value.decode("utf-8", "replace")} for item in config.envs]
    return fields


def cni_result(network_state: dict[str, Any] | None) -> dict[str, Any] | None:
    """Of the CNI network that the pod is on, as containerd shows it; None on another network."""
    result = (network_state or {}).get("result")
    if result is None:
        return None
    configs = [{"IP": str(each.interface.ip), "Gateway": each.gateway} for each in addresses(result)]
    found = {interface.get("name", ""): _cni_interface(interface) for interface in result.get("interfaces") or []}
    found[POD_INTERFACE] = {**found.get(POD_INTERFACE, {"Mac": "", "Sandbox": ""}), "IPConfigs": configs}
    return {"Interfaces": found, "DNS": [result.get("dns") or {}], "Routes": result.get("routes")}


def _cni_interface(interface: dict[str, Any]) -> dict[str, Any]:
    return {"IPConfigs": None, "Mac": interface.get("mac", ""), "Sandbox": interface.get("sandbox", "")}
