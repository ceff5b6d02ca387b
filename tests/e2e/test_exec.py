"""crictl exec, attach and port-forward, over both of its transports, into pods of a real server."""

import hashlib
import os
import pty
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import IO
from urllib.request import urlopen

import pytest

from tests.e2e.screen import ENTER, LEFT, control, screen_of
from tests.e2e.terminal import Terminal
from tests.pod_guests import guests_of
from tests.real_node import eventually, real_node
from tests.toolbox.tree import toolbox

TRANSPORTS = ("spdy", "websocket")
MUCH = 100 << 20


@pytest.fixture(scope="module")
def shared_terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    toolbox()  # skips where it was not built
    folder = tmp_path_factory.mktemp("exec")
    with real_node(folder / "node", '[exec]\ntoolbox = "builtin"\n') as node:
        yield Terminal(node, node.registry.address, folder / "terminal")


@pytest.fixture
def terminal(shared_terminal: Terminal) -> Iterator[Terminal]:
    yield shared_terminal
    shared_terminal.remove_pods()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(terminal: Terminal, *words: str, typed: bytes = b"") -> tuple[int, bytes, bytes]:
    """Status and outputs of crictl."""
    done = subprocess.run(terminal.crictl.command(*words), input=typed, capture_output=True)
    return done.returncode, done.stdout, done.stderr


@contextmanager
def running(terminal: Terminal, *words: str, **streams: int) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(terminal.crictl.command(*words), **streams) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def executed(terminal: Terminal, container: str) -> int:
    """How many processes run beside the container's own."""
    pid = terminal.crictl.json("inspect", container)["info"]["pid"]
    pod = re.findall(r"PPid:\t(\d+)", Path(f"/proc/{pid}/status").read_text())[0]
    return len(guests_of(int(pod))) - 1


def test_output_and_exit_code(terminal: Terminal, transport: str) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    execute = ("exec", "--transport", transport, container)
    assert run(terminal, *execute, "echo", "-n", "hello")[:2] == (0, b"hello")
    status, stdout, stderr = run(terminal, *execute, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (status, stdout) == (1, b"out\n")
    assert stderr.startswith(b"err\n")
    assert b"command terminated with exit code 3" in stderr


def test_a_command_that_is_none(terminal: Terminal, transport: str) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    status, stdout, stderr = run(terminal, "exec", "--transport", transport, container, "nothing")
    assert (status, stdout) == (1, b"")
    assert stderr.startswith(b'exec: "nothing": executable file not found in $PATH; the container has none, and the ')
    assert b"command terminated with exit code 127" in stderr


def test_input_and_its_end(terminal: Terminal, transport: str) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    sent = os.urandom(1 << 20)
    assert run(terminal, "exec", "-i", "--transport", transport, container, "cat", typed=sent)[:2] == (0, sent)


def test_much_both_ways_at_bounded_memory(terminal: Terminal, transport: str, much: Path) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    words = terminal.crictl.command("exec", "-i", "--transport", transport, container, "cat")
    with much.open("rb") as sent, subprocess.Popen(words, stdin=sent, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert digest(client.stdout) == digest_of(much)
    assert peak_bytes(terminal) < 2 * MUCH


@pytest.fixture(scope="module")
def much(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("much") / "file"
    file.write_bytes(os.urandom(1 << 20) * (MUCH >> 20))
    return file


def digest_of(file: Path) -> bytes:
    with file.open("rb") as content:
        return digest(content)


def digest(stream: "IO[bytes] | HTTPResponse") -> bytes:
    """Of what it brings until its end."""
    found = hashlib.sha256()
    while piece := stream.read(1 << 16):
        found.update(piece)
    return found.digest()


def peak_bytes(terminal: Terminal) -> int:
    """Most resident memory of the server so far."""
    assert terminal.node.server.process is not None
    status = Path(f"/proc/{terminal.node.server.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) << 10


def test_a_client_that_is_killed_ends_it(terminal: Terminal, transport: str) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    with running(terminal, "exec", "--transport", transport, container, "sleep", "4321"):
        eventually(lambda: executed(terminal, container) == 1)
    eventually(lambda: executed(terminal, container) == 0)


def test_a_server_that_is_killed_ends_it_and_not_the_container(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    with running(terminal, "exec", container, "sleep", "4321") as client:
        eventually(lambda: executed(terminal, container) == 1)
        terminal.node.server.kill()
        client.wait()
    terminal.node.server.start()
    eventually(lambda: executed(terminal, container) == 0)
    assert run(terminal, "exec", container, "echo", "hi")[:2] == (0, b"hi\n")


def test_interrupted_in_a_terminal(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    ours, theirs = pty.openpty()
    words = ("exec", "-i", "-t", container, "main.wasm")
    with running(terminal, *words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE) as client:
        os.close(theirs)
        eventually(lambda: executed(terminal, container) == 1)
        os.write(ours, b"\x03")
        assert client.stderr is not None
        assert b"command terminated with exit code 130" in client.stderr.read()
    os.close(ours)


def test_a_shell_in_a_terminal(terminal: Terminal, transport: str) -> None:
    container = terminal.start(terminal.run_pod(), "sleeper")
    with screen_of(terminal.crictl.command("exec", "-it", "--transport", transport, container, "sh")) as screen:
        screen.shows("/ #")
        screen.type("echo $((6 * 7)) anwers", *[LEFT] * 4, "s", ENTER)
        screen.shows("/ # echo $((6 * 7)) answers", "42 answers", "/ #")
        screen.resize(100, 30)
        screen.type("until [ $COLUMNS = 100 ]; do sleep 0.1; done; stty size; sleep 4321", ENTER)
        screen.shows("30 100")
        screen.type(control("c"))
        screen.shows("30 100", "^C", "/ #")  # what is typed before is echoed where the command left off
        screen.type("echo $?", ENTER)
        screen.shows("/ # echo $?", "130", "/ #")
        screen.type("exit 3", ENTER)
        assert screen.ends() == 1
        screen.shows_somewhere("command terminated with exit code 3")


def test_attached_to_one_that_reads(terminal: Terminal, transport: str) -> None:
    container = terminal.start(terminal.run_pod(), "stdin_block", stdin=True, stdin_once=True)
    words = ("attach", "-i", "--transport", transport, container)
    assert run(terminal, *words, typed=b"typed\n")[:2] == (0, b"typed\neof\n")
    assert terminal.exited(container)["exitCode"] == 0
    assert terminal.crictl("logs", container) == "typed\neof"


def test_two_watch_and_one_is_killed(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "counter")
    with running(terminal, "attach", container, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert re.fullmatch(rb"tick \d+\n", first.stdout.readline())
        with running(terminal, "attach", container, stdout=subprocess.PIPE) as second:
            assert second.stdout is not None
            assert re.fullmatch(rb"tick \d+\n", second.stdout.readline())
        assert re.fullmatch(rb"tick \d+\n", first.stdout.readline())
        terminal.crictl("stop", "--timeout", "60", container)
        first.wait()
    assert first.returncode == 0
    assert terminal.status(container)["exitCode"] == 128 + signal.SIGTERM


def test_a_server_that_is_killed_ends_watching_and_no_input(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "stdin_block", stdin=True, stdin_once=True)
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running(terminal, "attach", "-i", container, **streams) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"one\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"one\n"
        terminal.node.server.kill()
        client.wait()
    terminal.node.server.start()
    assert run(terminal, "attach", "-i", container, typed=b"two\n")[:2] == (0, b"two\neof\n")


@contextmanager
def forwarding(terminal: Terminal, transport: str, pod: str) -> Iterator[int]:
    """To the web server of a pod; from which port, crictl chooses and says."""
    words = ("port-forward", "--transport", transport, pod, ":8080")
    with running(terminal, *words, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        [port] = re.findall(rb"127\.0\.0\.1:(\d+) ", client.stdout.readline())
        yield int(port)


def fetched(port: int) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}/pod", timeout=120) as answer:
        return bytes(answer.read())


def test_a_port_of_a_pod(terminal: Terminal, transport: str) -> None:
    pod = terminal.run_pod(port_mappings=[{"container_port": 8080}])
    terminal.start(pod, "web")
    with forwarding(terminal, transport, pod) as port:
        assert [fetched(port) for _ in range(5)] == [b"hello /pod"] * 5


def test_much_through_a_port_both_ways_at_bounded_memory(terminal: Terminal, transport: str, much: Path) -> None:
    pod = terminal.run_pod(port_mappings=[{"container_port": 8080}])
    terminal.start(pod, "web")
    with forwarding(terminal, transport, pod) as port:
        assert echoed(port, much) == digest_of(much)
    assert peak_bytes(terminal) < 2 * MUCH


def echoed(port: int, file: Path) -> bytes:
    """Digest of what a web server sends back while it is sent the file."""

    def send() -> None:
        with file.open("rb") as content:
            client.sendfile(content)

    with socket.create_connection(("127.0.0.1", port), 120) as client:
        client.sendall(f"POST /echo HTTP/1.1\r\nHost: it\r\nContent-Length: {file.stat().st_size}\r\n\r\n".encode())
        sender = threading.Thread(target=send)
        sender.start()
        answer = HTTPResponse(client)
        answer.begin()
        found = digest(answer)
        sender.join()
        return found
