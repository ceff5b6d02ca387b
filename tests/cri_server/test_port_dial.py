"""Connections to the ports of real pods."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cri_server import port_dial
from cri_server.errors import PortNotReached
from cri_server.port_dial import dial
from sandbox import syscalls
from sandbox.errors import PodProcessGone
from tests.prerequisites import require_root
from tests.real_node import eventually
from tests.sandbox.one_pod import descriptors


class Pod:
    """A network namespace with its loopback, held by a thread."""

    def __init__(self) -> None:
        self._made, self._over = threading.Event(), threading.Event()
        self._jobs: list[Any] = []
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        self._made.wait()
        process = SimpleNamespace(netns_path=f"/proc/self/fd/{self.namespace}", alive=True)
        self.sandbox: Any = SimpleNamespace(id="pod", process=process, record=SimpleNamespace(ips=["127.0.0.9"]))

    def _live(self) -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        os.system("ip link set lo up")
        self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.listeners = {
            address: socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
            for address in ("127.0.0.1", "::1", "127.0.0.9")
        }
        self._made.set()
        self._over.wait()

    def port(self, address: str) -> int:
        return int(self.listeners[address].getsockname()[1])

    def close(self) -> None:
        self._over.set()
        for listener in self.listeners.values():
            listener.close()
        os.close(self.namespace)


@pytest.fixture
def pod() -> Iterator[Pod]:
    require_root()
    pod = Pod()
    yield pod
    pod.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.0.0.9"])
def test_what_listens_on_a_loopback_or_the_pods_address(pod: Pod, address: str) -> None:
    async def scenario() -> None:
        connection = await dial(pod.sandbox, pod.port(address))
        with connection, pod.listeners[address].accept()[0] as accepted:
            assert accepted.getpeername()[1] == connection.getsockname()[1]
            assert connection.gettimeout() == 0

    asyncio.run(scenario())


def test_where_nothing_listens(pod: Pod) -> None:
    before = descriptors(os.getpid()).items()
    port = pod.port("127.0.0.1")
    pod.listeners.pop("127.0.0.1").close()
    with pytest.raises(
        PortNotReached, match=f"^connection refused: see that something listens on port {port} of the pod$"
    ):
        asyncio.run(dial(pod.sandbox, port))
    eventually(lambda: descriptors(os.getpid()).items() <= before)


def test_where_nobody_answers(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: Any) -> None:
        await asyncio.sleep(60)

    async def scenario() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect, raising=False)
        with pytest.raises(PortNotReached, match=r"^no answer within 0\.01 s: see that"):
            await dial(pod.sandbox, 80)

    monkeypatch.setattr(port_dial, "_SECONDS", 0.01)
    asyncio.run(scenario())


def test_a_pod_that_has_gone(pod: Pod) -> None:
    pod.sandbox.process.netns_path = "/proc/0/ns/net"
    with pytest.raises(PodProcessGone):
        asyncio.run(dial(pod.sandbox, 80))
