"""HTTP handlers in Python and JavaScript that call others while they answer, for real."""

import hashlib
import http.client
import itertools
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from cri_server.container_network import ANNOTATION
from cri_server.cri_v1 import api_pb2 as cri
from tests.real_node import RealNode, eventually, real_node

PORT = 8080
HANDLERS = ("http_python", "http_javascript")
_NUMBERS = itertools.count(1)
_SECONDS = 120
_LARGE = 16 << 20


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with real_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture(scope="module")
def web(node: RealNode) -> Iterator[str]:
    """Of a server written in Go."""
    yield from _served(node, "web")


@pytest.fixture(scope="module", params=HANDLERS)
def handler(node: RealNode, request: pytest.FixtureRequest) -> Iterator[str]:
    yield from _served(node, request.param)


def _served(node: RealNode, guest: str, access: str = "full") -> Iterator[str]:
    """The address of a pod in which it serves, once it answers."""
    sandbox_id = node.run_pod(
        f"{re.sub('[^a-z]', '-', guest)}-{next(_NUMBERS)}",
        port_mappings=[cri.PortMapping(container_port=PORT)],
        annotations={ANNOTATION: access},
    )
    node.start(sandbox_id, guest)
    address = node.address(sandbox_id)
    eventually(lambda: _answers(address))
    yield address
    node.call("RemovePodSandbox", pod_sandbox_id=sandbox_id)


def _answers(address: str) -> bool:
    try:
        return asked(address, "/hello")[0] == 200
    except OSError:
        return False


def asked(address: str, path: str) -> tuple[int, bytes]:
    client = http.client.HTTPConnection(address, PORT, timeout=_SECONDS)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


def called(handler: str, web: str, path: str) -> tuple[int, bytes]:
    return asked(handler, f"/call?url={quote(f'http://{web}:{PORT}{path}')}")


def test_a_handler_passes_on_what_another_pod_says(handler: str, web: str) -> None:
    assert called(handler, web, "/world") == (200, b"hello /world")
    assert called(handler, web, "/bytes?n=3000000") == (200, bytes(3000000))


def test_a_handler_streams_a_body_to_another_pod(handler: str, web: str) -> None:
    status, answer = uploaded(handler, f"http://{web}:{PORT}/count", bytes(_LARGE))
    assert (status, answer) == (200, b"%d" % _LARGE)


def test_a_handler_streams_both_ways_at_once(node: RealNode, web: str) -> None:
    """By a guest that reads the answer while it sends."""
    body = bytes(range(256)) * (_LARGE // 256)
    for python in _served(node, "http_python"):
        status, answer = uploaded(python, f"http://{web}:{PORT}/echo", body)
        assert (status, hashlib.sha256(answer).digest()) == (200, hashlib.sha256(body).digest())


def uploaded(handler: str, url: str, body: bytes) -> tuple[int, bytes]:
    """What comes back while the body is still on its way."""
    head = f"POST /upload?url={quote(url)} HTTP/1.1\r\nHost: it\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((handler, PORT), _SECONDS) as client:
        sender = threading.Thread(target=client.sendall, args=(head.encode() + body,))
        sender.start()
        answer = http.client.HTTPResponse(client)
        answer.begin()
        content = answer.read()
        sender.join(_SECONDS)
    return answer.status, content


def test_handlers_call_at_the_same_time(handler: str, web: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        for number, answer in enumerate(threads.map(lambda n: called(handler, web, f"/{n}"), range(24))):
            assert answer == (200, b"hello /%d" % number)


def test_a_handler_calls_a_handler(node: RealNode, handler: str) -> None:
    address = quote(f"http://{handler}:{PORT}/hello")
    status, answer = asked(handler, f"/call?url={address}")
    assert (status, answer[:11]) == (200, b"hello from ")


def test_a_handler_hears_that_nobody_listens(handler: str, web: str) -> None:
    status, answer = asked(handler, f"/call?url={quote(f'http://{web}:1/')}")
    assert status == 502
    assert answer in (
        b"ErrorCode_ConnectionRefused()\n",
        b"TypeError: NetworkError when attempting to fetch resource\n",
    )


@pytest.mark.parametrize("guest", HANDLERS)
def test_a_handler_serves_and_may_not_call(node: RealNode, web: str, guest: str) -> None:
    for address in _served(node, guest, "inbound"):
        status, answer = called(address, web, "/world")
        assert status == 502
        assert answer.startswith((b"ErrorCode_HttpRequestDenied()", b"Error: fetch"))


def test_a_handler_gives_a_slow_server_up(node: RealNode, handler: str) -> None:
    """By the timeout of its own; the Fetch API has none."""
    for python in _served(node, "http_python"):
        path = f"/call?first_byte=100&url={quote(f'http://{handler}:{PORT}/slow?ms=20000')}"
        assert asked(python, path) == (502, b"ErrorCode_ConnectionReadTimeout()\n")
