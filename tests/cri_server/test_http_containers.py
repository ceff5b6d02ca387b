"""Components that are given HTTP requests, for real: each status, each way of a body, and the end of a container."""

import http.client
import io
import json
import os
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

import grpc
import pytest

from cri_server.container_http import VARIABLE
from cri_server.cri_v1 import api_pb2 as cri
from tests.real_node import RealNode, container_config, eventually, real_node

GUEST = "http_minimal"
_PREFIX = "wasmlet.dev/http-"
_MEBIBYTE = 1 << 20
_MANY, _GONE = 200, 128
_SECONDS = 120
_DRIPS, _BETWEEN_DRIPS = 600, 0.2


class Served(NamedTuple):
    node: RealNode
    address: str
    container: str
    sandbox: str
    port: int = 8080

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, self.port, timeout=_SECONDS)

    def ask(self, target: str = "/", method: str = "GET", body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = self.connect()
        try:
            connection.request(method, target, body, headers, encode_chunked=body is not None and "te" in headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def socket(self) -> socket.socket:
        return socket.create_connection((self.address, self.port), timeout=_SECONDS)

    def say(self, *pieces: bytes) -> bytes:
        """All that is answered until the server ends the connection."""
        with self.socket() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return received(connection)

    def log(self) -> str:
        return "\n".join(self.node.log(self.container))


def read_one(connection: socket.socket) -> bytes:
    """The body of the next response. Byte by byte, so that nothing of the one behind is taken."""
    response = http.client.HTTPResponse(connection)
    response.fp = cast("io.BufferedReader", connection.makefile("rb", 0))
    response.begin()
    return response.read()


def received(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def drip(connection: socket.socket, piece: bytes) -> None:
    """Until the server has closed."""
    for _ in range(_DRIPS):
        try:
            connection.sendall(piece)
        except OSError:
            return
        time.sleep(_BETWEEN_DRIPS)
    pytest.fail("the server reads for ever")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with real_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@contextmanager
def serving(node: RealNode, name: str, guest: str = GUEST, network: str = "full", **limits: Any) -> Iterator[Served]:
    annotations = {f"{_PREFIX}{key.replace('_', '-')}": str(value) for key, value in limits.items()}
    annotations["wasmlet.dev/network"] = network
    sandbox = node.run_pod(name, annotations=annotations)
    try:
        container = node.start(sandbox, guest)
        address = node.address(sandbox)
        yield Served(node, address, container, sandbox, int(limits.get("port", 8080)))
    finally:
        node.call("RemovePodSandbox", pod_sandbox_id=sandbox)


@pytest.fixture(scope="module")
def served(node: RealNode) -> Iterator[Served]:
    with serving(node, "minimal", access_log="json") as served:
        yield served


def test_a_profile_that_refuses_what_workers_need_is_refused(node: RealNode, tmp_path: Path) -> None:
    """Of what is allowed to them beside the rest of guests."""
    rules = [{"names": ["timerfd_settime", "chmod"], "action": "SCMP_ACT_ERRNO"}]
    (profile := tmp_path / "profile.json").write_text(
        json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})
    )
    of_node = cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=str(profile))
    linux = cri.LinuxContainerConfig(security_context=cri.LinuxContainerSecurityContext(seccomp=of_node))
    sandbox = node.run_pod("profile")
    try:
        with pytest.raises(grpc.RpcError, match="refuses timerfd_settime, which"):
            node.start(sandbox, GUEST, linux=linux)
    finally:
        node.call("RemovePodSandbox", pod_sandbox_id=sandbox)


def test_a_request_is_answered(served: Served) -> None:
    assert served.ask() == (200, b"hello\n")


def test_a_connection_is_used_again(served: Served) -> None:
    connection = served.connect()
    for _ in range(3):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello\n"
        assert connection.sock is not None
    connection.close()


def test_pipelined_requests_are_answered_in_their_order(served: Served) -> None:
    one = b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    with served.socket() as connection:
        connection.sendall(b"".join(one % size + b"x" * size for size in range(20)))
        assert [read_one(connection) for _ in range(20)] == [b"%d\n" % size for size in range(20)]


@pytest.mark.parametrize("size", [0, 1, 65536, _MEBIBYTE, 5 * _MEBIBYTE + 3])
def test_a_body_comes_back(served: Served, size: int) -> None:
    body = os.urandom(size)
    assert served.ask("/echo", "POST", body) == (200, body)


def test_a_body_in_chunks_comes_back(served: Served) -> None:
    pieces = [os.urandom(size) for size in (1, 100_000, 2 * _MEBIBYTE)]
    assert served.ask("/echo", "POST", iter(pieces), te="trailers") == (200, b"".join(pieces))


def test_a_response_begins_before_the_request_has_ended(served: Served) -> None:
    with served.socket() as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        answer = b""
        while b"hello" not in answer:
            answer += connection.recv(65536)
        connection.sendall(b"0\r\n\r\n")
        while not answer.endswith(b"0\r\n\r\n"):
            answer += connection.recv(65536)


def test_a_client_that_waits_for_leave_gets_it(served: Served) -> None:
    with served.socket() as connection:
        connection.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"abc")
        assert read_one(connection) == b"3\n"


def test_a_head_has_no_body(served: Served) -> None:
    answer = served.say(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_a_head_of_much_writes_it_for_nobody(served: Served) -> None:
    assert served.ask("/bytes?20000000", "HEAD") == (200, b"")
    assert served.ask() == (200, b"hello\n")


def test_many_slow_bodies_at_once_lose_nothing(node: RealNode) -> None:
    """All are begun before one goes on: as many handlers run at the same time."""
    bodies, size, half = [os.urandom(20_000) for _ in range(_MANY)], 1_000_000, 10_000
    with serving(node, "many", workers=1, concurrency=2 * _MANY) as served, ExitStack() as held:
        uploads = [held.enter_context(served.socket()) for _ in bodies]
        downloads = [held.enter_context(served.socket()) for _ in bodies]
        for connection, body in zip(uploads, bodies, strict=True):
            connection.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + body[:half])
        for connection in downloads:
            connection.sendall(b"GET /bytes?%d HTTP/1.1\r\nHost: a\r\n\r\n" % size)
        echoes, answers = ([_begun(each) for each in connections] for connections in (uploads, downloads))
        begun = [echo.read(half) for echo in echoes]
        for connection, body in zip(uploads, bodies, strict=True):
            connection.sendall(body[half:])
        assert [first + echo.read() for first, echo in zip(begun, echoes, strict=True)] == bodies
        assert all(answer.read() == bytes(size) for answer in answers)


def _begun(connection: socket.socket) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert response.status == 200
    return response


def test_pipes_of_clients_that_went_away_are_used_again(node: RealNode) -> None:
    with serving(node, "gone", workers=1) as served:
        for number in range(_GONE):
            with served.socket() as connection:
                connection.sendall(b"GET /bytes?1000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
                connection.recv(1 + number % 2 * _MEBIBYTE)
        for size in (10, _MEBIBYTE, 10 * _MEBIBYTE):
            assert served.ask(f"/bytes?{size}") == (200, bytes(size))


def test_a_trap_is_answered_500_and_logged_with_its_backtrace(served: Served) -> None:
    assert served.ask("/trap")[0] == 500
    eventually(lambda: "GET '/trap': the guest trapped: wasm trap:" in served.log())
    eventually(lambda: "wasm backtrace" in served.log())


def test_silence_is_answered_502(served: Served) -> None:
    assert served.ask("/silent")[0] == 502


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000000\r\n\r\n", 413),
    ],
)
def test_a_bad_request_never_reaches_a_guest(served: Served, request_text: bytes, status: int) -> None:
    assert served.say(request_text).startswith(b"HTTP/1.1 %d " % status)


def test_a_client_that_goes_away_ends_its_guest_alone(served: Served) -> None:
    for _ in range(5):
        with served.socket() as connection:
            connection.sendall(b"GET /bytes?1000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.recv(1000)
    assert served.ask() == (200, b"hello\n")


def test_many_clients_at_once(served: Served) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda number: served.ask("/echo", "POST", b"%d" % number), range(100)))
    assert answers == [(200, b"%d" % number) for number in range(100)]


def test_a_slow_client_holds_up_nobody(served: Served) -> None:
    slow = [served.socket() for _ in range(8)]
    for connection in slow:
        connection.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
    assert served.ask() == (200, b"hello\n")
    for connection in slow:
        connection.sendall(b"x" * 99)
        assert read_one(connection) == b"100\n"
        connection.close()


def test_clients_that_take_nothing_hold_up_nobody(node: RealNode) -> None:
    """More of them than the machine has processors, at a single worker."""
    with serving(node, "takes-nothing", workers=1, body_seconds=4 * _SECONDS) as served:
        idle = [served.socket() for _ in range(8)]
        for connection in idle:
            connection.sendall(b"GET /bytes?64000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.recv(1)
        eventually(lambda: all(_has_filled(connection) for connection in idle))
        assert served.ask("/bytes?100000")[0] == 200
        for connection in idle:
            connection.close()


def _has_filled(connection: socket.socket) -> bool:
    """As much waits as the client's end takes without reading: no more comes."""
    before = len(connection.recv(1 << 25, socket.MSG_PEEK))
    time.sleep(0.05)
    return before == len(connection.recv(1 << 25, socket.MSG_PEEK))


def test_each_request_is_a_line_of_the_access_log(served: Served) -> None:
    served.ask("/count?unique", "POST", b"12345", referer="http://there/")
    eventually(lambda: "/count?unique" in served.log())
    entry = json.loads(next(line for line in served.node.log(served.container) if "/count?unique" in line))
    assert (entry["method"], entry["status"], entry["body_bytes"]) == ("POST", 200, 2)
    assert entry["referer"] == "http://there/"


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        (b"nonsense\r\n\r\n", ("", "", 400)),
        (b"GET /" + b"a" * 140_000, ("", "", 431)),
        (b"GET /hostless HTTP/1.1\r\n\r\n", ("GET", "/hostless", 400)),
        (b"POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000000\r\n\r\n", ("POST", "/large", 413)),
    ],
)
def test_what_never_reached_a_guest_is_in_the_access_log_too(
    served: Served, sent: bytes, logged: tuple[str, str, int]
) -> None:
    before = _logged(served, *logged)
    served.say(sent)
    eventually(lambda: _logged(served, *logged) > before)


def test_what_a_head_does_not_send_is_not_counted(served: Served) -> None:
    served.ask("/bytes?12345", "HEAD")
    eventually(lambda: _logged(served, "HEAD", "/bytes?12345", 200) == 1)
    (entry,) = (entry for entry in _entries(served) if entry["target"] == "/bytes?12345")
    assert entry["body_bytes"] == 0


def _logged(served: Served, *wanted: Any) -> int:
    """Lines of the access log in JSON that have these as method, target and status."""
    return sum((entry["method"], entry["target"], entry["status"]) == wanted for entry in _entries(served))


def _entries(served: Served) -> list[dict[str, Any]]:
    """Of an access log in JSON."""
    return [json.loads(line) for line in served.node.log(served.container) if line.startswith("{")]


def test_its_port_is_taken_from_an_annotation_and_can_be_taken_once(node: RealNode) -> None:
    with serving(node, "port", port=80) as served:
        assert served.ask() == (200, b"hello\n")
        config = container_config("second", node.pull(GUEST))
        second = node.call("CreateContainer", pod_sandbox_id=served.sandbox, config=config).container_id
        with pytest.raises(grpc.RpcError, match=f"cannot listen on its port {served.port}"):
            node.call("StartContainer", container_id=second)


@pytest.mark.parametrize(("variables", "port"), [({VARIABLE: "0.0.0.0:8181"}, 8181), ({}, 9000)])
def test_its_port_is_taken_from_its_environment_or_from_what_is_declared(
    node: RealNode, variables: dict[str, str], port: int
) -> None:
    sandbox = node.run_pod("port", port_mappings=[cri.PortMapping(container_port=9000)])
    try:
        envs = [cri.KeyValue(key=name, value=value.encode()) for name, value in variables.items()]
        container = node.start(sandbox, GUEST, envs=envs)
        assert Served(node, node.address(sandbox), container, sandbox, port).ask() == (200, b"hello\n")
    finally:
        node.call("RemovePodSandbox", pod_sandbox_id=sandbox)


def test_what_takes_too_long_is_answered_in_time(node: RealNode) -> None:
    limits: dict[str, Any] = {
        "header_seconds": 1,
        "body_seconds": 1,
        "request_seconds": _SECONDS,
        "idle_seconds": 1,
        "max_body_bytes": 10,
        "access_log": "json",
    }
    with serving(node, "slow", **limits) as served:
        assert served.say(b"GET / HT").startswith(b"HTTP/1.1 408 ")
        late = b"POST /drained HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"
        assert served.say(late).startswith(b"HTTP/1.1 408 ")
        assert served.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n").startswith(b"HTTP/1.1 413 ")
        assert served.say() == b""
        with served.socket() as connection:
            drip(connection, b"\r\n")
        eventually(lambda: sorted(entry["status"] for entry in _entries(served)) == [408, 408, 413])


def test_a_guest_that_never_answers_gives_way_to_others(node: RealNode) -> None:
    size = 30_000_000  # more than the kernel keeps for a client that does not read
    limits: dict[str, Any] = {"workers": 1, "request_seconds": 4, "body_seconds": _SECONDS, "access_log": "json"}
    with serving(node, "spinning", **limits) as served:
        (worker,) = _workers(served)
        client = served.connect()
        client.request("GET", f"/bytes?{size}")
        answer = client.getresponse()
        assert served.ask("/spin")[0] == 504
        assert served.ask() == (200, b"hello\n")
        eventually(lambda: set(_workers(served)) > {worker})
        assert [served.ask() for _ in range(4)] == [(200, b"hello\n")] * 4
        assert len(answer.read()) == size
        client.close()
        eventually(lambda: worker not in _workers(served))
        assert served.ask() == (200, b"hello\n")
        eventually(lambda: "a guest goes on long after its time" in served.log())
        eventually(lambda: sorted(entry["status"] for entry in _entries(served)) == [*[200] * 7, 504])


def test_sigterm_lets_what_has_begun_end_and_exits_with_0(node: RealNode) -> None:
    with serving(node, "drained") as served, served.socket() as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        answer = connection.recv(65536)
        with ThreadPoolExecutor(1) as threads:
            stopped = threads.submit(node.call, "StopContainer", container_id=served.container, timeout=_SECONDS)
            eventually(lambda: _refuses(served))
            connection.sendall(b"6\r\n world\r\n0\r\n\r\n")
            answer += received(connection)
            stopped.result()
        assert b"hello" in answer
        assert b" world" in answer
        assert node.status(served.container).exit_code == 0


def test_sigterm_waits_for_headers_that_have_begun_but_not_for_ever(node: RealNode) -> None:
    with (
        serving(node, "half-said", header_seconds=10 * _SECONDS) as served,
        served.socket() as one,
        served.socket() as other,
    ):
        for connection in (one, other):
            connection.sendall(b"GET / HTTP/1.1\r\nHo")
        with ThreadPoolExecutor(1) as threads:
            stopped = threads.submit(node.call, "StopContainer", container_id=served.container, timeout=_SECONDS)
            eventually(lambda: _refuses(served))
            one.sendall(b"st: a\r\n\r\n")
            assert read_one(one) == b"hello\n"
            assert received(other).startswith(b"HTTP/1.1 408 ")
            stopped.result()
        assert node.status(served.container).exit_code == 0


def _refuses(served: Served) -> bool:
    try:
        served.socket().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_kill_takes_the_workers_along(node: RealNode) -> None:
    with serving(node, "killed") as served:
        workers = _workers(served)
        assert workers
        node.call("StopContainer", container_id=served.container, timeout=0)
        assert node.status(served.container).exit_code == 137
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_a_worker_that_dies_is_replaced(node: RealNode) -> None:
    with serving(node, "replaced", workers=1) as served:
        (worker,) = _workers(served)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: worker not in _workers(served) and len(_workers(served)) == 1)
        assert served.ask() == (200, b"hello\n")
        assert node.status(served.container).state == cri.CONTAINER_RUNNING
        eventually(lambda: "HTTP worker 0 was killed by signal 9" in served.log())


def test_a_worker_that_stands_still_holds_up_no_new_client(node: RealNode) -> None:
    """It has fewer connections than the other one, which leaves it a moment to take what comes, and no more."""
    with serving(node, "still", workers=2) as served, ExitStack() as clients:
        still, _ = _workers(served)
        os.kill(still, signal.SIGSTOP)
        clients.callback(os.kill, still, signal.SIGCONT)
        eventually(lambda: Path(f"/proc/{still}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        for _ in range(8):
            client = clients.enter_context(served.socket())
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_one(client) == b"hello\n"


def _workers(served: Served) -> list[int]:
    """The children of the guest process, by their numbers on the host."""
    info = served.node.call("ContainerStatus", container_id=served.container, verbose=True).info["info"]
    supervisor = json.loads(info)["pid"]
    return [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]


def test_too_many_at_once_are_told_to_come_again(node: RealNode) -> None:
    with serving(
        node, "busy", workers=1, concurrency=1, body_seconds=4 * _SECONDS, request_seconds=4 * _SECONDS
    ) as served:
        held = [served.socket() for _ in range(4)]
        for connection in held:
            connection.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        eventually(lambda: len(select.select(held, [], [], 0)[0]) == 2)  # told so: one of the others runs, one waits
        answer = served.say(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: " in answer
        for connection in held:
            connection.close()
        eventually(lambda: served.ask()[0] == 200)


def test_who_has_waited_in_vain_for_a_handler_is_told_to_come_again(node: RealNode) -> None:
    """No handler has seen the request, whoever sent it: that is no 504."""
    with serving(node, "waits", workers=1, concurrency=1, request_seconds=1) as served, served.socket() as holder:
        holder.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        _begun(holder)
        answer = served.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: " in answer


def test_who_waits_for_a_handler_no_more_takes_no_place(node: RealNode) -> None:
    with serving(node, "left", workers=1, concurrency=1) as served, served.socket() as holder:
        holder.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        echo = _begun(holder)
        with served.socket() as impatient:
            impatient.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert served.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 503 ")
            impatient.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with served.socket() as next_one:
            next_one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert not select.select([next_one], [], [], 0.5)[0]
            holder.sendall(b"0\r\n\r\n")
            assert echo.read() == b"x"
            assert read_one(next_one) == b"hello\n"


def test_a_request_for_which_no_descriptor_is_left_takes_none(node: RealNode) -> None:
    with serving(node, "scarce", workers=1) as served:
        (worker,) = _workers(served)
        assert served.ask("/echo", "POST", b"x") == (200, b"x")
        before, least = resource.prlimit(worker, resource.RLIMIT_NOFILE), _descriptors(worker)
        for more in range(1, 9):
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (least + more, before[1]))
            with served.socket() as connection:
                connection.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
                connection.settimeout(1)
                with suppress(OSError):
                    connection.recv(1)
            resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
        assert served.ask("/echo", "POST", b"x") == (200, b"x")
        assert _workers(served) == [worker]
        eventually(lambda: _descriptors(worker) <= least + 2)
        eventually(lambda: "POST '/echo': the guest cannot be instantiated: the pipe of a re" in served.log())


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.parametrize("access", ["none", "outbound"])
def test_a_pod_that_nobody_may_connect_to_is_refused(node: RealNode, access: str) -> None:
    sandbox = node.run_pod(f"access-{access}", annotations={"wasmlet.dev/network": access})
    try:
        with pytest.raises(grpc.RpcError, match="handles HTTP requests, and annotation wasmlet.dev/network"):
            node.start(sandbox, GUEST)
    finally:
        node.call("RemovePodSandbox", pod_sandbox_id=sandbox)
