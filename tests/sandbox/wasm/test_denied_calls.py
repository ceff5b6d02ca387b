"""Outgoing HTTP of a component: made where the pod may call out, denied by its own name where it may not."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.sandbox.wasm.conftest import Host


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_component_calls(host: Host, url: str) -> None:
    ran = host.run("call_out", "GET", url)
    assert (ran.exit_code, ran.stderr) == (0, b"")
    assert ran.stdout.startswith(b"status 200\n")
    assert b"'hello'" in ran.stdout


def test_a_call_is_denied(host: Host, url: str) -> None:
    ran = host.run("call_out", "GET", url, denies_calls=True)
    assert (ran.exit_code, ran.stdout) == (1, b"refused ErrorCode_HttpRequestDenied()\n")


def test_calls_are_denied_time_after_time(host: Host, url: str) -> None:
    ran = host.run("call_out", "GET", url, "times=3", "goes_on=1", denies_calls=True)
    assert ran.stdout == 3 * b"refused ErrorCode_HttpRequestDenied()\n"
