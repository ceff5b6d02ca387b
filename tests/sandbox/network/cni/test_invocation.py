import json

import pytest

from sandbox.errors import InvalidSpec
from sandbox.network.cni.invocation import Target, garbage_invocation, invocation, pod_arguments, status_invocation
from sandbox.network.cni.network_config import NetworkConfig
from sandbox.network.provider import PodRequest

PORTMAP = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True, "mac": False, "dns": True}}
CONFIG = NetworkConfig("pods", "1.1.0", [PORTMAP])
TARGET = Target("abc", "/run/netns/abc", "IgnoreUnknown=1", {"portMappings": [1], "mac": "m", "ips": ["i"]})


def test_the_environment_names_pod_and_verb() -> None:
    call = invocation("ADD", CONFIG, PORTMAP, TARGET)
    assert (call.plugin, call.network, call.verb) == ("portmap", "pods", "ADD")
    assert call.environment == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "abc",
        "CNI_NETNS": "/run/netns/abc",
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": "IgnoreUnknown=1",
    }


def test_the_input_is_the_plugins_settings_with_what_its_capabilities_call_for() -> None:
    previous = {"ips": [{"address": "10.0.0.2/24"}]}
    assert json.loads(invocation("DEL", CONFIG, PORTMAP, TARGET, previous).input) == {
        **PORTMAP,
        "name": "pods",
        "cniVersion": "1.1.0",
        "runtimeConfig": {"portMappings": [1]},
        "prevResult": previous,
    }


def test_without_capabilities_there_is_nothing_to_tell() -> None:
    fields = json.loads(invocation("ADD", CONFIG, {"type": "bridge"}, TARGET).input)
    assert fields == {"type": "bridge", "name": "pods", "cniVersion": "1.1.0"}


def test_garbage_is_what_is_not_listed() -> None:
    call = garbage_invocation(CONFIG, PORTMAP, ["a", "b"])
    assert call.environment == {"CNI_COMMAND": "GC"}
    fields = json.loads(call.input)
    assert fields["cni.dev/valid-attachments"] == [
        {"containerID": "a", "ifname": "eth0"},
        {"containerID": "b", "ifname": "eth0"},
    ]
    assert "prevResult" not in fields


def test_status_is_of_no_pod() -> None:
    assert status_invocation(CONFIG, PORTMAP).environment == {"CNI_COMMAND": "STATUS"}


def test_arguments_name_the_pod_as_kubernetes_does() -> None:
    assert pod_arguments("abc", PodRequest("web", "prod", "uid")) == (
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=uid"
    )


@pytest.mark.parametrize("name", ["a;K8S_POD_NAMESPACE=kube-system", "a=b", "a\0"])
def test_a_name_cannot_add_arguments(name: str) -> None:
    with pytest.raises(InvalidSpec, match="which CNI cannot tell"):
        pod_arguments("abc", PodRequest(name))
