"""A real kubelet without an API server: its pods are manifests in a folder, its answers those of its own API."""

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import urllib3

from tests.e2e.node_namespaces import ADDRESS
from tests.e2e.pods import LOG_IS_REMOVED, NAMESPACE, Pod
from tests.prerequisites import require_tool

NODE = "node"

_PORT = 10250
_SECONDS = 240
"""Most of what is waited for takes one or two; the kubelet's longest cycles take a minute, on an idle machine."""
_GIVEN_UP = re.compile(r'"(?:Get )?(\w+)[\w ]* from (?:runtime|image) service failed" err="rpc error: code = Canceled ')
"""What a kubelet logs of a call."""


class Kubelet:
    """``folder``: of its own; ``cgroup``: the group that its pods belong below, which is there; ``feature_gates``: what
    is not left as it is by default; ``kubeconfig``: of its API server, if it has one; ``authority``: the only
    one that its machine trusts; ``settings``: more of its configuration."""

    def __init__(
        self,
        folder: Path,
        socket: Path,
        cgroup: str,
        feature_gates: Mapping[str, bool] = MappingProxyType({}),
        kubeconfig: Path | None = None,
        authority: Path | None = None,
        node_ip: str = ADDRESS,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self._node_ip = node_ip
        self.log = folder / "kubelet.log"
        self.manifests = folder / "manifests"
        self.process: subprocess.Popen[bytes] | None = None
        self._program = require_tool("kubelet")
        self._kubeconfig = kubeconfig
        self._environment = dict(os.environ) | ({"SSL_CERT_FILE": str(authority)} if authority else {})
        self._certificates = folder / "certificates"
        self._config = folder / "config.json"
        self.manifests.mkdir(parents=True)
        settings = {"featureGates": dict(feature_gates), **settings}
        self._config.write_text(json.dumps(self._settings(socket, cgroup) | settings))

    def start(self) -> None:
        """Return when it is healthy and its API answers."""
        options = {
            "config": self._config,
            "root-dir": self.folder / "root",
            "cert-dir": self._certificates,
            "hostname-override": NODE,
            "node-ip": self._node_ip,
        }
        if self._kubeconfig is not None:
            options["kubeconfig"] = self._kubeconfig
        command = [str(self._program), *(f"--{name}={value}" for name, value in options.items())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        self.eventually(self._is_healthy, "the kubelet is healthy")

    def stop(self) -> None:
        """Its pods go on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None

    # ---- manifests --------------------------------------------------------------------------------------------------

    def run(self, pod: Pod) -> None:
        """Put its manifest there, complete from the first moment."""
        name = pod["metadata"]["name"]
        fresh = self.folder / f"{name}.json"
        fresh.write_text(json.dumps(pod))
        fresh.rename(self._manifest(name))

    def remove(self, name: str) -> None:
        self._manifest(name).unlink()

    def remove_all(self) -> None:
        for each in self.manifests.iterdir():
            each.unlink()

    def _manifest(self, name: str) -> Path:
        return self.manifests / f"{name}.json"

    # ---- its API ----------------------------------------------------------------------------------------------------

    def get(self, path: str, **query: str) -> urllib3.BaseHTTPResponse:
        """Whatever the answer is; its body is there to be read."""
        with self._api() as api:
            return api.request("GET", path, fields=query, retries=False)

    def exec_url(self, pod: str, *words: str, container: str = "main") -> str:
        """By WebSocket."""
        query = urlencode([*(("command", word) for word in words), ("output", "1")])
        return f"https://{ADDRESS}:{_PORT}/exec/{NAMESPACE}/{pod}-{NODE}/{container}?{query}"

    def pods(self) -> dict[str, Pod]:
        """By the name in the manifest."""
        items = json.loads(self.get("/pods").data)["items"] or []
        return {pod["metadata"]["name"].removesuffix(f"-{NODE}"): pod for pod in items}

    def container_log(self, pod: str, container: str = "main", **query: str) -> list[str]:
        """Nothing for a moment where a container is removed, for which another has been started."""
        answer = self.get(_log_path(pod, container), **query)
        text = answer.data.decode()
        if text.startswith(LOG_IS_REMOVED):
            return []
        assert answer.status == 200, text
        return text.splitlines()

    def log_file(self, pod: str, container: str = "main") -> Path:
        """Where the runtime writes it, of the container's first start. The pod's name is used once."""
        [folder] = self.folder.glob(f"logs/{NAMESPACE}_{pod}-{NODE}_*")
        return folder / container / "0.log"

    @contextmanager
    def followed_log(self, pod: str, container: str = "main", **query: str) -> Iterator[Iterator[str]]:
        """Lines as they come."""
        with self._api() as api:
            fields = {"follow": "true", **query}
            answer = api.request("GET", _log_path(pod, container), fields=fields, preload_content=False)
            yield (line.decode().rstrip("\n") for line in answer)

    def runtime_errors(self) -> set[str]:
        """Which kinds of calls to the runtime have failed since the kubelet's start, but for those that it gave up:
        when a pod is removed or changed it does so with whatever it is about to do for it."""
        labelled = self.metric("kubelet_runtime_operations_errors_total")
        failed = {labels.split('"')[1]: int(count) for labels, count in labelled.items()}
        given_up = Counter(name.lower() for name in _GIVEN_UP.findall(self.log.read_text()))
        return {name for name, count in failed.items() if count > given_up[name.replace("_", "")]}

    def metric(self, name: str) -> dict[str, float]:
        """Values by labels, as they are written: ``{a="b"}``, or nothing."""
        lines = self.get("/metrics").data.decode().splitlines()
        pairs = [line.removeprefix(name).rsplit(" ", 1) for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        return {labels: float(value) for labels, value in pairs}

    def _api(self) -> urllib3.HTTPSConnectionPool:
        """It presents a certificate that it made itself at its start."""
        certificate = str(self._certificates / "kubelet.crt")
        return urllib3.HTTPSConnectionPool(
            ADDRESS, _PORT, timeout=120, ca_certs=certificate, server_hostname=NODE, assert_hostname=NODE
        )

    def _is_healthy(self) -> bool:
        try:
            return self.get("/healthz").data == b"ok"
        except (OSError, urllib3.exceptions.HTTPError):  # also of a certificate that is yet to be made
            return False

    # ---- waiting ----------------------------------------------------------------------------------------------------

    def eventually(self, condition: Callable[[], bool], what: str, seconds: float = _SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"it has not happened that {what}; the kubelet says:\n{self._last_words()}")
            time.sleep(0.1)

    def pod_when(self, name: str, condition: Callable[[Pod], bool]) -> Pod:
        """The pod as it is as soon as it meets the condition."""
        seen: Pod = {}

        def is_met() -> bool:
            nonlocal seen
            seen = self.pods().get(name, {})
            return bool(seen) and condition(seen)

        try:
            self.eventually(is_met, f"pod {name} is as expected")
        except AssertionError as error:
            raise AssertionError(f"{error}\nIts status: {json.dumps(seen.get('status'), indent=1)}") from None
        return seen

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-40:])

    def _settings(self, socket: Path, cgroup: str) -> dict[str, Any]:
        """Beside the endpoint only what a node without API server needs, beside others on a machine of any kind."""
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{socket}",
            "runtimeRequestTimeout": "10m",  # two minutes by default: the machine may be busy
            "staticPodPath": str(self.manifests),
            "podLogsDir": str(self.folder / "logs"),
            "volumePluginDir": str(self.folder / "volume-plugins"),
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupRoot": cgroup,
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "evictionHard": dict.fromkeys(("memory.available", "nodefs.available", "imagefs.available"), "1%"),
        }


@contextmanager
def kubelet(folder: Path, socket: Path, cgroup: str, **options: Any) -> Iterator[Kubelet]:
    """``options``: as the class takes them. The caller is in the namespaces of a node. Skips the test where there is
    no kubelet."""
    running = Kubelet(folder, socket, cgroup, **options)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def _log_path(pod: str, container: str) -> str:
    return f"/containerLogs/{NAMESPACE}/{pod}-{NODE}/{container}"
