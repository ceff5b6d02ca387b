"""Components that speak by wasi:sockets, through nothing but Rust's standard library, for real."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from cri_server.container_network import ANNOTATION
from cri_server.cri_v1 import api_pb2 as cri
from tests.own_pods import Pods
from tests.real_node import RealNode, eventually, real_node
from tests.sandbox.name_server import serving

PORT = 7000
_SECONDS = 240
_LARGE = 8 << 20
REFUSED = ["PermissionDenied"]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with real_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def pods(node: RealNode, request: pytest.FixtureRequest) -> Iterator["SpeakingPods"]:
    with SpeakingPods(node, request.node.name) as pods:
        yield pods


class SpeakingPods(Pods):
    def __init__(self, node: RealNode, test: str) -> None:
        super().__init__(node, test)
        self._containers = 0

    def start(self, sandbox_id: str, *arguments: str, **fields: Any) -> str:
        """Id of the container."""
        self._containers += 1
        return self.node.start(sandbox_id, "network", f"c{self._containers}", args=arguments, **fields)

    def serve(self, sandbox_id: str, *arguments: str) -> str:
        """Where a server listens, as it says."""
        container = self.start(sandbox_id, *arguments)
        eventually(lambda: bool(self.node.log(container)))
        return self.node.log(container)[0].split()[1]

    def said(self, sandbox_id: str, *arguments: str, **fields: Any) -> list[str]:
        """What a container says that ends by itself."""
        container = self.start(sandbox_id, *arguments, **fields)
        assert self.node.exited(container).exit_code == 0
        return self.node.log(container)


def exchanged(address: str, port: int, data: bytes) -> bytes:
    """What comes back for data that is sent whole, to the end."""
    with socket.create_connection((address, port), _SECONDS) as client:
        sender = threading.Thread(target=send_to_the_end, args=(client, data))
        sender.start()
        answer = bytearray()
        while part := client.recv(1 << 16):
            answer += part
        sender.join(_SECONDS)
        return bytes(answer)


def send_to_the_end(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_a_component_serves_many_connections_at_once(pods: SpeakingPods) -> None:
    sandbox_id = pods.run()
    assert pods.serve(sandbox_id, "tcp-echo", f"0.0.0.0:{PORT}") == f"0.0.0.0:{PORT}"
    address = pods.address(sandbox_id)
    data = [bytes([number]) * (number << 12) for number in range(1, 25)]
    idle = [socket.create_connection((address, PORT), _SECONDS) for _ in range(10)]
    with ThreadPoolExecutor(len(data)) as threads:
        assert list(threads.map(lambda each: exchanged(address, PORT, each), data)) == data
    for each in idle:
        each.close()


def test_a_component_sends_and_receives_much(pods: SpeakingPods) -> None:
    sandbox_id = pods.run()
    pods.serve(sandbox_id, "tcp-echo", f"0.0.0.0:{PORT}")
    data = bytes(range(256)) * (_LARGE // 256)
    assert exchanged(pods.address(sandbox_id), PORT, data) == data


def test_datagrams_go_both_ways(pods: SpeakingPods) -> None:
    sandbox_id = pods.run()
    pods.serve(sandbox_id, "udp-echo", f"0.0.0.0:{PORT}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_SECONDS)
        for size in (0, 1, 1400, 60000):
            client.sendto(bytes([size % 251]) * size, (pods.address(sandbox_id), PORT))
            assert client.recv(1 << 16) == bytes([size % 251]) * size


def test_containers_of_a_pod_speak_by_loopback_of_either_family(pods: SpeakingPods) -> None:
    sandbox_id = pods.run()
    for host, wildcard in (("127.0.0.1", "0.0.0.0"), ("[::1]", "[::]")):
        by_tcp, by_udp = (port_of(pods.serve(sandbox_id, task, f"{host}:0")) for task in ("tcp-echo", "udp-echo"))
        assert pods.said(sandbox_id, "tcp", f"{host}:{by_tcp}", "hello") == [f"hello of {host}:{by_tcp}"]
        said = pods.said(sandbox_id, "udp", f"{wildcard}:0", f"{host}:{by_udp}", "hello")
        assert said == [f"hello of {host}:{by_udp}"]


def test_one_pod_connects_to_another_and_waits_for_it(pods: SpeakingPods) -> None:
    server = pods.run()
    container = pods.start(server, "accept", "0.0.0.0:0")
    eventually(lambda: bool(pods.node.log(container)))
    port = port_of(pods.node.log(container)[0])
    client = pods.run()
    address = pods.address(server)
    assert pods.said(client, "tcp", f"{address}:{port}", "") == [f"welcome of {address}:{port}"]
    assert pods.node.exited(container).exit_code == 0
    assert pods.node.log(container)[1] == f"from {pods.address(client)}"


def test_options_are_the_sockets_own(pods: SpeakingPods) -> None:
    of_both = ["no delay true", "error None", "same true"]
    assert pods.said(pods.run(), "options", "127.0.0.1:0") == ["ttl 17 18", *of_both]
    assert pods.said(pods.run(), "options", "[::1]:0") == of_both


def test_what_nobody_listens_to_refuses(pods: SpeakingPods) -> None:
    assert pods.said(pods.run(), "tcp", "127.0.0.1:1", "x") == ["ConnectionRefused"]


def test_a_low_port_is_for_every_user_unless_the_pod_keeps_it(pods: SpeakingPods) -> None:
    security = cri.LinuxContainerSecurityContext(run_as_user=cri.Int64Value(value=1000))
    linux = cri.LinuxContainerConfig(security_context=security)
    assert pods.said(pods.run(), "bind-udp", "0.0.0.0:53", linux=linux) == ["bound"]
    assert pods.said(pods.run(), "bind-udp", "0.0.0.0:53") == ["bound"]
    sandbox_id = pods.run(linux=cri.LinuxPodSandboxConfig(sysctls={"net.ipv4.ip_unprivileged_port_start": "1000"}))
    assert pods.said(sandbox_id, "bind-udp", "0.0.0.0:999", linux=linux) == REFUSED
    assert pods.said(sandbox_id, "bind-udp", "0.0.0.0:1000", linux=linux) == ["bound"]


def test_in_the_hosts_network_it_is_the_hosts(pods: SpeakingPods) -> None:
    namespaces = cri.NamespaceOption(network=cri.NODE)
    context = cri.LinuxSandboxSecurityContext(namespace_options=namespaces)
    sandbox_id = pods.run(linux=cri.LinuxPodSandboxConfig(security_context=context))
    port = port_of(pods.serve(sandbox_id, "tcp-echo", "127.0.0.1:0"))
    assert exchanged("127.0.0.1", port, b"hello") == b"hello"
    assert pods.said(sandbox_id, "tcp", f"127.0.0.1:{port}", "back") == [f"back of 127.0.0.1:{port}"]


def test_names_are_looked_up_as_the_pod_says(pods: SpeakingPods) -> None:
    """Of the pod's servers, with its search domains; its own names are in its hosts file."""
    gateway = pods.address(pods.run()).rpartition(".")[0] + ".1"
    dns = cri.DNSConfig(servers=[gateway], searches=["default.svc.test", "svc.test"], options=["ndots:5", "timeout:30"])
    sandbox_id = pods.run(dns_config=dns)
    records = {"web.default.svc.test": ["10.9.8.7", "fd00::7"], "example.test": ["192.0.2.1"]}
    with serving("/proc/self/ns/net", records, gateway) as server:
        assert pods.said(sandbox_id, "resolve", f"{pods.name}-1", "localhost", "web", "example.test", "nobody") == [
            f"{pods.name}-1: {pods.address(sandbox_id)}",
            "localhost: 127.0.0.1 ::1",
            "web: 10.9.8.7 fd00::7",
            "example.test: 192.0.2.1",
            "nobody: unknown",
        ]
    asked = list(dict.fromkeys(server.asked))
    assert asked[:2] == ["web.default.svc.test", "example.test.default.svc.test"]
    assert asked[-1] == "nobody"


@pytest.mark.parametrize(
    ("access", "listens", "connects", "sends"),
    [
        ("full", True, True, True),
        ("outbound", False, True, False),
        ("inbound", True, False, False),
        ("none", False, False, False),
    ],
)
def test_a_pod_does_what_its_annotation_says(
    pods: SpeakingPods, access: str, listens: bool, connects: bool, sends: bool
) -> None:
    sandbox_id = pods.run(annotations={ANNOTATION: access})
    listening = pods.start(sandbox_id, "tcp-echo", f"127.0.0.1:{PORT}")
    eventually(lambda: bool(pods.node.log(listening)))
    assert pods.node.log(listening) == ([f"tcp 127.0.0.1:{PORT}"] if listens else REFUSED)
    said = pods.said(sandbox_id, "tcp", f"127.0.0.1:{PORT if listens else 1}", "hello")
    answer = [f"hello of 127.0.0.1:{PORT}"] if listens else ["ConnectionRefused"]
    assert said == (answer if connects else REFUSED)
    assert pods.said(sandbox_id, "bind-udp", "127.0.0.1:0") == (["bound"] if sends else REFUSED)
    found = pods.said(sandbox_id, "resolve", "localhost")
    assert found == ["localhost: 127.0.0.1 ::1" if connects else "localhost: unknown"]


def test_one_container_may_do_less_than_the_others(pods: SpeakingPods) -> None:
    sandbox_id = pods.run(annotations={f"{ANNOTATION}.c2": "none"})
    assert pods.said(sandbox_id, "bind-udp", "127.0.0.1:0") == ["bound"]
    assert pods.said(sandbox_id, "bind-udp", "127.0.0.1:0") == REFUSED
    assert pods.said(sandbox_id, "bind-udp", "127.0.0.1:0", annotations={ANNOTATION: "outbound"}) == REFUSED


def test_an_access_that_is_not_known_is_refused(pods: SpeakingPods) -> None:
    with pytest.raises(grpc.RpcError, match=r'choose "full", "outbound", "inbound" or "none"') as failure:
        pods.run(annotations={ANNOTATION: "some"})
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_module_is_given_no_socket_where_it_may_not_listen(pods: SpeakingPods) -> None:
    ports = [cri.PortMapping(container_port=PORT)]
    sandbox_id = pods.run(annotations={ANNOTATION: "outbound"}, port_mappings=ports)
    container = pods.node.start(sandbox_id, "acceptor", args=["echo"])
    assert pods.node.exited(container).exit_code == 1
    assert pods.node.log(container) == ["echo of (null): (null)", "accept: Not a socket"]


def test_the_server_tells_that_it_can_grant_sockets(node: RealNode) -> None:
    told = json.loads(node.call("Status", verbose=True).info["wasm"])
    assert told["wasi:sockets"] == "granted"


def test_another_components_process_can_make_no_socket(pods: SpeakingPods) -> None:
    """What a guest does not import its process is not allowed (see ``tests/sandbox/test_guest_isolation.py``)."""
    sandbox_id = pods.run()
    container = pods.node.start(sandbox_id, "component")
    pods.node.exited(container)
    record = next(Path(pods.node.server.root).glob(f"pods/{sandbox_id}/**/{container}/guest.record"))
    assert '"opens_sockets": true' not in record.read_text()
