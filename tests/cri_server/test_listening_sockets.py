"""Modules of WASI preview 1 that serve on the ports of their container, for real."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from cri_server.container_ports import ANNOTATION
from cri_server.cri_v1 import api_pb2 as cri
from tests.own_pods import Pods
from tests.real_node import RealNode, eventually, real_node
from tests.sandbox.one_pod import descriptors

PORT = 8080
_SECONDS = 240
_LARGE = 64 << 20


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with real_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def pods(node: RealNode, request: pytest.FixtureRequest) -> Iterator["ServingPods"]:
    with ServingPods(node, request.node.name) as pods:
        yield pods


class ServingPods(Pods):
    def declaring(self, *ports: int) -> str:
        return self.run(port_mappings=[cri.PortMapping(container_port=port) for port in ports])

    def serve(self, guest: str, *arguments: str, **fields: Any) -> tuple[str, str]:
        """The address of a pod with that server, and the container's id."""
        sandbox_id = self.declaring(PORT)
        container = self.node.start(sandbox_id, guest, args=arguments, **fields)
        return self.address(sandbox_id), container


def connection(address: str, port: int = PORT) -> socket.socket:
    return socket.create_connection((address, port), _SECONDS)


def received(client: socket.socket, size: int = 1 << 30) -> bytes:
    """So many bytes, or all until the end."""
    data = bytearray()
    while len(data) < size and (part := client.recv(1 << 16)):
        data += part
    return bytes(data)


def get(address: str, path: str, body: bytes | None = None, port: int = PORT) -> bytes:
    client = http.client.HTTPConnection(address, port, timeout=_SECONDS)
    client.request("POST" if body is not None else "GET", path, body)
    with client.getresponse() as response:
        assert response.status == 200
        return response.read()


def test_an_unchanged_go_web_server_serves(pods: ServingPods) -> None:
    address, _ = pods.serve("web")
    assert get(address, "/world") == b"hello /world"
    assert get(address, "/names") == b"1 8080"
    assert get(address, "/file") == b"from a file"


def test_a_go_server_keeps_connections(pods: ServingPods) -> None:
    address, _ = pods.serve("web")
    client = http.client.HTTPConnection(address, PORT, timeout=_SECONDS)
    client.connect()
    ours = client.sock.getsockname()
    for number in range(200):
        client.request("GET", f"/{number}")
        assert client.getresponse().read() == b"hello /%d" % number
    assert client.sock.getsockname() == ours


def test_a_go_server_serves_fifty_clients_at_once(pods: ServingPods) -> None:
    address, _ = pods.serve("web")
    together = threading.Barrier(50)

    def ask(number: int) -> list[bytes]:
        client = http.client.HTTPConnection(address, PORT, timeout=_SECONDS)
        client.connect()
        together.wait(_SECONDS)
        answers = []
        for _ in range(10):
            client.request("GET", f"/{number}")
            answers.append(client.getresponse().read())
        return answers

    with ThreadPoolExecutor(50) as threads:
        for number, answers in enumerate(threads.map(ask, range(50))):
            assert answers == [b"hello /%d" % number] * 10


def test_large_bodies_go_both_ways(pods: ServingPods) -> None:
    address, _ = pods.serve("web")
    body = bytes(range(256)) * (_LARGE // 256)
    assert get(address, "/count", body) == str(_LARGE).encode()
    assert get(address, f"/bytes?n={_LARGE}") == bytes(_LARGE)
    with connection(address) as client:
        head = f"POST /echo HTTP/1.1\r\nHost: it\r\nConnection: close\r\nContent-Length: {_LARGE}\r\n\r\n"
        sender = threading.Thread(target=client.sendall, args=(head.encode() + body,))
        sender.start()
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.read() == body
        sender.join(_SECONDS)


def test_a_c_program_accepts_and_echoes(pods: ServingPods) -> None:
    address, container = pods.serve("acceptor", "echo")
    data = bytes(range(256)) * (_LARGE // 256)
    for size in (1, 1000, _LARGE):
        with connection(address) as client:
            sender = threading.Thread(target=client.sendall, args=(data[:size],))
            sender.start()
            assert received(client, size) == data[:size]
            sender.join(_SECONDS)
    assert pods.node.log(container) == ["echo of 1: 8080"]


def test_one_side_may_end_before_the_other(pods: ServingPods) -> None:
    address, container = pods.serve("acceptor", "half-close")
    with connection(address) as client:
        client.sendall(bytes(100000))
        client.shutdown(socket.SHUT_WR)
        assert received(client) == b"100000 bytes"
    assert pods.node.exited(container).exit_code == 0
    assert pods.node.log(container)[-1] == "send after shutdown: EPIPE"


def test_a_c_program_serves_fifty_without_blocking(pods: ServingPods) -> None:
    address, container = pods.serve("acceptor", "many")
    eventually(lambda: "nothing to accept" in pods.node.log(container))
    clients = [connection(address) for _ in range(50)]
    for _ in range(3):
        for number, client in enumerate(clients):
            client.sendall(b"%02d" % number)
        for number, client in enumerate(clients):
            assert received(client, 2) == b"%02d" % number
    for client in clients:
        client.close()
    assert pods.node.status(container).state == cri.CONTAINER_RUNNING


def test_clocks_and_sockets_can_be_waited_for_together(pods: ServingPods) -> None:
    address, container = pods.serve("acceptor", "mixed")
    eventually(lambda: "now connect" in pods.node.log(container))
    with contextlib.suppress(ConnectionResetError), connection(address):
        pods.node.exited(container)  # it accepts nothing, and may be gone before we hear of the connection
    assert pods.node.exited(container).exit_code == 0
    clock, listener, unknown = (
        f"event {event}" for event in ("1 of type 0, error 0", "2 of type 1, error 0", "2 of type 1, error 8")
    )
    assert pods.node.log(container)[1:] == [clock, clock, "now connect", listener, unknown]


def test_what_a_guest_gives_wrongly_is_an_error_of_its_own(pods: ServingPods) -> None:
    address, container = pods.serve("acceptor", "wrong")
    with connection(address):
        assert pods.node.exited(container).exit_code == 0
    assert pods.node.log(container)[1:] == [
        *("recv 21", "send 21", "vectors 21", "count 21", "result 21", "accept 28", "kernel's 8", "unknown 8"),
        *("seek 70", "renumber 58", "send to listener 64", "closed 8"),
    ]


def test_files_have_their_places_behind_the_sockets(pods: ServingPods) -> None:
    sandbox_id = pods.declaring(PORT, 8081, 80)
    container = pods.node.start(sandbox_id, "acceptor", args=["files"])
    assert pods.node.exited(container).exit_code == 0
    assert pods.node.log(container) == ["files of 3: 8080:8081:80", "content, 7 bytes", "socket 1", "stream 1"]


def test_a_user_without_rights_serves_a_low_port(pods: ServingPods) -> None:
    sandbox_id = pods.declaring(80)
    security = cri.LinuxContainerSecurityContext(run_as_user=cri.Int64Value(value=1000))
    linux = cri.LinuxContainerConfig(security_context=security)
    pods.node.start(sandbox_id, "web", linux=linux)
    assert get(pods.address(sandbox_id), "/low", port=80) == b"hello /low"


def test_the_ports_that_the_kubelet_names_are_the_containers_own(pods: ServingPods) -> None:
    sandbox_id = pods.declaring(PORT, 9090)
    of_kubelet = {"io.kubernetes.container.hash": "1"}
    for name, port in (("http", PORT), ("admin", 9090)):
        declared = json.dumps([{"name": name, "containerPort": port, "protocol": "TCP"}])
        annotations = {**of_kubelet, "io.kubernetes.container.ports": declared}
        pods.node.start(sandbox_id, "web", name, annotations=annotations)
        assert get(pods.address(sandbox_id), "/names", port=port) == b"1 " + name.encode()
    container = pods.node.start(sandbox_id, "acceptor", "without", annotations=of_kubelet)
    assert pods.node.exited(container).exit_code == 0


def test_a_port_that_is_taken_is_a_start_error(pods: ServingPods) -> None:
    sandbox_id = pods.declaring(PORT)
    pods.node.start(sandbox_id, "web", "first")
    container = pods.node.start(sandbox_id, "acceptor", "asks-for-none")
    assert pods.node.exited(container).exit_code == 0
    with pytest.raises(grpc.RpcError, match="cannot listen on its port 8080: Address already in use; give each"):
        pods.node.start(sandbox_id, "web", "second", annotations={ANNOTATION: "8080"})
    pods.node.start(sandbox_id, "web", "third", annotations={ANNOTATION: "admin=9090"})
    assert get(pods.address(sandbox_id), "/names", port=9090) == b"1 admin"


def test_a_container_that_ended_gives_its_port_to_the_next(pods: ServingPods) -> None:
    sandbox_id = pods.declaring(PORT)
    for attempt in ("first", "second"):
        container = pods.node.start(sandbox_id, "web", attempt)
        with connection(pods.address(sandbox_id)):
            pods.node.call("StopContainer", container_id=container, timeout=0)
        assert pods.node.status(container).state == cri.CONTAINER_EXITED


def test_a_guest_with_sockets_is_as_confined_as_any(pods: ServingPods) -> None:
    address, container = pods.serve("web")
    assert get(address, "/") == b"hello /"
    info = pods.node.call("ContainerStatus", container_id=container, verbose=True).info["info"]
    process = Path("/proc", str(json.loads(info)["pid"]))
    rights = [line.split()[1] for line in (process / "maps").read_text().splitlines()]
    assert [each for each in rights if "w" in each and "x" in each] == []
    links = descriptors(int(process.name)).values()
    assert sum(link.startswith("socket:") for link in links) <= 2  # the listening one, and the last client's
    pod = Path("/proc", (process / "stat").read_text().rpartition(")")[2].split()[1])
    families = [(pod / "net" / name).read_text() for name in ("tcp", "tcp6")]
    listening = {line.split()[9] for text in families for line in text.splitlines()[1:] if line.split()[3] == "0A"}
    assert listening
    assert not set(descriptors(int(pod.name)).values()) & {f"socket:[{inode}]" for inode in listening}


def test_a_program_that_accepts_nothing_gets_no_socket(pods: ServingPods) -> None:
    sandbox_id = pods.declaring(PORT)
    container = pods.node.start(sandbox_id, "hello")
    assert pods.node.exited(container).exit_code == 0
    with pytest.raises(grpc.RpcError, match="is no WASI preview 1 module that accepts connections"):
        pods.node.start(sandbox_id, "hello", "asks", annotations={ANNOTATION: "8080"})


def test_a_server_ends_by_sigterm_while_it_waits(pods: ServingPods) -> None:
    _, container = pods.serve("acceptor", "echo")
    pods.node.call("StopContainer", container_id=container, timeout=_SECONDS)
    assert pods.node.status(container).exit_code == 143


def test_the_text_of_the_shim_is_kept_for_the_next_server(node: RealNode) -> None:
    kept = Path(node.server.root) / "images" / "runtime"
    assert all(path.suffix == ".wat" for path in kept.iterdir())
