"""The web server among the guests, in manifests, and who visits it."""

import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import urllib3

from tests.e2e.cluster.kube_proxy import SECONDS_TO_CONNECT
from tests.e2e.cluster.kubectl import Object
from tests.e2e.cluster.together import Case
from tests.e2e.cluster.workloads import from_field
from tests.e2e.pods import seen_at

PORT = 8080

_VISITS = 30
"""Among so many connections each of a few pods has one, all but certainly."""
_SECONDS = 300

_VISIT = """
import sys, urllib3
timeout = urllib3.Timeout(connect=20, read=300)
pool = urllib3.PoolManager(headers={"connection": "close"}, timeout=timeout, retries=False)
print(*(pool.request("GET", sys.argv[1]).data.decode() for _ in range(int(sys.argv[2]))))
"""


def web(case: Case, guest: str = "service", **fields: Any) -> Object:
    """A container that serves at a port named web, and is as the files in the test's folder tell; see the guests
    service and health."""
    ports = [{"name": "web", "containerPort": PORT}]
    return {
        "name": "main",
        "image": case.cluster.node.image(guest),
        "imagePullPolicy": "IfNotPresent",
        "ports": ports,
        "env": [from_field("POD", "metadata.name")],
        "volumeMounts": seen_at(flags="/flags"),
        **fields,
    }


def flags(case: Case) -> list[Object]:
    """The volumes that such a container needs."""
    return [{"name": "flags", "hostPath": {"path": str(case.folder), "type": "Directory"}}]


def health(flag: str) -> Object:
    """An HTTP probe that fails while there is a file of this name."""
    return {"httpGet": {"path": f"/health/{flag}", "port": "web"}}


def each_second(probe: Object, failures: int = 1) -> Object:
    """``failures``: so many are taken seriously."""
    return {**probe, "periodSeconds": 1, "timeoutSeconds": 300, "failureThreshold": failures}


def service(name: str, **spec: Any) -> Object:
    """For the pods that are labelled with its name."""
    ports = [{"port": 80, "targetPort": "web"}]
    spec = {"selector": {"app": name}, "ports": ports, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def answers(url: str) -> set[str]:
    """What is said at many connections."""
    timeout = urllib3.Timeout(connect=SECONDS_TO_CONNECT, read=_SECONDS)
    with urllib3.PoolManager(headers={"connection": "close"}, timeout=timeout, retries=False) as pool:
        try:
            return {pool.request("GET", url).data.decode() for _ in range(_VISITS)}
        except urllib3.exceptions.HTTPError as error:
            return {str(error)}


def answers_inside(pid: int, url: str) -> set[str]:
    """The same, from the network of a process."""
    command = ["nsenter", "--net", f"--target={pid}", sys.executable, "-c", _VISIT, url, str(_VISITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return set(done.stdout.split()) if done.returncode == 0 else {done.stderr}


class Visitor:
    """Who asks again and again, over new connections and, if so wanted, over one that lasts, and notes when it is not
    answered."""

    def __init__(self, address: str, path: str, stays: bool) -> None:
        self.visits = 0
        self.failures: list[str] = []
        self._address, self._path, self._stays = address, path, stays
        self._leaving = threading.Event()

    def visit(self) -> None:
        with closing(self._connection()) as lasting:
            lasting.connect()
            first = lasting.sock
            while not self._leaving.wait(0.02):
                with closing(self._connection()) as fresh:
                    self._ask(fresh)
                if self._stays:
                    self._ask(lasting)
                    if lasting.sock is not first:
                        self.failures.append("the connection has been closed")
                self.visits += 1

    def leave(self) -> None:
        self._leaving.set()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, timeout=_SECONDS)

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.request("GET", self._path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                self.failures.append(str(answer.status))
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))


@contextmanager
def visitor(address: str, path: str, stays: bool = True) -> Iterator[Visitor]:
    visiting = Visitor(address, path, stays)
    thread = threading.Thread(target=visiting.visit)
    thread.start()
    try:
        yield visiting
    finally:
        visiting.leave()
        thread.join()
