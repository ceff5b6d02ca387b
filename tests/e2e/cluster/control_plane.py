"""etcd, the API server, the controller manager and the scheduler, as they come; ports as on a node of its own."""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3

from tests.e2e.cluster.certificates import Certificates, make_certificates
from tests.e2e.node_namespaces import ADDRESS
from tests.prerequisites import require_tool

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
POD_ADDRESSES = "10.244.0.0/16,fd00:244::/48"
SERVICE_ADDRESSES = "10.96.0.0/24,fd00:96::/112"

_ETCD = "http://127.0.0.1:2379"
_URL = "https://127.0.0.1:6443"
_SECONDS_TO_START = 240

_USELESS_CONTROLLERS = (
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "clusterrole-aggregation-controller",
    "endpointslice-mirroring-controller",
    "horizontal-pod-autoscaler-controller",
    "resourceclaim-controller",
    "service-cidr-controller",
    "validatingadmissionpolicy-status-controller",
)
"""What a cluster of one node without any of their objects can do without."""

_CLIENT_RATE = {"kube-api-qps": "500", "kube-api-burst": "1000"}
"""Requests a second: the defaults are meant for many nodes that share an API server."""


_USUAL = re.compile(r'^[IW]\d{4} |"level": ?"(debug|info|warn)"')
"""Lines of a log, in the formats of Kubernetes, etcd and wasmlet, that tell of no error."""


class ControlPlane:
    """``folder``: of its own, for everything that is written. The caller is in the namespaces of a node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = {name: require_tool(name) for name in PROGRAMS}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._certificates = make_certificates(folder / "certificates")
        self.kubeconfig = self._certificates.write_kubeconfig(folder / "kubeconfig", _URL)

    def start(self) -> None:
        """Return when the API server is ready; the other two need nothing but it."""
        self._launch("etcd", _etcd_options(self.folder / "etcd"))
        self._launch("kube-apiserver", _api_server_options(self._certificates))
        self._wait_until_ready()
        self._launch("kube-controller-manager", _controller_options(self._certificates, self.kubeconfig))
        self._launch("kube-scheduler", _scheduler_options(self.kubeconfig))

    def stop(self) -> None:
        """With SIGKILL: nothing that they keep is of any use afterwards."""
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()

    def logs(self) -> Iterator[Path]:
        return (self._log(name) for name in self._processes)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _launch(self, name: str, options: Mapping[str, str]) -> None:
        command = [str(self._programs[name]), *(f"--{option}={value}" for option, value in options.items())]
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._is_ready():
            ended = any(process.poll() is not None for process in self._processes.values())
            if ended or time.monotonic() > deadline:
                words = "\n".join(last_words(log) for log in self.logs())
                raise AssertionError(f"the API server does not become ready:\n{words}")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        authority, client = self._certificates.authority, self._certificates.client
        with urllib3.PoolManager(
            ca_certs=str(authority.certificate), cert_file=str(client.certificate), key_file=str(client.key)
        ) as connections:
            try:
                return connections.request("GET", f"{_URL}/readyz", retries=False, timeout=30).status == 200
            except (OSError, urllib3.exceptions.HTTPError):
                return False


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Skips the test where a program is missing."""
    running = ControlPlane(folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def last_words(log: Path) -> str:
    """The last of its lines that tell of an error."""
    unusual = [line for line in log.read_text(errors="replace").splitlines() if not _USUAL.search(line)]
    return "\n".join([f"---- {log.name} ----", *unusual[-30:]])


def _etcd_options(folder: Path) -> dict[str, str]:
    return {
        "data-dir": str(folder),
        "listen-client-urls": _ETCD,
        "advertise-client-urls": _ETCD,
        "unsafe-no-fsync": "true",
        "election-timeout": "10000",  # ms; a request may take twice as long, and there is nobody else to be elected
        "log-level": "warn",
    }


def _api_server_options(certificates: Certificates) -> dict[str, str]:
    """Everybody with a certificate may do everything: whom the API server trusts is not what is tested."""
    return {
        "etcd-servers": _ETCD,
        "bind-address": "0.0.0.0",
        "advertise-address": ADDRESS,
        "service-cluster-ip-range": SERVICE_ADDRESSES,
        "endpoint-reconciler-type": "none",
        "authorization-mode": "AlwaysAllow",
        "allow-privileged": "true",
        "client-ca-file": str(certificates.authority.certificate),
        "tls-cert-file": str(certificates.server.certificate),
        "tls-private-key-file": str(certificates.server.key),
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": _URL,
        "service-account-key-file": str(certificates.server.certificate),
        "service-account-signing-key-file": str(certificates.server.key),
        "enable-priority-and-fairness": "false",
    }


def _controller_options(certificates: Certificates, kubeconfig: Path) -> dict[str, str]:
    return {
        **_CLIENT_RATE,
        "kubeconfig": str(kubeconfig),
        "leader-elect": "false",
        "allocate-node-cidrs": "true",
        "cluster-cidr": POD_ADDRESSES,
        "root-ca-file": str(certificates.authority.certificate),
        "node-monitor-grace-period": "10m",  # a kubelet that gets no processor for a while is not lost
        "controllers": ",".join(["*", *(f"-{name}" for name in _USELESS_CONTROLLERS)]),
    }


def _scheduler_options(kubeconfig: Path) -> dict[str, str]:
    return {**_CLIENT_RATE, "kubeconfig": str(kubeconfig), "leader-elect": "false"}
