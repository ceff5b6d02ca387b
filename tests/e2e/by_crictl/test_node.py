"""The node as crictl shows it."""

import re
from importlib.metadata import version
from ipaddress import IPv4Address, IPv4Network

from tests.e2e.terminal import Terminal


def test_version(terminal: Terminal) -> None:
    assert dict(re.split(r":\s+", line) for line in terminal.crictl.lines("version")) == {
        "Version": "0.1.0",
        "RuntimeName": "wasmlet",
        "RuntimeVersion": version("wasmlet"),
        "RuntimeApiVersion": "v1",
    }


def test_info_of_a_node_that_is_ready(terminal: Terminal) -> None:
    info = terminal.crictl.json("info")
    conditions = {condition["type"]: condition["status"] for condition in info["status"]["conditions"]}
    assert conditions == {"RuntimeReady": True, "NetworkReady": True}
    assert info["wasm"]["engine"] == "wasmtime"
    assert info["wasm"]["version"] == version("wasmtime")
    assert info["config"]["root"] == str(terminal.node.server.root)
    assert [handler.get("name", "") for handler in info["runtimeHandlers"]] == ["", "wasmlet"]


def test_runtime_config(terminal: Terminal) -> None:
    assert re.fullmatch(r"cgroup driver:\s+CGROUPFS", terminal.crictl("runtime-config"))


def test_pods_get_addresses_of_the_pod_cidr_once_it_is_announced(terminal: Terminal) -> None:
    before = terminal.crictl.json("inspectp", terminal.run_pod("before"))
    upper_half = list(IPv4Network(before["info"]["network"]["addresses"][0], strict=False).subnets())[1]
    printed = terminal.crictl.printed("update-runtime-config", "--pod-cidr", str(upper_half))
    assert (printed.status, "Runtime config successfully updated" in printed.err) == (0, True)
    after = terminal.crictl.json("inspectp", terminal.run_pod("after"))
    assert IPv4Address(after["status"]["network"]["ip"]) in upper_half
