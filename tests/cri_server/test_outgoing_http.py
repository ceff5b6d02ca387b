"""Components that make HTTP calls by wasi:http: to pods, to servers that break off, and where they may not call."""

import hashlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cri_server.container_network import ANNOTATION
from cri_server.cri_v1 import api_pb2 as cri
from tests.guests.compiled import guest
from tests.own_pods import Pods
from tests.prerequisites import require_tool
from tests.real_node import RealNode, real_node
from tests.sandbox.name_server import serving
from tests.trusted_authority import TrustedAuthority

WEB_PORT = 8080
_LARGE = 16 << 20
_TLS_CERTIFICATE_ERROR = "error 13"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TrustedAuthority:
    return TrustedAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, authority: TrustedAuthority) -> Iterator[RealNode]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(authority.packages()))
        with real_node(tmp_path_factory.mktemp("node")) as node:
            yield node


@pytest.fixture(scope="module")
def web(node: RealNode) -> Iterator[str]:
    """Address of a pod with a server written in Go."""
    sandbox_id = node.run_pod("web", port_mappings=[cri.PortMapping(container_port=WEB_PORT)])
    node.start(sandbox_id, "web")
    yield node.address(sandbox_id)
    node.call("RemovePodSandbox", pod_sandbox_id=sandbox_id)


@pytest.fixture
def pods(node: RealNode, request: pytest.FixtureRequest) -> Iterator["CallingPods"]:
    with CallingPods(node, request.node.name) as pods:
        yield pods


class CallingPods(Pods):
    def __init__(self, node: RealNode, test: str) -> None:
        super().__init__(node, test)
        self._containers = 0

    def call(self, *arguments: str, **fields: Any) -> list[str]:
        """What a container says of its call, in a pod with these fields."""
        return self.call_in(self.run(**fields), *arguments)

    def call_in(self, sandbox_id: str, *arguments: str, guest: str = "call_out", name: str = "") -> list[str]:
        self._containers += 1
        container = self.node.start(sandbox_id, guest, name or f"c{self._containers}", args=arguments)
        self.node.exited(container)
        return self.node.log(container)


def gateway_of(pods: CallingPods) -> str:
    """The host's address in the pods' network."""
    return pods.address(pods.run()).rpartition(".")[0] + ".1"


def body_of(content: bytes) -> str:
    return f"body {len(content)} {hashlib.sha256(content).hexdigest()} {content[:200].decode()!a}"


Answer = Callable[[socket.socket], None]


@contextmanager
def answering(address: str, answer: Answer, reads: bool = True) -> Iterator[int]:
    """The port of a server that does this with each connection; ``reads``: once a request's head has come."""
    with socket.create_server((address, 0)) as listener:
        threading.Thread(target=_serve, args=(listener, answer, reads), daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, answer: Answer, reads: bool) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            head = b""
            while reads and b"\r\n\r\n" not in head and (part := connection.recv(1 << 16)):
                head += part
            answer(connection)


def until_it_hangs_up(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def test_a_component_calls_another_pod(pods: CallingPods, web: str) -> None:
    said = pods.call("GET", f"http://{web}:{WEB_PORT}/world?x=1")
    assert said[0] == "status 200"
    assert "header content-type text/plain; charset=utf-8" in said
    assert said[-1] == body_of(b"hello /world")


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "localhost"])
def test_containers_of_a_pod_call_each_other(pods: CallingPods, address: str) -> None:
    sandbox_id = pods.run(port_mappings=[cri.PortMapping(container_port=WEB_PORT)])
    pods.node.start(sandbox_id, "web")
    assert pods.call_in(sandbox_id, "GET", f"http://{address}:{WEB_PORT}/")[-1] == body_of(b"hello /")


def test_names_are_the_pods_own(pods: CallingPods, web: str) -> None:
    gateway = gateway_of(pods)
    dns = cri.DNSConfig(servers=[gateway], searches=["svc.test"], options=["ndots:5", "timeout:30"])
    with serving("/proc/self/ns/net", {"web.svc.test": [web]}, gateway):
        sandbox_id = pods.run(dns_config=dns)
        assert pods.call_in(sandbox_id, "GET", f"http://web:{WEB_PORT}/named")[-1] == body_of(b"hello /named")
        [refusal] = pods.call_in(sandbox_id, "GET", f"http://nobody:{WEB_PORT}/")
        assert refusal.startswith("refused ErrorCode_DnsError(")


def test_a_component_calls_that_can_make_no_socket_itself(pods: CallingPods, web: str) -> None:
    gateway = gateway_of(pods)
    with serving("/proc/self/ns/net", {"web.test": [web]}, gateway):
        sandbox_id = pods.run(dns_config=cri.DNSConfig(servers=[gateway], options=["timeout:30"]))
        assert pods.call_in(sandbox_id, f"{web}:{WEB_PORT}", "/", guest="http_get") == ["status 200"]
        assert pods.call_in(sandbox_id, f"web.test:{WEB_PORT}", "/", guest="http_get") == ["status 200"]
        assert pods.call_in(sandbox_id, f"{web}:1", "/", guest="http_get") == ["error 6"]


def test_bodies_of_unknown_length_stream_both_ways(pods: CallingPods, web: str) -> None:
    said = pods.call("POST", f"http://{web}:{WEB_PORT}/echo", f"body={_LARGE}")
    assert said[0] == "status 200"
    assert not [line for line in said if line.startswith("header content-length")]
    assert said[-1] == body_of(b"x" * _LARGE)


def test_trailers_arrive(pods: CallingPods) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n")
        connection.sendall(b"5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n")

    gateway = gateway_of(pods)
    with answering(gateway, answer) as port:
        assert pods.call("GET", f"http://{gateway}:{port}/")[-2:] == [body_of(b"hello"), "trailer x-sum 5"]


@pytest.mark.parametrize(
    ("told", "patience", "refusal"),
    [
        (b"", "first_byte=100", "ErrorCode_ConnectionReadTimeout()"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "between_bytes=100",
            "connection read timeout",
        ),
    ],
)
def test_a_server_that_falls_silent_is_given_up(pods: CallingPods, told: bytes, patience: str, refusal: str) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(told)
        until_it_hangs_up(connection)

    gateway = gateway_of(pods)
    with answering(gateway, answer) as port:
        assert pods.call("GET", f"http://{gateway}:{port}/", patience)[-1] == f"refused {refusal}"


def test_a_server_that_takes_no_connection_is_given_up(pods: CallingPods) -> None:
    gateway = gateway_of(pods)
    with socket.create_server((gateway, 0), backlog=0) as listener, ExitStack() as waiting:
        address = listener.getsockname()
        for _ in range(4):  # nobody accepts them, and no more are let in
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        said = pods.call("GET", f"http://{gateway}:{address[1]}/", "connect=100")
    assert said == ["refused ErrorCode_ConnectionTimeout()"]


def test_an_answer_that_breaks_off_is_an_error(pods: CallingPods) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")

    gateway = gateway_of(pods)
    with answering(gateway, answer) as port:
        said = pods.call("GET", f"http://{gateway}:{port}/")
    assert said[0] == "status 200"
    assert said[-1].startswith("refused ")


def test_a_port_without_a_server_refuses(pods: CallingPods, web: str) -> None:
    assert pods.call("GET", f"http://{web}:1/") == ["refused ErrorCode_ConnectionRefused()"]


@pytest.mark.parametrize("access", ["none", "inbound"])
def test_a_pod_that_may_not_call_out_is_told_so(pods: CallingPods, web: str, access: str) -> None:
    said = pods.call("GET", f"http://{web}:{WEB_PORT}/", annotations={ANNOTATION: access})
    assert said == ["refused ErrorCode_HttpRequestDenied()"]


def test_a_pod_that_may_call_out_alone_does(pods: CallingPods, web: str) -> None:
    said = pods.call("GET", f"http://{web}:{WEB_PORT}/", annotations={ANNOTATION: "outbound"})
    assert said[-1] == body_of(b"hello /")


def test_one_container_may_not_what_another_does(pods: CallingPods, web: str) -> None:
    sandbox_id = pods.run(annotations={f"{ANNOTATION}.second": "none"})
    url = f"http://{web}:{WEB_PORT}/"
    assert pods.call_in(sandbox_id, "GET", url)[-1] == body_of(b"hello /")
    assert pods.call_in(sandbox_id, "GET", url, name="second") == ["refused ErrorCode_HttpRequestDenied()"]


def test_in_the_hosts_network_it_calls_as_the_host(pods: CallingPods, web: str) -> None:
    context = cri.LinuxSandboxSecurityContext(namespace_options=cri.NamespaceOption(network=cri.NODE))
    said = pods.call("GET", f"http://{web}:{WEB_PORT}/", linux=cri.LinuxPodSandboxConfig(security_context=context))
    assert said[-1] == body_of(b"hello /")


@pytest.mark.parametrize(("access", "denied"), [("full", False), ("none", True)])
def test_what_is_executed_in_a_container_calls_as_its_pod_may(
    pods: CallingPods, web: str, tmp_path: Path, access: str, denied: bool
) -> None:
    program = tmp_path / "call"
    program.write_bytes(guest("call_out"))
    sandbox_id = pods.run(annotations={ANNOTATION: access})
    mount = cri.Mount(host_path=str(program), container_path="/bin/call", readonly=True)
    container = pods.node.start(sandbox_id, "sleeper", mounts=[mount])
    command = ["call", "GET", f"http://{web}:{WEB_PORT}/executed"]
    said = pods.node.call("ExecSync", container_id=container, cmd=command).stdout.decode().splitlines()
    assert said[-1] == ("refused ErrorCode_HttpRequestDenied()" if denied else body_of(b"hello /executed"))


@contextmanager
def answering_by_tls(address: str, certificate: tuple[Path, Path]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1 << 16)
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
            until_it_hangs_up(secured)

    with answering(address, answer, reads=False) as port:
        yield port


def said_of_tls(pods: CallingPods, authority: str) -> list[str]:
    return pods.call_in(pods.run(), authority, "/", "https", guest="http_get")


def test_a_server_is_called_by_tls(pods: CallingPods, authority: TrustedAuthority) -> None:
    gateway = gateway_of(pods)
    with answering_by_tls(gateway, authority.certify(f"IP:{gateway}")) as port:
        assert said_of_tls(pods, f"{gateway}:{port}") == ["status 200"]


def test_a_server_that_is_another_than_its_certificate_says_is_not_trusted(
    pods: CallingPods, authority: TrustedAuthority
) -> None:
    gateway = gateway_of(pods)
    with answering_by_tls(gateway, authority.certify("DNS:another.test")) as port:
        assert said_of_tls(pods, f"{gateway}:{port}") == [_TLS_CERTIFICATE_ERROR]


def test_an_authority_of_ones_own_is_not_trusted(pods: CallingPods, tmp_path: Path) -> None:
    """The authorities are those that wasmtime has built in, whatever files the image or the pod has."""
    gateway = gateway_of(pods)
    with answering_by_tls(gateway, self_signed(tmp_path, gateway)) as port:
        assert said_of_tls(pods, f"{gateway}:{port}") == [_TLS_CERTIFICATE_ERROR]


def self_signed(folder: Path, address: str) -> tuple[Path, Path]:
    """Files of a certificate and its key."""
    certificate, key = folder / "server.crt", folder / "server.key"
    command = [str(require_tool("openssl")), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=server", "-addext", f"subjectAltName=IP:{address}"]
    subprocess.run([*command, *names, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key
