"""kubectl port-forward to guests that serve."""

import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import urllib3

from tests.e2e.cluster.kubectl import Kubectl
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.web import PORT, flags, web
from tests.e2e.cluster.workloads import pod

DOWNLOADS, SIZE = 50, 1 << 20


@contextmanager
def forwarding(kubectl: Kubectl, name: str, port: int) -> Iterator[tuple[str, list[str]]]:
    """The local address, and what kubectl complains of."""
    command = kubectl.command("port-forward", name, f":{port}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        first = re.search(r"127\.0\.0\.1:\d+", running.stdout.readline())
        assert first, running.stderr.read()
        complaints: list[str] = []
        errors = running.stderr
        listening = [
            threading.Thread(target=running.stdout.read),
            threading.Thread(target=lambda: complaints.extend(errors)),
        ]
        for thread in listening:
            thread.start()
        yield first.group(), complaints
        running.terminate()
        for thread in listening:
            thread.join()


@together
def test_many_downloads_at_the_same_time(case: Case) -> None:
    case.kubectl.apply(pod("serving", web(case), volumes=flags(case)))
    case.kubectl.wait("pod/serving", "condition=Ready")

    def download(address: str) -> bytes:
        answer = urllib3.request("GET", f"http://{address}/bytes/{SIZE}", retries=False, timeout=200)
        return bytes(answer.data)

    with forwarding(case.kubectl, "pod/serving", PORT) as (address, complaints), ThreadPoolExecutor(DOWNLOADS) as pool:
        found = list(pool.map(download, [address] * DOWNLOADS))
    assert found == [b"0123456789abcdef" * (SIZE // 16)] * DOWNLOADS
    assert complaints == []


@together
def test_a_port_that_nobody_listens_on(case: Case) -> None:
    case.kubectl.apply(pod("deaf", case.tool("sleep 1000"), volumes=case.volumes()))
    case.kubectl.wait("pod/deaf", "condition=Ready")
    with forwarding(case.kubectl, "pod/deaf", 4321) as (address, complaints):
        host, _, port = address.partition(":")
        connection = urllib3.connection.HTTPConnection(host, int(port), timeout=200)
        connection.connect()
        assert connection.sock.recv(1) == b""
        connection.close()
    assert any("error forwarding port 4321 to pod" in line for line in complaints), complaints
