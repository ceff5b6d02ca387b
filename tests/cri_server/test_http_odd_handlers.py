"""Handlers that do what few do, and clients that mean no good: each is told, and holds up nobody else."""

import http.client
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.test_http_containers import Served, _refuses, _workers, drip, read_one, received, serving
from tests.real_node import RealNode, eventually, real_node

_CLOSING = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
_LARGE = 200 << 20
_HELD = 40
_WRITTEN_ON = 100_000_000
_BREAKS_OFF = 0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with real_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture(scope="module")
def served(node: RealNode) -> Iterator[Served]:
    with serving(node, "odd", "http_odd", workers=1, request_seconds=20, header_seconds=1) as served:
        yield served


@pytest.fixture(scope="module")
def minimal(node: RealNode) -> Iterator[Served]:
    with serving(node, "minimal", workers=1, body_seconds=1, access_log="json") as served:
        yield served


def test_a_body_may_be_complete_before_it_is_answered_with(served: Served) -> None:
    assert served.ask("/early") == (200, b"early\n")


def test_a_response_that_is_not_given_is_seen_by_nobody(served: Served) -> None:
    assert served.ask("/rethought") == (200, b"odd\n")


def test_no_request_finds_what_another_has_left_in_memory(served: Served) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = set(threads.map(lambda _: served.ask("/remembers"), range(60)))
    assert answers == {(200, b"nothing\n")}


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none_that_was_written_before(served: Served, status: int) -> None:
    answer = served.say(_CLOSING % b"/status?%d" % status)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("target", ["/status?101", "/status?199", "/short", "/long", "/unfinished", "/refuses"])
def test_an_answer_that_is_none_is_a_bad_gateway(served: Served, target: str) -> None:
    assert _status(served, target) in (502, _BREAKS_OFF)


def _status(served: Served, target: str) -> int:
    """On a busy machine an answer may have begun to be sent before its guest does wrong."""
    try:
        return served.ask(target)[0]
    except (http.client.HTTPException, ConnectionError):
        return _BREAKS_OFF


def test_a_status_that_nobody_knows_is_passed_on(served: Served) -> None:
    assert served.ask("/status?999") == (999, b"body\nodd\n")


@pytest.mark.parametrize("target", ["/stale-request", "/twice"])
def test_what_is_gone_cannot_be_used(served: Served, target: str) -> None:
    workers = _workers(served)
    assert _status(served, target) in (500, _BREAKS_OFF)
    eventually(lambda: f"GET '{target}': the guest trapped: unknown handle index" in served.log())
    assert _workers(served) == workers


def test_a_trap_after_the_answer_changes_nothing_but_the_log(served: Served) -> None:
    assert served.ask("/stale-body") == (200, b"odd\n")
    eventually(lambda: "GET '/stale-body': the guest trapped: unknown handle index" in served.log())


def test_what_is_written_after_the_end_of_a_body_is_kept_nowhere(served: Served) -> None:
    (worker,) = _workers(served)
    before = _resident(worker)
    assert served.ask("/writes-on") == (200, b"odd\n")
    with served.socket() as connection:
        for target in (b"/writes-on", b"/"):
            connection.sendall(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
            assert read_one(connection) == b"odd\n"
    assert _resident(worker) - before < _WRITTEN_ON / 2


def test_what_is_written_need_not_be_flushed(served: Served) -> None:
    with ExitStack() as held:
        for _ in range(_HELD):
            connection = held.enter_context(served.socket())
            connection.sendall(b"POST /skips HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        time.sleep(1)  # patience with bodies
        assert [served.ask("/unflushed") for _ in range(20)] == [(200, b"odd\n")] * 20


def test_a_response_that_breaks_off_does_not_look_whole(served: Served) -> None:
    answer = served.say(_CLOSING % b"/breaks")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"piece" in answer
    assert not answer.endswith(b"0\r\n\r\n")


def test_trailers_may_be_asked_for_without_reading_the_body(served: Served) -> None:
    assert served.ask("/skips", "POST", bytes(3 << 20)) == (200, b"odd\n")


def test_a_body_may_be_left_unread(served: Served) -> None:
    assert served.ask("/unread", "POST", bytes(100_000)) == (200, b"odd\n")


def test_a_connection_ends_with_a_body_that_nobody_has_read(served: Served) -> None:
    with served.socket() as connection:
        head = b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % (3 << 20) + bytes(2 << 20))
        answer = received(connection)
    assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 200 OK") == 1
    assert b"\r\nconnection: close\r\n" in answer or b"chunked" in answer  # which has begun before its end


def test_headers_are_timed_from_their_first_byte(served: Served) -> None:
    with served.socket() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nA: ")
        drip(connection, b"a")
        assert received(connection).startswith(b"HTTP/1.1 408 ")


def test_what_is_sent_after_a_refusal_is_not_waited_for(served: Served) -> None:
    with served.socket() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000000\r\n\r\n")
        drip(connection, b"a")


def test_bodies_of_requests_that_have_to_wait_wait_with_their_client(minimal: Served) -> None:
    (worker,) = _workers(minimal)
    before = _resident(worker)
    with minimal.socket() as connection:
        connection.settimeout(1)
        first = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)
        second = b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % _LARGE
        with suppress(OSError):  # of the first answer more is left than the kernel keeps, as nobody reads it
            connection.sendall(first * 5 + second)
            for _ in range(_LARGE >> 20):
                connection.sendall(bytes(1 << 20))
    assert _resident(worker) - before < _LARGE / 2


def test_a_body_that_nobody_reads_is_not_kept_in_memory(minimal: Served) -> None:
    (worker,) = _workers(minimal)
    before = _resident(worker)
    with minimal.socket() as connection:
        connection.sendall(b"GET /bytes?%d HTTP/1.1\r\nHost: a\r\n\r\n" % _LARGE)
        time.sleep(0.5)  # much less than all of it is written in, were it not for its client
        assert _resident(worker) - before < _LARGE / 4


def _resident(pid: int) -> int:
    """Bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


def test_a_client_that_reads_on_too_late_sees_that_the_response_is_not_whole(minimal: Served) -> None:
    with minimal.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(b"GET /bytes?30000000 HTTP/1.1\r\nHost: a\r\n\r\n" + _CLOSING % b"/")
        eventually(lambda: "/bytes?30000000" in minimal.log())  # it was given up
        answer = b""
        with suppress(ConnectionError):
            answer = received(connection)
    assert b"hello" not in answer


@pytest.mark.parametrize(
    ("network", "granted"), [("full", b"tcp + udp + name +\n"), ("inbound", b"tcp + udp - name -\n")]
)
def test_a_handler_has_the_sockets_that_its_pod_grants(node: RealNode, network: str, granted: bytes) -> None:
    with serving(node, f"grants-{network}", "http_odd", network=network, workers=1) as served:
        assert served.ask("/grants") == (200, granted)


def test_a_handler_that_goes_on_holds_up_neither_its_answer_nor_its_connection(node: RealNode) -> None:
    with serving(node, "goes-on", "http_odd", workers=1, request_seconds=1) as served, served.socket() as connection:
        (worker,) = _workers(served)
        for target in (b"/goes-on", b"/"):
            connection.sendall(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
            assert read_one(connection) == b"odd\n"
        eventually(lambda: worker not in _workers(served))


def test_a_handler_that_takes_all_memory_leaves_others_alone(node: RealNode) -> None:
    sandbox = node.run_pod("hungry", annotations={"wasmlet.dev/http-workers": "1"})
    try:
        resources = cri.LinuxContainerResources(memory_limit_in_bytes=200 << 20)
        container = node.start(sandbox, "http_odd", linux=cri.LinuxContainerConfig(resources=resources))
        address = node.address(sandbox)
        served = Served(node, address, container, sandbox)
        for _ in range(3):
            with suppress(http.client.HTTPException, OSError):
                served.ask("/hungry")
        eventually(lambda: _answers(served))
        assert node.status(container).state == cri.CONTAINER_RUNNING
    finally:
        node.call("RemovePodSandbox", pod_sandbox_id=sandbox)


def _answers(served: Served) -> bool:
    try:
        return served.ask() == (200, b"odd\n")
    except (http.client.HTTPException, OSError):
        return False


def test_more_connections_than_descriptors_wait_for_their_turn(node: RealNode) -> None:
    with serving(node, "crowded", workers=1) as served:
        info = json.loads(node.call("ContainerStatus", container_id=served.container, verbose=True).info["info"])
        resource.prlimit(info["pid"], resource.RLIMIT_NOFILE, (80, 80))
        (before,) = _workers(served)
        os.kill(before, signal.SIGKILL)
        eventually(lambda: _workers(served) not in ([], [before]))
        (worker,) = _workers(served)
        crowd = [served.socket() for _ in range(100)]
        time.sleep(1)  # all that can be accepted is
        crowd[0].sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        assert read_one(crowd[0]) == b"hello"
        crowd[-1].sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        for connection in crowd[:-1]:
            connection.close()
        assert read_one(crowd[-1]) == b"hello\n"
        crowd[-1].close()
        assert _workers(served) == [worker]


def test_who_is_answered_while_the_container_ends_is_told_that_the_connection_ends(node: RealNode) -> None:
    with serving(node, "ending", workers=1) as served, served.socket() as connection:
        connection.sendall(b"POST /drained HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        time.sleep(1)  # patience with bodies
        with ThreadPoolExecutor(1) as threads:
            stopped = threads.submit(node.call, "StopContainer", container_id=served.container, timeout=20)
            eventually(lambda: _refuses(served))
            connection.sendall(b"cd")
            assert b"connection: close" in received(connection)
            stopped.result()
