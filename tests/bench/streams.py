"""Exec and port-forward on a pod that runs: how long they take, and how much goes through. The client is crictl."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cri_server.cri_v1 import api_pb2 as cri
from tests.bench.pod_life import PodLife
from tests.bench.server import BenchError, Server
from tests.cri_client import CriClient
from tests.prerequisites import BUILT_TOOLS

EXECS = 30
AT_A_TIME = 50
_ROUND_TRIPS = 10
_TRANSFERS = 3
_MEGABYTES = 100
_PIECE = bytes(1_000_000)
_PORT = 8080
_SERVE = """
import socket
with socket.create_server(("127.0.0.1", {port}), backlog=100) as server:
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            for _ in range({megabytes}):
                connection.sendall(bytes(1_000_000))
"""


def measure_streams(server: Server, client: CriClient, logs: Path) -> dict[str, list[float]]:
    """Raises BenchError where crictl was not built, or loses something."""
    if not (BUILT_TOOLS / "crictl").exists():
        raise BenchError(f"{BUILT_TOOLS}/crictl does not exist: run 'make tools'")
    life = PodLife(server, client, logs)
    life.up()
    try:
        _echo(client, life.container)  # what is compiled or read when it is used first
        return {
            "ExecSync": [_timed(lambda: _echo(client, life.container)) for _ in range(EXECS)],
            "ExecSync crowd": [_crowd(client, life.container)],
            "exec": [_timed(lambda: _exec(server, life.container)) for _ in range(_ROUND_TRIPS)],
            "exec in": [_exec_in(server, life.container) for _ in range(_TRANSFERS)],
            "forward": _forward(server, client, life.pod),
        }
    finally:
        life.down()


def _timed(work: Any) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def _echo(client: CriClient, container: str) -> None:
    request = cri.ExecSyncRequest(container_id=container, cmd=["echo", "hi"], timeout=60)
    answer = client.call("ExecSync", request)
    if (answer.exit_code, answer.stdout) != (0, b"hi\n"):
        raise BenchError(f"ExecSync of echo ended with {answer.exit_code}, {answer.stdout!r} and {answer.stderr!r}")


def _crowd(client: CriClient, container: str) -> float:
    """Milliseconds until all have answered. None may be lost."""
    threads = [threading.Thread(target=_echo, args=(client, container)) for _ in range(AT_A_TIME)]

    def run() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return _timed(run)


def _crictl(server: Server, *words: str) -> list[str]:
    endpoint = f"unix://{server.socket}"
    options = ("--config", os.devnull, "--runtime-endpoint", endpoint, "--image-endpoint", endpoint, "--timeout", "60s")
    return [str(BUILT_TOOLS / "crictl"), *options, *words]


def _exec(server: Server, container: str) -> None:
    done = subprocess.run(_crictl(server, "exec", container, "echo", "hi"), capture_output=True, check=False)
    if done.stdout != b"hi\n":
        raise BenchError(f"crictl exec on {server.name} failed: {done.stderr.decode()}")


def _exec_in(server: Server, container: str) -> float:
    """Megabytes a second, through the standard input of a command and back from its output."""
    command = _crictl(server, "exec", "-i", container, "cat")
    begin = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        writing = threading.Thread(target=_feed, args=(running,))
        writing.start()
        assert running.stdout is not None
        output = running.stdout.fileno()
        received = _count(iter(lambda: os.read(output, 1 << 18), b""))
        writing.join()
    return _rate(received, begin, f"exec on {server.name}")


def _feed(running: "subprocess.Popen[bytes]") -> None:
    assert running.stdin is not None
    for _ in range(_MEGABYTES):
        running.stdin.write(_PIECE)
    running.stdin.close()


def _count(pieces: Iterator[bytes]) -> int:
    return sum(map(len, pieces))


def _rate(received: int, begin: float, what: str) -> float:
    if received != _MEGABYTES * len(_PIECE):
        raise BenchError(f"{what} brought {received} bytes of {_MEGABYTES * len(_PIECE)}")
    return received / 1e6 / (time.perf_counter() - begin)


def _forward(server: Server, client: CriClient, pod: str) -> list[float]:
    """Megabytes a second, of a program that serves in the pod's network."""
    with _serving(_network_of(client, pod)), _forwarding(server, pod) as port:
        return [_download(server, port) for _ in range(_TRANSFERS)]


def _network_of(client: CriClient, pod: str) -> str:
    info = client.call("PodSandboxStatus", cri.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)).info["info"]
    return f"/proc/{json.loads(info)['pid']}/ns/net"


@contextmanager
def _serving(network: str) -> Iterator[None]:
    script = _SERVE.format(port=_PORT, megabytes=_MEGABYTES)
    with _running(["nsenter", f"--net={network}", sys.executable, "-c", script]):
        yield


@contextmanager
def _forwarding(server: Server, pod: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port: int = reserved.getsockname()[1]
    with _running(_crictl(server, "port-forward", pod, f"{port}:{_PORT}")):
        yield port


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    """From its first line on."""
    if shutil.which(command[0]) is None:
        raise BenchError(f"{command[0]} is not installed")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        try:
            yield
        finally:
            process.kill()


def _download(server: Server, port: int) -> float:
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        received = _count(iter(lambda: connection.recv(1 << 18), b""))
    return _rate(received, begin, f"port-forward on {server.name}")
