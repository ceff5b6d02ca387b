"""A server with CNI plugins, on a machine of its own, as people with crictl see it."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker_registry import docker_registry
from tests.e2e.cni_installation import CniInstallation, rules
from tests.e2e.node_namespaces import node_namespaces
from tests.e2e.terminal import Terminal
from tests.prerequisites import require_root, require_tool
from tests.real_node import eventually, real_node

PORTS = [{"container_port": 80, "host_port": 18080}]


class Machine(CniInstallation):
    """With somebody at its terminal."""

    terminal: Terminal

    def install(self, only_ipv6: str = "") -> None:
        super().install(only_ipv6)
        eventually(lambda: bool(self.network_ready()["status"]))

    def network_ready(self) -> dict[str, Any]:
        conditions = self.terminal.crictl.json("info")["status"]["conditions"]
        found: dict[str, Any] = next(each for each in conditions if each["type"] == "NetworkReady")
        return found


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    require_root()
    require_tool("nsenter")
    machine = Machine(tmp_path)
    with (
        node_namespaces(tmp_path / "shown"),
        real_node(tmp_path / "node", machine.settings) as node,
        docker_registry(tmp_path / "registry") as registry,
    ):
        machine.terminal = Terminal(node, registry, tmp_path / "terminal")
        yield machine


def test_without_a_network_in_the_folder_the_node_is_not_ready_until_one_is_installed(machine: Machine) -> None:
    condition = machine.network_ready()
    assert (condition["status"], condition["reason"]) == (False, "NetworkPluginNotReady")
    assert "install a CNI network there" in condition["message"]
    assert "install a CNI network there" in machine.terminal.crictl.refused("runp", machine.terminal.pod_file("early"))
    machine.install()
    machine.terminal.run_pod("late")


def test_a_pod_has_addresses_and_host_ports_until_it_is_stopped(machine: Machine) -> None:
    machine.install()
    crictl = machine.terminal.crictl
    pod = machine.terminal.run_pod(port_mappings=PORTS)
    inspected = crictl.json("inspectp", pod)
    assert inspected["status"]["network"] == {"ip": "10.78.0.2", "additionalIps": [{"ip": "fd00:78::2"}]}
    shown = inspected["info"]["cniResult"]["Interfaces"]["eth0"]
    assert [config["IP"] for config in shown["IPConfigs"]] == ["10.78.0.2", "fd00:78::2"]
    assert {"10.78.0.2", "fd00:78::2", "127.0.0.1"} <= addresses_in(inspected["info"]["pid"])
    assert "--dport 18080 -j DNAT --to-destination 10.78.0.2:80" in rules()
    with pytest.raises(ConnectionRefusedError):  # by the pod, which is reached and serves nothing
        socket.create_connection(("10.78.0.2", 80), 60)
    assert "10.78.0.2\tweb" in (machine.terminal.node.server.state / "pods" / pod / "hosts").read_text()
    crictl("stopp", pod)
    assert machine.is_clean()
    crictl("rmp", pod)


def addresses_in(pid: int) -> set[str]:
    links = json.loads(output("nsenter", "--net", f"--target={pid}", "ip", "-j", "addr"))
    return {address["local"] for link in links for address in link["addr_info"]}


def test_no_pod_holds_the_network_of_another(machine: Machine) -> None:
    machine.install()
    crictl = machine.terminal.crictl
    pod = machine.terminal.run_pod()
    other = crictl.json("inspectp", machine.terminal.run_pod("other"))["info"]["pid"]
    crictl("stopp", pod)
    assert f"/netns/{pod}" not in Path(f"/proc/{other}/mountinfo").read_text()


def test_a_pod_keeps_its_network_when_the_server_is_killed_and_gives_it_back_to_the_next(machine: Machine) -> None:
    machine.install()
    crictl = machine.terminal.crictl
    pod = machine.terminal.run_pod(port_mappings=PORTS)
    before = crictl.json("inspectp", pod)["status"]
    machine.terminal.node.server.kill()
    machine.terminal.node.server.start()
    assert crictl.json("inspectp", pod)["status"] == before
    assert not machine.is_clean()
    crictl("stopp", pod)
    assert machine.is_clean()


def test_a_pod_that_dies_while_there_is_no_server_gives_its_network_back(machine: Machine) -> None:
    machine.install()
    pod = machine.terminal.run_pod(port_mappings=PORTS)
    pid = machine.terminal.crictl.json("inspectp", pod)["info"]["pid"]
    machine.terminal.node.server.kill()
    output("kill", "-KILL", str(pid))
    machine.terminal.node.server.start()
    assert machine.terminal.crictl.json("inspectp", pod)["status"]["state"] == "SANDBOX_NOTREADY"
    eventually(machine.is_clean)


def test_a_missing_plugin_is_told_and_the_next_try_succeeds_once_it_is_there(machine: Machine) -> None:
    machine.install()
    crictl = machine.terminal.crictl
    pod = machine.terminal.run_pod(port_mappings=PORTS)
    machine.hide("portmap")
    missing = f"plugin portmap of CNI network pods cannot be run: {machine.bin_dir} has no such program"
    assert f"ADD by {missing}" in crictl.refused("runp", machine.terminal.pod_file("other"))
    assert f"DEL by {missing}; install it there; the next stop tries again" in crictl.refused("stopp", pod)
    assert crictl.json("inspectp", pod)["status"]["state"] == "SANDBOX_NOTREADY"
    machine.put_back("portmap")
    crictl("stopp", pod)
    machine.terminal.run_pod("other")


def test_what_the_network_cannot_give_is_refused(machine: Machine) -> None:
    machine.install()
    crictl, annotations = machine.terminal.crictl, {"kubernetes.io/ingress-bandwidth": "10M"}
    refused = crictl.refused("runp", machine.terminal.pod_file("web", annotations=annotations))
    assert "asks for a bandwidth" in refused
    assert "no plugin of CNI network pods has the capability bandwidth" in refused
