"""The ``info`` maps of verbose answers: what people read with crictl and scripts pick out, as containerd names it.

crictl prints a value that begins with ``{`` as a JSON object and all others as strings.
"""

import json
from typing import Any

from google.protobuf.message import Message

from cri_server.cri_v1 import api_pb2 as cri

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
