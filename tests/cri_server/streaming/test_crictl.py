"""The real crictl, in both languages that it speaks, with processes and ports of this machine."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.e2e.crictl import Crictl
from tests.free_port import free_port
from tests.image_store.certificates import Certificate, self_signed

MUCH = 100 << 20
TRANSPORTS = pytest.mark.parametrize("transport", ["spdy", "websocket"])


@contextmanager
def local_node(folder: Path, *options: str) -> Iterator[tuple[Crictl, int]]:
    """crictl, and the process id of its server."""
    crictl = Crictl(folder / "cri.sock", folder)
    command = [sys.executable, "-m", "tests.cri_server.streaming.local_node", str(folder / "cri.sock"), *options]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        while not (folder / "cri.sock").exists():
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        try:
            yield crictl, server.pid
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Crictl, int]]:
    with local_node(tmp_path_factory.mktemp("node")) as running:
        yield running


def run(node: tuple[Crictl, int], *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(node[0].command(*words), input=stdin, capture_output=True, timeout=240)


@TRANSPORTS
def test_exec(node: tuple[Crictl, int], transport: str) -> None:
    done = run(node, "exec", "--transport", transport, "any", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert done.returncode == 1, "crictl's own, of every failure"
    assert done.stdout == b"out\n"
    assert done.stderr.startswith(b"err\n")
    assert b"command terminated with exit code 3" in done.stderr


def test_exec_by_tls(tmp_path: Path) -> None:
    """crictl that is told of an authority checks by it, and shows a certificate of its own."""
    shown, own, stranger = (self_signed(tmp_path, "127.0.0.1", name) for name in ("shown", "own", "stranger"))
    with local_node(tmp_path, *map(str, (shown.path, shown.key, own.path))) as node:

        def exec_(transport: str, authority: Certificate) -> "subprocess.CompletedProcess[bytes]":
            files = {"ca": authority.path, "cert": own.path, "key": own.key, "server-name": "127.0.0.1"}
            options = [f"--tls-{name}={value}" for name, value in files.items()]
            return run(node, "exec", "--transport", transport, *options, "any", "echo", "hello")

        for transport in ("spdy", "websocket"):
            done = exec_(transport, shown)
            assert (done.returncode, done.stdout) == (0, b"hello\n"), done.stderr
            refused = exec_(transport, stranger)
            assert (refused.returncode, refused.stdout) == (1, b"")
            assert b"failed to verify certificate" in refused.stderr


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
        with urlopen(f"http://127.0.0.1:{local}/", timeout=240) as answer:
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
