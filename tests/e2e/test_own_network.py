"""A server with wasmlet's own network, on a machine of its own, as people with crictl see it."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_client import CriClient
from tests.docker_registry import docker_registry
from tests.e2e.node_namespaces import ADDRESS, node_namespaces
from tests.e2e.terminal import Terminal
from tests.prerequisites import require_root, require_tool
from tests.real_node import eventually, real_node

SETTINGS = '[network]\nsubnet = "10.79.0.0/24,fd00:79::/64"\n'
PORTS = [
    {"container_port": 80, "host_port": 18080},
    {"container_port": 53, "host_port": 18053, "protocol": 1, "host_ip": "127.0.0.1"},
]


@pytest.fixture(scope="module")
def shared_terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    require_root()
    for tool in ("ip", "nft"):
        require_tool(tool)
    folder = tmp_path_factory.mktemp("own-network")
    with (
        node_namespaces(folder / "shown"),
        real_node(folder / "node", SETTINGS) as node,
        docker_registry(folder / "registry") as registry,
    ):
        yield Terminal(node, registry, folder / "terminal")


@pytest.fixture
def terminal(shared_terminal: Terminal) -> Iterator[Terminal]:
    """Without a pod, on a machine on which nothing is left of any."""
    yield shared_terminal
    shared_terminal.remove_pods()
    eventually(lambda: "10.79.0." not in rules() and not pod_interfaces())


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def rules() -> str:
    """All but those for the whole range."""
    return output("nft", "list", "ruleset").replace("10.79.0.0/24", "").replace("fd00:79::/64", "")


def pod_interfaces() -> list[str]:
    return [line for line in output("ip", "-o", "link").splitlines() if "alias wasmlet" in line]


def reached(address: str, port: int) -> bool:
    """Whether a pod is behind it, which serves nothing: a host that has nobody there refuses as well, but is quicker
    told by its rules.
    """
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, port), 60)
    return f"tcp . {port} : 10.79.0." in rules()


def test_a_pod_has_addresses_of_both_families_and_host_ports_until_it_is_stopped(terminal: Terminal) -> None:
    crictl = terminal.crictl
    pod = terminal.run_pod(port_mappings=PORTS)
    status = crictl.json("inspectp", pod)["status"]["network"]
    first, second = status["ip"], status["additionalIps"][0]["ip"]
    assert first.startswith("10.79.0.")
    assert second.startswith("fd00:79::")
    hosts = (terminal.node.server.state / "pods" / pod / "hosts").read_text()
    assert f"{first}\tweb\n{second}\tweb\n" in hosts
    assert f"udp . 127.0.0.1 . 18053 : {first} . 53" in rules()
    assert f"tcp . 18080 : {second} . 80" in rules()
    assert all(reached(address, 18080) for address in (ADDRESS, "127.0.0.1"))
    crictl("stopp", pod)
    eventually(lambda: first not in rules() and second not in rules())
    assert crictl.json("inspectp", pod)["status"]["network"] == {"additionalIps": [], "ip": ""}


def test_a_host_port_is_one_pods_until_that_is_stopped(terminal: Terminal) -> None:
    crictl = terminal.crictl
    pod = terminal.run_pod("first", port_mappings=PORTS)
    before = rules(), pod_interfaces()
    refused = crictl.refused("runp", terminal.pod_file("second", port_mappings=PORTS[:1]))
    assert f"host port 18080/tcp of pod default/second is that of pod default/first (sandbox {pod})" in refused
    assert (rules(), pod_interfaces()) == before
    crictl("stopp", pod)
    terminal.run_pod("second", port_mappings=PORTS[:1])


def test_a_host_port_of_a_process_is_left_to_it(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 18080)) as process:
        refused = terminal.crictl.refused("runp", terminal.pod_file("web", port_mappings=PORTS))
        assert "18080/tcp of pod default/web is used by a process of this host, at 127.0.0.1" in refused
        with socket.create_connection(process.getsockname(), 60):
            process.accept()[0].close()
    terminal.run_pod(port_mappings=PORTS)


def test_what_cannot_be_published_or_limited_is_refused(terminal: Terminal) -> None:
    sctp = [{"container_port": 80, "host_port": 18080, "protocol": 2}]
    assert "host port 18080 of pod default/web is one of SCTP" in terminal.crictl.refused(
        "runp", terminal.pod_file("web", port_mappings=sctp)
    )
    for annotations, reason in (
        ({"kubernetes.io/ingress-bandwidth": "fast"}, "kubernetes.io/ingress-bandwidth: 'fast' is no quantity"),
        ({"wasmlet.dev/mac": "02:00:00:00:00:01"}, "annotation wasmlet.dev/mac, which wasmlet's own network does not"),
    ):
        assert reason in terminal.crictl.refused("runp", terminal.pod_file("web", annotations=annotations))


def test_host_ports_outlive_the_server_and_are_its_next_ones(terminal: Terminal) -> None:
    crictl = terminal.crictl
    pod = terminal.run_pod(port_mappings=PORTS)
    before = crictl.json("inspectp", pod)["status"], rules()
    terminal.node.server.kill()
    assert reached("127.0.0.1", 18080)
    terminal.node.server.start()
    assert (crictl.json("inspectp", pod)["status"], rules()) == before
    assert "is that of pod default/web" in crictl.refused("runp", terminal.pod_file("other", port_mappings=PORTS))
    crictl("stopp", pod)
    terminal.run_pod("other", port_mappings=PORTS)


def test_host_ports_of_a_pod_that_dies_while_there_is_no_server_are_taken_back(terminal: Terminal) -> None:
    pod = terminal.run_pod(port_mappings=PORTS)
    kept = terminal.run_pod("kept", port_mappings=[{"container_port": 80, "host_port": 18081}])
    pid = terminal.crictl.json("inspectp", pod)["info"]["pid"]
    terminal.node.server.kill()
    os.kill(pid, signal.SIGKILL)
    terminal.node.server.start()
    assert terminal.crictl.json("inspectp", pod)["status"]["state"] == "SANDBOX_NOTREADY"
    eventually(lambda: "18080" not in rules())
    assert terminal.crictl.json("inspectp", kept)["status"]["state"] == "SANDBOX_READY"
    assert reached("127.0.0.1", 18081)


def test_fifty_pods_at_once_neither_collide_nor_leak(terminal: Terminal) -> None:
    count = 50
    before = rules(), pod_interfaces()
    with terminal.node.client as client, ThreadPoolExecutor(count) as threads:

        def run(number: int) -> str:
            port = cri.PortMapping(container_port=80, host_port=19000 + number)
            config = terminal.node.pod_config(f"pod{number}", port_mappings=[port])
            answer: str = client.call("RunPodSandbox", cri.RunPodSandboxRequest(config=config)).pod_sandbox_id
            return answer

        def addresses(pod: str) -> list[str]:
            network = client.call("PodSandboxStatus", cri.PodSandboxStatusRequest(pod_sandbox_id=pod)).status.network
            return [network.ip, *(other.ip for other in network.additional_ips)]

        def remove(pod: str) -> None:
            client.call("StopPodSandbox", cri.StopPodSandboxRequest(pod_sandbox_id=pod))
            client.call("RemovePodSandbox", cri.RemovePodSandboxRequest(pod_sandbox_id=pod))

        pods = list(threads.map(run, range(count)))
        given = [addresses(pod) for pod in pods]
        assert len({address for each in given for address in each}) == 2 * count
        assert len(pod_interfaces()) == count
        published = rules()
        for number, (first, second) in enumerate(given):
            assert f"tcp . {19000 + number} : {first} . 80" in published
            assert f"tcp . {19000 + number} : {second} . 80" in published
        processes = [process_of(client, pod) for pod in pods]
        assert len({os.readlink(process / "ns/net") for process in processes}) == count
        list(threads.map(remove, pods))
    eventually(lambda: (rules(), pod_interfaces()) == before)
    eventually(lambda: not any(process.exists() for process in processes))


def process_of(client: CriClient, pod: str) -> Path:
    request = cri.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
    info = json.loads(client.call("PodSandboxStatus", request).info["info"])
    return Path(f"/proc/{info['pid']}")


def test_a_full_range_is_told_and_the_next_try_succeeds_once_a_pod_is_gone(terminal: Terminal) -> None:
    crictl = terminal.crictl
    crictl("update-runtime-config", "--pod-cidr", "10.79.1.0/30")
    pod = terminal.run_pod("first")
    refused = crictl.refused("runp", terminal.pod_file("second"))
    assert "no free address in 10.79.1.0/30: 1 pods hold one" in refused
    crictl("stopp", pod)
    terminal.run_pod("second")
