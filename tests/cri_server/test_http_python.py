"""A handler of HTTP requests in Python: what a whole language's bindings make of it, and the calls that it makes."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cri_server.test_http_containers import Served, read_one, received, serving
from tests.cri_server.test_outgoing_http import answering, answering_by_tls, self_signed
from tests.real_node import RealNode, eventually, real_node

_TRIES = 30


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with real_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture(scope="module")
def minimal(node: RealNode) -> Iterator[Served]:
    with serving(node, "minimal") as served:
        yield served


@pytest.fixture(scope="module")
def served(node: RealNode) -> Iterator[Served]:
    with serving(node, "python", guest="http_python", workers=1) as served:
        yield served


def test_a_request_is_seen_whole(served: Served) -> None:
    status, body = served.ask("/headers?a=%20b", "PUT", b"", x_name="value")
    told = json.loads(body)
    assert status == 200
    assert (told["method"].lower(), told["target"]) == ("put", "/headers?a=%20b")
    assert told["authority"] == f"{served.address}:8080"
    assert told["headers"]["x_name"] == "value"
    assert "host" not in told["headers"]
    assert [json.loads(served.ask("/headers", method)[1])["method"] for method in ("BREW", "get")] == ["BREW", "get"]


def test_trailers_go_both_ways(served: Served) -> None:
    with served.socket() as connection:
        head = b"POST /trailers HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"5\r\nhello\r\n0\r\nX-Mine: yes\r\n\r\n")
        answer = received(connection)
    assert answer.endswith(b"0\r\nx-size: 5\r\nx-mine: yes\r\n\r\n")


def test_what_is_written_early_is_sent_early(served: Served) -> None:
    with served.socket() as connection:
        connection.sendall(b"GET /drip?times=3&ms=10000 HTTP/1.1\r\nHost: a\r\n\r\n")
        early = b""
        while b"drop 0" not in early:
            early += connection.recv(1000)
        assert b"drop 2" not in early


def test_one_that_waits_holds_up_nobody(served: Served) -> None:
    called, awaited = threading.Event(), threading.Event()

    def answer(connection: socket.socket) -> None:
        called.set()
        awaited.wait()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    gateway = gateway_of(served)
    with answering(gateway, answer) as port, served.socket() as slow:
        slow.sendall(b"GET /call?url=http://%b:%d/ HTTP/1.1\r\nHost: a\r\n\r\n" % (gateway.encode(), port))
        called.wait()
        assert served.ask("/hello") == (200, b"hello from Python\n")
        awaited.set()
        assert read_one(slow) == b"late"


def gateway_of(served: Served) -> str:
    """The host's address in the pods' network."""
    return served.address.rpartition(".")[0] + ".1"


def test_what_is_written_while_an_earlier_handler_ends_is_read(served: Served) -> None:
    """Two at the same time, again and again: whichever thread leads has to read what those of others write."""
    with ThreadPoolExecutor(2) as threads:
        slow = [threads.submit(served.ask, "/slow?ms=15") for _ in range(_TRIES)]
        for _ in range(_TRIES):
            status, body = served.ask("/generate?bytes=3000000")
            assert (status, len(body)) == (200, 3_000_000)
        assert {each.result() for each in slow} == {(200, b"slept\n")}


def test_what_it_prints_is_in_the_log(served: Served) -> None:
    served.ask("/say?out=loud&err=quiet")
    eventually(lambda: {"loud", "quiet"} <= set(served.node.log(served.container)))


def test_it_calls_others(served: Served, minimal: Served) -> None:
    url = f"http://{minimal.address}:8080"
    assert served.ask(f"/call?url={url}/") == (200, b"hello\n")
    assert served.ask(f"/upload?url={url}/echo", "POST", b"x" * 200_000) == (200, b"x" * 200_000)


def test_it_hears_why_a_call_failed(served: Served) -> None:
    with socket.socket() as unused:
        unused.bind(("", 0))
        status, body = served.ask(f"/call?url=http://{served.address}:{unused.getsockname()[1]}/")
    assert status == 502
    assert b"connection" in body.lower()


def test_a_server_that_is_not_trusted_is_named_in_the_log(served: Served, tmp_path: Path) -> None:
    gateway = gateway_of(served)
    with answering_by_tls(gateway, self_signed(tmp_path, gateway)) as port:
        status, body = served.ask(f"/call?url=https://{gateway}:{port}/")
        assert status == 502
        assert b"certificate" in body.lower()
        eventually(lambda: f"the certificate of https://{gateway}:{port} is not trusted" in served.log())


def test_a_pod_that_may_not_call_out_is_told_so(node: RealNode, minimal: Served) -> None:
    with serving(node, "inbound", guest="http_python", network="inbound", workers=1) as served:
        status, body = served.ask(f"/call?url=http://{minimal.address}:8080/")
    assert status == 502
    assert b"denied" in body.lower()
