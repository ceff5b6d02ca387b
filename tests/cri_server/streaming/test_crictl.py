"""The real crictl, in both languages that it speaks, with processes and ports of this machine."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.e2e.crictl import Crictl
from tests.free_port import free_port

MUCH = 100 << 20
TRANSPORTS = pytest.mark.parametrize("transport", ["spdy", "websocket"])


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[tuple[Crictl, int]]":
    """crictl, and the process id of its server."""
    folder = tmp_path_factory.mktemp("node")
    crictl = Crictl(folder / "cri.sock", folder)
    command = [sys.executable, "-m", "tests.cri_server.streaming.local_node", str(folder / "cri.sock")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        while not (folder / "cri.sock").exists():
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        yield crictl, server.pid
        server.terminate()


def run(node: tuple[Crictl, int], *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(node[0].command(*words), input=stdin, capture_output=True, timeout=120)


@TRANSPORTS
def test_exec(node: tuple[Crictl, int], transport: str) -> None:
    done = run(node, "exec", "--transport", transport, "any", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert done.returncode == 1, "crictl's own, of every failure"
    assert done.stdout == b"out\n"
    assert done.stderr.startswith(b"err\n")
    assert b"command terminated with exit code 3" in done.stderr


def peak_bytes(pid: int) -> int:
    """Most resident memory so far."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


@TRANSPORTS
def test_attach(node: tuple[Crictl, int], transport: str) -> None:
    done = run(node, "attach", "--transport", transport, "-i", "cat; echo end", stdin=b"hello\n")
    assert (done.returncode, done.stdout) == (0, b"hello\nend\n")


class _Downloads(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        """To nobody."""


@pytest.fixture(scope="module")
def web() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Downloads) as server:
        server.content = os.urandom(1 << 20) * (MUCH >> 20)  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@TRANSPORTS
def test_much_through_a_port_many_times_at_once(
    node: tuple[Crictl, int], web: ThreadingHTTPServer, transport: str
) -> None:
    local = free_port()
    words = ("port-forward", "--transport", transport, "pod", f"{local}:{web.server_port}")
    digests: list[bytes] = []

    def download() -> None:
        with urlopen(f"http://127.0.0.1:{local}/", timeout=100) as answer:
            digests.append(hashlib.sha256(answer.read()).digest())

    with subprocess.Popen(node[0].command(*words), stdout=subprocess.PIPE) as forward:
        assert forward.stdout is not None
        assert b"Forwarding from" in forward.stdout.readline()
        threading.Thread(target=forward.stdout.read, daemon=True).start()
        downloads = [threading.Thread(target=download) for _ in range(5)]
        for thread in downloads:
            thread.start()
        for thread in downloads:
            thread.join()
        forward.terminate()
    assert digests == [hashlib.sha256(web.content).digest()] * 5  # type: ignore[attr-defined]
    assert peak_bytes(node[1]) < 150 << 20
