"""A node whose pod network is installed as CNI plugins, under a kubelet: what is missing is waited for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cni_installation import CniInstallation, rules
from tests.e2e.kubelet import NODE
from tests.e2e.kubelet_node import KubeletNode, kubelet_node
from tests.e2e.pods import Pod, is_ready, manifest

SHOWS_EVENTS = 3
"""At this verbosity a kubelet writes them into its log."""
PORTS = [{"containerPort": 80, "hostPort": 18080}]


@pytest.fixture
def cni(tmp_path: Path) -> CniInstallation:
    return CniInstallation(tmp_path)


@pytest.fixture
def node(tmp_path: Path, cni: CniInstallation) -> Iterator[KubeletNode]:
    with kubelet_node(tmp_path / "node", server_config=cni.settings, logging={"verbosity": SHOWS_EVENTS}) as running:
        yield running


def test_pods_wait_for_network_plugins_and_addresses_to_come_and_to_go(node: KubeletNode, cni: CniInstallation) -> None:
    node.kubelet.run(manifest("waiting", node.tool("count 0.2", ports=PORTS)))
    node.kubelet.eventually(lambda: "waiting" in node.kubelet.pods(), "the kubelet knows the pod")
    assert not node.sandboxes("waiting")
    cni.install()
    pod = node.kubelet.pod_when("waiting", is_ready)
    assert pod["status"]["podIP"].startswith("10.78.0.")
    assert "--dport 18080 -j DNAT" in rules()

    cni.hide("portmap")
    node.kubelet.run(manifest("late", node.tool("count 0.2")))
    node.kubelet.remove("waiting")
    node.kubelet.eventually(lambda: not node.is_running("waiting"), "the pod that is removed has ended")
    assert "--dport 18080 -j DNAT" in rules()
    wait_for_event(node, "late", "ADD by plugin portmap of CNI network pods cannot be run")
    cni.put_back("portmap")
    late = addresses(node.kubelet.pod_when("late", is_ready))
    node.kubelet.eventually(lambda: "--dport 18080" not in rules(), "its host port is taken back")

    cni.install(only_ipv6=late[1])
    node.kubelet.run(manifest("later", node.tool("count 0.2")))
    wait_for_event(node, "later", f"no IP addresses available in range set: {late[1]}-{late[1]}")
    node.kubelet.eventually(lambda: cni.leased() == late, "what it had got of the other range is given back")
    node.kubelet.remove("late")
    assert addresses(node.kubelet.pod_when("later", is_ready))[1] == late[1]
    node.kubelet.remove_all()
    node.kubelet.eventually(cni.is_clean, "nothing is left of the pods' network")


def addresses(pod: Pod) -> list[str]:
    return [each["ip"] for each in pod["status"]["podIPs"]]


def wait_for_event(node: KubeletNode, pod: str, words: str) -> None:
    """Of a pod without a sandbox."""

    def is_told() -> bool:
        events = (line for line in node.kubelet.log.read_text().splitlines() if '"Event occurred"' in line)
        return any(
            f"{pod}-{NODE}" in event and "FailedCreatePodSandBox" in event and words in event for event in events
        )

    node.kubelet.eventually(is_told, f"an event of pod {pod} has {words}")
