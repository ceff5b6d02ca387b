"""Somebody at a node's terminal: crictl, configuration files, and a registry to pull from."""

import json
import select
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.cgroup import tree as cgroup
from tests.e2e.crictl import Crictl
from tests.guests.compiled import guest
from tests.images import push_artifact, push_wasi_image
from tests.real_node import RealNode, eventually


class Terminal:
    def __init__(self, node: RealNode, registry: str, folder: Path) -> None:
        """``registry``: its ``host:port``. Skips the test without crictl."""
        folder.mkdir()
        self.node = node
        self.registry = registry
        self.crictl = Crictl(node.server.socket, folder)
        self.logs = folder / "logs"
        self._folder = folder
        self._files = count()
        self._configs: dict[str, str] = {}
        """The file that a pod was run with, by the pod's id."""

    # ---- images -----------------------------------------------------------------------------------------------------

    def push(self, guest_name: str, tag: str = "latest", repository: str = "") -> str:
        """Reference of a guest's image, in the registry."""
        return push_artifact(self.registry, repository or guest_name, guest(guest_name), tag=tag)

    def pull(self, guest_name: str) -> str:
        """Reference of a guest's image, on the node."""
        reference = self.push(guest_name)
        self.crictl("pull", reference)
        return reference

    def pull_files(self) -> str:
        """On the node: a guest as ``/app.wasm``, and a native program."""
        files = {"/app.wasm": guest("hello"), "/bin/true": Path("/bin/true").read_bytes()}
        reference = push_wasi_image(self.registry, "files", files, env=["FROM=the image"], working_dir="/work")
        self.crictl("pull", reference)
        return reference

    # ---- files ------------------------------------------------------------------------------------------------------

    def pod_file(self, name: str, attempt: int = 0, linux: dict[str, Any] | None = None, **fields: Any) -> str:
        return self._file(
            {
                "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "attempt": attempt},
                "hostname": name,
                "log_directory": str(self.logs / name),
                "linux": {"cgroup_parent": self.node.server.cgroup_parent, **(linux or {})},
                **fields,
            }
        )

    def container_file(self, image: str, name: str, attempt: int = 0, **fields: Any) -> str:
        return self._file(
            {
                "metadata": {"name": name, "attempt": attempt},
                "image": {"image": image},
                "log_path": f"{name}/{attempt}.log",
                "linux": {},
                **fields,
            }
        )

    def _file(self, fields: dict[str, Any]) -> str:
        path = self._folder / f"{next(self._files)}.json"
        path.write_text(json.dumps(fields))
        return str(path)

    # ---- pods and containers ----------------------------------------------------------------------------------------

    def run_pod(self, name: str = "web", **fields: Any) -> str:
        file = self.pod_file(name, **fields)
        pod = self.crictl("runp", file)
        self._configs[pod] = file
        return pod

    def words_of_create(self, pod: str, image: str, name: str = "main", **fields: Any) -> list[str]:
        """The command line that creates a container in a pod."""
        return ["create", pod, self.container_file(image, name, **fields), self._configs[pod]]

    def create(self, pod: str, guest_name: str, name: str = "main", **fields: Any) -> str:
        return self.crictl(*self.words_of_create(pod, self.pull(guest_name), name, **fields))

    def start(self, pod: str, guest_name: str, name: str = "main", **fields: Any) -> str:
        """Id of a container that has been created and started."""
        container = self.create(pod, guest_name, name, **fields)
        assert self.crictl("start", container) == container
        return container

    def status(self, container: str) -> dict[str, Any]:
        status: dict[str, Any] = self.crictl.json("inspect", container)["status"]
        return status

    def exited(self, container: str) -> dict[str, Any]:
        """Its status, once it has exited."""
        eventually(lambda: self.status(container)["state"] == "CONTAINER_EXITED")
        return self.status(container)

    @contextmanager
    def following(self, container: str) -> Iterator["subprocess.Popen[str]"]:
        """``crictl logs --follow``, its output to be read line by line."""
        command = self.crictl.command("logs", "--follow", container)
        follower = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            yield follower
        finally:
            follower.kill()
            follower.communicate()

    @contextmanager
    def events(self) -> Iterator[Iterator[dict[str, Any]]]:
        """What ``crictl events`` prints, from the first event on: pods are made until it has printed one."""
        command = self.crictl.command("events", "--output", "json")
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as listener:
            try:
                assert listener.stdout is not None
                while not select.select([listener.stdout], [], [], 0)[0]:
                    self.crictl("rmp", "--force", self.run_pod("herald"))
                yield _objects(listener.stdout)
            finally:
                listener.kill()

    # ---- the end ----------------------------------------------------------------------------------------------------

    def remove_pods(self) -> None:
        """And their logs, which only their owner may remove. Nothing else is left of any pod."""
        if self.node.server.process is None:
            self.node.server.start()
        for pod in self.node.call("ListPodSandbox").items:
            self.node.call("RemovePodSandbox", pod_sandbox_id=pod.id)
        self._configs.clear()
        shutil.rmtree(self.logs, ignore_errors=True)
        server = self.node.server
        for folder in (server.root / "pods", server.state / "pods"):
            assert not list(folder.iterdir())
        for mount in cgroup.detect().mounts:
            assert not list(Path(mount + server.cgroup_parent).glob("*/"))
        assert str(server.folder) not in Path("/proc/self/mounts").read_text()


def _objects(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """JSON objects that are written on many lines each."""
    written = ""
    for line in lines:
        written += line
        if line == "}\n":
            yield json.loads(written)
            written = ""
