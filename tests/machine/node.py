"""Somebody at the machine's terminal, who runs pods by crictl."""

import json
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.e2e.crictl import Crictl, Printed
from tests.machine.disk import REGISTRY
from tests.machine.machine import Machine

SLICE = "kubepods-burstable-pod1234.slice"
"""A pod's parent as the kubelet names it with the systemd driver."""
SLICE_PATH = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice"

_SECONDS_TO_HAPPEN = 900
_PAUSE_SECONDS = 0.5
"""To look is work for a slow machine, which keeps it from what is waited for."""


class MachineCrictl(Crictl):
    """The one that is installed there, with its settings in /etc/crictl.yaml."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def command(self, *words: str) -> list[str]:
        return ["crictl", *words]

    def printed(self, *words: str) -> Printed:
        return Printed(*self._machine.try_to_run(*self.command(*words)))


class Node:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.crictl = MachineCrictl(machine)
        self.run = machine.run
        self._numbers = count()
        self._configs: dict[str, str] = {}
        """The file that a pod was run with, by the pod's id."""

    def wait_until_serving(self) -> None:
        self.eventually(self._serves)

    def _serves(self) -> bool:
        """systemd knows before crictl does; the fewer programs run meanwhile, the sooner."""
        return self.unit("wasmlet", "ActiveState") == ["active"] and self.crictl.printed("version").status == 0

    def eventually(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS_TO_HAPPEN
        while not condition():
            assert time.monotonic() < deadline, "it has not happened"
            time.sleep(_PAUSE_SECONDS)

    # ---- pods and containers ----------------------------------------------------------------------------------------

    def run_pod(self, **linux: Any) -> str:
        """Of a name of its own. ``linux``: as in CRI's LinuxPodSandboxConfig."""
        name = f"web{next(self._numbers)}"
        config = {
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
            "hostname": name,
            "log_directory": f"/var/log/pods/{name}",
            "linux": {"cgroup_parent": SLICE, **linux},
        }
        file = self._file(f"pod-{name}", config)
        pod = self.crictl("runp", file)
        self._configs[pod] = file
        return pod

    def start(self, pod: str, guest: str, name: str = "main", **resources: Any) -> str:
        """Id of a container that has been created and started. ``resources``: as in CRI's LinuxContainerResources."""
        image = f"{REGISTRY}/{guest}:latest"
        self.crictl("pull", image)
        config = {
            "metadata": {"name": name},
            "image": {"image": image},
            "log_path": f"{name}.log",
            "linux": {"resources": resources},
        }
        container = self.crictl("create", pod, self._file(f"container-{name}", config), self._configs[pod])
        return self.crictl("start", container)

    def _file(self, name: str, content: dict[str, Any]) -> str:
        path = f"/tmp/{name}.json"
        self.machine.write(path, json.dumps(content))
        return path

    def status(self, container: str) -> dict[str, Any]:
        status: dict[str, Any] = self.crictl.json("inspect", container)["status"]
        return status

    def exited(self, container: str) -> dict[str, Any]:
        """Its status, once it has exited."""
        self.eventually(lambda: self.status(container)["state"] == "CONTAINER_EXITED")
        return self.status(container)

    def log_path(self, container: str) -> str:
        return str(self.status(container)["logPath"])

    def log(self, container: str) -> list[str]:
        """Content of the log's lines."""
        return self.crictl.lines("logs", container)

    def remove_pods(self) -> None:
        self.crictl("rmp", "--force", "--all")

    # ---- what the kernel and systemd say ----------------------------------------------------------------------------

    def pid(self, container: str) -> str:
        return str(self.crictl.json("inspect", container)["info"]["pid"])

    def pod_pid(self, pod: str) -> str:
        return str(self.crictl.json("inspectp", pod)["info"]["pid"])

    def unit(self, unit: str, *properties: str) -> list[str]:
        """Values of properties, in their order."""
        shown = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        values = dict(line.split("=", 1) for line in shown)
        return [values[name] for name in properties]

    def files(self, group: str, *names: str) -> list[str]:
        """Content of files of a control group, each in one line."""
        texts = [self.machine.read(f"/sys/fs/cgroup{group}/{name}") for name in names]
        return [" ".join(text.split()) for text in texts]


def scope(pod: str) -> str:
    return f"wasmlet-{pod}.scope"


def pod_group(pod: str) -> str:
    return f"{SLICE_PATH}/{scope(pod)}"
